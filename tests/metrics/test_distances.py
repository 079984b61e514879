import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstereo.metrics import functional as F
from golden_recipe import noise_audio

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"

# What the released scoring code of CCStereo prints for the pair of `noise_pair`.
NOISE_PAIR = {
    "stft": 2.0922093391418457,
    "env": 0.23476728796958923,
    "wav": 27.811342239379883,
    "snr": 3.258667230606079,
    "mag": 4.18441915512085,
    "phs": 0.5880118012428284,
}
CLIP_PAIR = {
    "stft": 3.2021584510803223,
    "env": 0.29054203629493713,
    "wav": 42.47413635253906,
    "snr": 2.507598876953125,
    "mag": 6.4043169021606445,
    "phs": 1.5706921815872192,
}
SCORES = {
    "stft": F.stft_distance,
    "env": F.envelope_distance,
    "wav": F.waveform_distance,
    "snr": F.signal_to_noise_ratio,
    "mag": F.magnitude_distance,
    "phs": F.phase_distance,
}


def all_scores(pred: torch.Tensor, target: torch.Tensor) -> dict[str, float]:
    values = {name: score(pred, target, normalize=True).item() for name, score in SCORES.items()}
    values["wav"] = F.waveform_distance(pred, target, normalize=True, reduction="sum").item()
    return values


@pytest.fixture
def noise_pair() -> tuple[torch.Tensor, torch.Tensor]:
    pred = noise_audio("pred", 2, 48000, 7)
    target = np.float32(0.6 * pred + 0.4 * noise_audio("gt", 2, 48000, 7))
    return torch.from_numpy(pred), torch.from_numpy(target)


def test_golden_noise_pair(noise_pair):
    assert all_scores(*noise_pair) == pytest.approx(NOISE_PAIR, rel=1e-5)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the authors' predicted clip lies outside the repository")
def test_golden_clip_pair():
    from safetensors.torch import load_file

    pred = load_file(GOLDEN / "clip_ccstereo.safetensors")["binaural"]
    target = torch.from_numpy(noise_audio("clip", 2, 160000, 7))
    assert all_scores(pred, target) == pytest.approx(CLIP_PAIR, rel=1e-5)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the file of golden numbers lies outside the repository")
def test_golden_numbers_were_copied_right():
    numbers = json.loads((GOLDEN / "metrics_losses.json").read_text())
    keys = {
        "stft": "stft_l2_dist",
        "env": "env_dist",
        "wav": "wav_dist",
        "mag": "mag_dist",
        "phs": "ang_diff",
        "snr": "snr",
    }
    for here, there in ((NOISE_PAIR, "noise_pair"), (CLIP_PAIR, "clip_pair")):
        assert here == {name: numbers[there][key] for name, key in keys.items()}


@pytest.mark.parametrize("samples", [1, 2, 999, 1000])
def test_envelope_is_scipys(samples):
    x = torch.randn(3, samples, dtype=torch.float64)
    np.testing.assert_allclose(F.envelope(x).numpy(), np.abs(scipy.signal.hilbert(x.numpy())), atol=1e-12)


