"""High-band panning: what lies above the model's rate goes where the octave below is, by as many decibels."""

import numpy as np
import pytest
import soxr
import torch

from ccstereo.audio import FOA, LEFT_RIGHT, MID_SIDE, encode
from ccstereo.inference.highband import panning_gains
from ccstereo.inference.spectra import stft
from ccstereo.metrics.functional import interaural_level_difference
from ccstereo.scenes import spatialize, spherical_head
from panner import Panner, noise, run

RATE = 48_000


def shown(brightness: int) -> np.ndarray:
    """Frames whose left half is this bright, the right half black."""
    frames = np.zeros((10, 24, 48, 3), np.uint8)
    frames[:, :, :24] = brightness
    return frames


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_a_panned_sound_is_panned_at_every_frequency(rate: int) -> None:
    sound = noise(rate)
    left, right = run(Panner(), sound, shown(30), sample_rate=rate, tdss=False)
    pan = float(torch.tanh(torch.tensor(30 / 255 / 0.225)))
    inner = slice(rate // 20, -rate // 20)
    np.testing.assert_allclose(left[inner], (1 + pan) * sound[inner], atol=0.01)
    np.testing.assert_allclose(right[inner], (1 - pan) * sound[inner], atol=0.01)
    np.testing.assert_allclose((left + right) / 2, sound, atol=1e-6)


@pytest.mark.parametrize("azimuth", [-70, -35, 0, 20, 50])
def test_a_head_shadows_it_about_as_much(azimuth: float) -> None:
    truth = spatialize(noise(RATE), np.array([float(azimuth)]), spherical_head(RATE))
    low = soxr.resample(truth.T, RATE, 16_000).T[None]
    gains = [
        panning_gains(stft(target.mixture(low)), stft(target.encode(low)), target, low.shape[-1])
        for target in (MID_SIDE, LEFT_RIGHT)
    ]
    np.testing.assert_allclose(gains[1], np.concatenate([gains[0] / 2, -gains[0] / 2], axis=1), atol=1e-6)  # from mono
    gain = gains[0][:, 0]
    carried = 20 * np.log10((1 + gain) / (1 - gain)).mean()
    wanted = interaural_level_difference(torch.from_numpy(truth), RATE, edges=(8_000.0, 16_000.0)).mean()
    assert carried == pytest.approx(wanted.item(), rel=0.25, abs=0.3)
    assert abs(azimuth) < 15 or abs(wanted.item()) > 3


def test_gains_stay_within_one_and_mirror() -> None:
    rng = np.random.default_rng(0)
    mix, difference = rng.standard_normal((3, 2, 257, 30)), 3 * rng.standard_normal((3, 1, 2, 257, 30))
    gain = panning_gains(mix, difference, MID_SIDE, 4_000)
    assert gain.shape == (3, 1, 4_000)
    assert np.abs(gain).max() <= 1
    np.testing.assert_allclose(panning_gains(mix, -difference, MID_SIDE, 4_000), -gain)
    assert np.abs(panning_gains(0 * mix, 0 * difference, MID_SIDE, 4_000)).max() == 0


def test_ambisonics_keep_their_direction() -> None:
    sound = encode(torch.from_numpy(noise(RATE)), 40.0, 20.0)[None].numpy()
    gains = panning_gains(stft(FOA.mixture(sound)), stft(FOA.encode(sound)), FOA, RATE)
    np.testing.assert_allclose(gains.mean((0, 2)), sound[0, 1:, 100] / sound[0, 0, 100], atol=1e-3, rtol=1e-3)
