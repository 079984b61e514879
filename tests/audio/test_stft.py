import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstereo.audio import STFTConfig, istft, stft

CONFIGS = [STFTConfig(), STFTConfig(512, 512, 128), STFTConfig(1024, 1000, 250)]


def by_hand(x: np.ndarray, config: STFTConfig) -> np.ndarray:
    """Frame k sees the samples around k * hop under a periodic Hann window; outside the signal is silence."""
    window = scipy.signal.get_window("hann", config.win_length)
    before = (config.n_fft - config.win_length) // 2
    window = np.pad(window, (before, config.n_fft - config.win_length - before))
    padded = np.pad(x, config.n_fft)
    starts = np.arange(len(x) // config.hop_length + 1) * config.hop_length + config.n_fft // 2
    return np.stack([np.fft.rfft(padded[start : start + config.n_fft] * window) for start in starts], axis=-1)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("samples", [10_080, 4_001])
def test_agrees_with_the_definition(config, samples):
    x = torch.randn(samples, dtype=torch.float64)
    spec = stft(x, config).numpy()
    expected = by_hand(x.numpy(), config)
    assert spec.shape == (2, *expected.shape) == (2, config.bins, config.frames(samples))
    np.testing.assert_allclose(spec[0] + 1j * spec[1], expected, atol=1e-10)


def test_agrees_with_scipy():
    config = STFTConfig(512, 512, 128)
    x = torch.randn(8_192, dtype=torch.float64)
    window = scipy.signal.get_window("hann", 512)
    theirs = scipy.signal.ShortTimeFFT(window, hop=128, fs=16_000, phase_shift=None)
    np.testing.assert_allclose(
        torch.complex(*stft(x, config)).numpy(), theirs.stft(x.numpy(), p0=0, p1=8_192 // 128 + 1), atol=1e-10
    )


def test_a_tone_stands_in_its_bin_with_its_phase():
    time = torch.arange(16_000, dtype=torch.float64) / 16_000
    real, imaginary = stft(torch.cos(2 * torch.pi * 1_000 * time))
    level = torch.hypot(real, imaginary)[:, 20:-20]
    assert (level.argmax(0) == 32).all()  # 1000 Hz / (16000 Hz / 512)
    assert level[32].numpy() == pytest.approx(100, rel=1e-6)  # half the sum of the window
    # Frame k's transform starts 256 samples, 16 whole periods, before its centre at 160 k, 10 k whole periods.
    assert real[32, 20:-20].numpy() == pytest.approx(100, rel=1e-6)


@given(
    samples=st.integers(1, 3_000), config=st.sampled_from(CONFIGS), batch=st.sampled_from([(), (3,), (2, 1)]),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_inverse_returns_every_sample(samples, config, batch, seed):
    x = torch.randn(*batch, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    spec = stft(x, config)
    assert spec.shape == (*batch, 2, config.bins, config.frames(samples))
    back = istft(spec, samples, config)
    assert back.shape == x.shape
    torch.testing.assert_close(back, x, atol=1e-9, rtol=0)


def test_float32_keeps_100_decibels():
    x = torch.randn(2, 10_080)
    error = istft(stft(x), 10_080) - x
    assert 10 * torch.log10(x.square().mean() / error.square().mean()) > 100


@pytest.mark.parametrize("shape", [(2, 256, 64), (3, 257, 64), (1, 257, 64)])
def test_a_missing_bin_or_part_is_named(shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., 2, 257, frames\), got"):
        istft(torch.zeros(shape), 10_080)


def test_gradients_flow_after_the_window_was_made_while_predicting():
    config = STFTConfig(128, 128, 32)  # no other test's, so that the window is made here
    with torch.inference_mode():
        stft(torch.zeros(1_000), config)
    x = torch.randn(1_000, requires_grad=True)
    istft(2 * stft(x, config), 1_000, config).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.full((1_000,), 2.0), atol=1e-4, rtol=0)
