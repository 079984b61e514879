import pytest
import torch

from ccstereo.evaluation import SCORES, Scoring, score_clips
from ccstereo.metrics import functional as metrics


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    target = 0.1 * torch.randn(2, 8_000, generator=torch.Generator().manual_seed(0))
    return 0.5 * target + 0.03 * target.flip(0), target


def test_columns_are_the_functions(pair):
    found = score_clips(*pair, 16_000)
    assert list(found) == list(SCORES)
    expected = {
        "stft": metrics.stft_distance(*pair),
        "env": metrics.envelope_distance(*pair),
        "wav": metrics.waveform_distance(*pair),
        "mag": metrics.magnitude_distance(*pair),
        "phs": metrics.phase_distance(*pair),
        "snr": metrics.signal_to_noise_ratio(*pair),
        "spl": metrics.spl_distance(*pair, 16_000),
        "louder_ear": metrics.louder_ear_correct(*pair),
        "ild": metrics.ild_error(*pair, 16_000).mean(),
        "itd": metrics.itd_error(*pair, 16_000).mean(),
        "ild_2000": metrics.ild_error(*pair, 16_000)[4],
        "itd_1000": metrics.itd_error(*pair, 16_000)[2],
    }
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-5, equal_nan=True), name


def test_systems_are_scored_together_as_alone(pair):
    pred, target = pair
    alone = score_clips(pred, target, 16_000)
    for truth in (torch.stack([target, target]), target):
        together = score_clips(torch.stack([target, pred]), truth, 16_000)
        for name in SCORES:
            assert together[name].shape == (2,)
            assert torch.allclose(together[name][1], alone[name], rtol=1e-4, equal_nan=True), name


def test_the_papers_peculiarities(pair):
    pred, target = pair
    plain, peak = (score_clips(pred, target, 16_000, Scoring(normalize)) for normalize in ("none", "peak"))
    for name in ("stft", "env", "wav", "mag", "snr"):
        assert peak[name] != plain[name]
    assert peak["stft"] == metrics.stft_distance(pred, target, normalize=True)
    assert score_clips(0.5 * target, target, 16_000, Scoring("peak"))["stft"] < 1e-12
    ears = score_clips(pred, target, 16_000, Scoring(wav="sum"))
    assert torch.allclose(ears["wav"], 2 * plain["wav"])


def test_mrstft_where_it_can_be(pair):
    pred, target = pair
    pytest.importorskip("auraloss")
    assert score_clips(pred, target, 16_000)["mrstft"] > 0
    short = score_clips(pred[:, :1_000], target[:, :1_000], 16_000)
    assert short["mrstft"].isnan()
    assert short["stft"] > 0


def test_what_the_truth_leaves_undefined(pair):
    found = score_clips(pair[0], torch.zeros(2, 8_000), 16_000)
    assert all(found[name].isnan() for name in ("ild", "itd", "ild_125", "louder_ear"))