def test_spectral_scores_against_scipys_stft():
    pred, target = torch.randn(2, 2, 2, 4000, dtype=torch.float64)
    window = np.pad(scipy.signal.windows.hann(400, sym=False), 56)

    def spectrum(x):
        padded = np.pad(x, 256)
        return np.stack([np.fft.rfft(padded[i * 160 : i * 160 + 512] * window) for i in range(4000 // 160 + 1)])

    for one, truth, index in ((pred[0], target[0], 0), (pred[1], target[1], 1)):
        specs = [(spectrum(p), spectrum(t)) for p, t in zip(one.numpy(), truth.numpy(), strict=True)]
        expected = sum(np.mean(np.abs(p - t) ** 2) / 2 for p, t in specs)
        assert F.stft_distance(pred, target)[index].item() == pytest.approx(expected, rel=1e-9)
        angles = [np.angle(spectrum(x[0].numpy() - x[1].numpy())) for x in (one, truth)]
        expected = np.mean(np.abs(np.angle(np.exp(1j * (angles[0] - angles[1])))))
        assert F.phase_distance(pred, target)[index].item() == pytest.approx(expected, rel=1e-9)


def test_samples_against_loops():
    pred, target = torch.randn(2, 2, 50)
    error = [float(p - t) ** 2 for p, t in zip(pred.flatten(), target.flatten(), strict=True)]
    assert F.waveform_distance(pred, target).item() == pytest.approx(1e3 * sum(error) / 100, rel=1e-5)
    ears = 1e3 * sum(error[:50]) / 50 + 1e3 * sum(error[50:]) / 50
    assert F.waveform_distance(pred, target, reduction="sum").item() == pytest.approx(ears, rel=1e-5)
    power = sum(float(t) ** 2 for t in target.flatten()) / 100
    expected = 10 * math.log10((power + 1e-4) / (sum(error) / 100 + 1e-4))
    assert F.signal_to_noise_ratio(pred, target).item() == pytest.approx(expected, abs=1e-4)


def test_mono_scores_half_a_turn_of_phase(noise_pair):
    _, target = noise_pair
    mono = target.mean(0, keepdim=True).expand(2, -1)
    assert F.phase_distance(mono, target).item() == pytest.approx(math.pi / 2, abs=0.01)


def test_columns_that_hold_one_number(noise_pair):
    pred, target = noise_pair
    assert F.magnitude_distance(pred, target) == 2 * F.stft_distance(pred, target)
    # Broadband error: a Hann window of 400 samples has energy 150, of which the real part is half (Parseval).
    ratio = F.waveform_distance(pred, target) / F.stft_distance(pred, target)
    assert ratio.item() == pytest.approx(1e3 / 150, rel=0.03)


@given(loud=st.floats(0.01, 100), quiet=st.floats(0.01, 100), name=st.sampled_from(sorted(SCORES)))
@settings(max_examples=30, deadline=None)
def test_normalised_scores_do_not_see_gain(loud, quiet, name):
    pred, target = torch.randn(2, 2, 2000, generator=torch.Generator().manual_seed(0))
    score = SCORES[name]
    expected = score(pred, target, normalize=True)
    assert torch.allclose(score(loud * pred, quiet * target, normalize=True), expected, rtol=1e-3)


@pytest.mark.parametrize("name", sorted(SCORES))
class TestEveryScore:
    def test_sees_gain_where_not_normalised(self, name):
        pred, target = torch.randn(2, 2, 2000)
        changes = SCORES[name](0.5 * pred, target) - SCORES[name](pred, target)
        assert (abs(changes) < 1e-4) == (name == "phs")

    def test_batch_equals_loop(self, name):
        pred, target = torch.randn(2, 3, 4, 2, 2000)
        for normalize in (False, True):
            batch = SCORES[name](pred, target, normalize=normalize)
            assert batch.shape == (3, 4)
            one = SCORES[name](pred[2, 1], target[2, 1], normalize=normalize)
            assert one.shape == ()
            assert torch.allclose(batch[2, 1], one, rtol=1e-4)

    def test_best_at_the_truth(self, name):
        target = torch.randn(2, 2000)
        best = SCORES[name](target, target)
        assert best.item() == 0 if name != "snr" else best.item() == pytest.approx(40, abs=0.5)

    @pytest.mark.parametrize(("pred_scale", "target_scale"), [(0, 0), (0, 1), (1, 0), (1, 1)])
    @pytest.mark.parametrize("normalize", [False, True])
    def test_gradient_is_finite_in_silence_too(self, name, pred_scale, target_scale, normalize):
        pred = (pred_scale * torch.randn(2, 2000)).requires_grad_()
        value = SCORES[name](pred, target_scale * torch.randn(2, 2000), normalize=normalize)
        value.backward()
        assert value.isfinite()
        assert pred.grad.isfinite().all()

    def test_half_precision_is_computed_in_full(self, name):
        pred, target = (x.half() for x in 100 * torch.randn(2, 2, 2000))
        assert SCORES[name](pred, target) == SCORES[name](pred.float(), target.float())

    def test_shapes_must_fit(self, name):
        for pred, target in (((2, 10), (2, 11)), ((3, 10), (3, 10)), ((10,), (10,)), ((2, 0), (2, 0))):
            with pytest.raises(ValueError, match=r"expected binaural clips|differ in shape"):
                SCORES[name](torch.zeros(pred), torch.zeros(target))


def test_unknown_reduction():
    with pytest.raises(ValueError, match="reduction"):
        F.waveform_distance(torch.zeros(2, 4), torch.zeros(2, 4), reduction="none")


def test_multi_resolution_is_per_clip():
    pred, target = torch.randn(2, 2, 1, 2, 3000)
    batch = F.multi_resolution_stft(pred, target)
    assert batch.shape == (2, 1)
    assert torch.allclose(batch[1, 0], F.multi_resolution_stft(pred[1, 0], target[1, 0]))
    assert F.multi_resolution_stft(target, target).abs().max() < 1e-5
    auraloss = pytest.importorskip("auraloss.freq").MultiResolutionSTFTLoss  # the reference, one clip at a time
    assert torch.allclose(batch[0, 0], auraloss()(pred[0], target[0]), rtol=1e-5)
    small = F.multi_resolution_stft(pred, target, resolutions=((64, 16, 64),))
    assert not torch.allclose(small, batch)


@pytest.mark.parametrize(("size", "window", "samples"), [(64, 33, 500), (63, 40, 501), (256, 256, 40_000)])
def test_multi_resolution_is_what_auraloss_gives_at_any_size(size, window, samples):
    auraloss = pytest.importorskip("auraloss.freq").MultiResolutionSTFTLoss
    reference = auraloss(fft_sizes=[size], hop_sizes=[20], win_lengths=[window])
    pred, target = 0.1 * torch.randn(2, 2, samples)
    pred.requires_grad_()
    found = F.multi_resolution_stft(pred, target, resolutions=((size, 20, window),))
    expected = reference(pred[None], target[None])
    assert torch.allclose(found, expected, rtol=1e-5)
    (gradient,), (expected_gradient,) = (torch.autograd.grad(value, pred) for value in (found, expected))
    assert torch.allclose(gradient, expected_gradient, atol=1e-4 * expected_gradient.abs().max().item())


def test_multi_resolution_of_a_clip_too_short():
    with pytest.raises(ValueError, match="more than 1024 samples"):
        F.multi_resolution_stft(torch.zeros(2, 1024), torch.zeros(2, 1024))


def test_mono_scores_a_quarter_turn_of_phase_only_where_there_is_a_difference():
    """Where l - r is exactly zero in truth and prediction, both angles are 0."""
    x = torch.randn(8000)
    mono = torch.stack([x, x])
    assert F.phase_distance(mono, torch.stack([x, torch.randn(8000)])).item() == pytest.approx(math.pi / 2, abs=0.05)
    half = torch.cat([x[:4000], torch.randn(4000)])
    assert F.phase_distance(mono, mono).item() == 0
    assert F.phase_distance(mono, torch.stack([x, half])).item() < 0.6 * math.pi / 2


@pytest.mark.parametrize("name", [*SCORES, "mrstft", "spl", "ild", "itd", "louder"])
@pytest.mark.parametrize("where", ["one sample", "everywhere"])
def test_a_prediction_that_is_nan_scores_nan(name, where):
    scores = SCORES | {
        "mrstft": F.multi_resolution_stft,
        "spl": lambda p, t: F.spl_distance(p, t, 16000),
        "ild": lambda p, t: F.ild_error(p, t, 16000, segment=1.0),
        "itd": lambda p, t: F.itd_error(p, t, 16000, segment=1.0),
        "louder": F.louder_ear_correct,
    }
    target = torch.randn(2, 8000) * torch.tensor([[1.0], [0.3]])
    pred = target.clone()
    pred[:, 100 if where == "one sample" else slice(None)] = torch.nan
    assert scores[name](pred, target).isnan().all()
    assert not scores[name](target, target).isnan().any()
