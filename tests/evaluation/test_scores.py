import pytest
import torch

from ccstereo.evaluation import SCORES, Scoring, register_score, score_item
from ccstereo.evaluation.scores import PLAIN, columns
from ccstereo.evaluation.sets import CLIP_SCORES
from ccstereo.metrics import functional as metrics
from items import item_of


def score_clips(pred, target, scoring=PLAIN):
    """Scores of one prediction or several, of one truth."""
    found = score_item(pred if pred.ndim == 3 else pred[None], item_of(target), CLIP_SCORES, scoring)
    return found if pred.ndim == 3 else {name: value[0] for name, value in found.items()}


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    target = 0.1 * torch.randn(2, 8_000, generator=torch.Generator().manual_seed(0))
    return 0.5 * target + 0.03 * target.flip(0), target


def test_columns_are_the_functions(pair):
    found = score_clips(*pair)
    assert list(found) == columns(CLIP_SCORES)
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
    alone = score_clips(pred, target)
    together = score_clips(torch.stack([target, pred]), target)
    for name in columns(CLIP_SCORES):
        assert together[name].shape == (2,)
        assert torch.allclose(together[name][1], alone[name], rtol=1e-4, equal_nan=True), name


def test_the_papers_peculiarities(pair):
    pred, target = pair
    plain, peak = (score_clips(pred, target, Scoring(normalize)) for normalize in ("none", "peak"))
    for name in ("stft", "env", "wav", "mag", "snr"):
        assert peak[name] != plain[name]
    assert peak["stft"] == metrics.stft_distance(pred, target, normalize=True)
    assert score_clips(0.5 * target, target, Scoring("peak"))["stft"] < 1e-12
    ears = score_clips(pred, target, Scoring(wav="sum"))
    assert torch.allclose(ears["wav"], 2 * plain["wav"])


def test_mrstft_where_it_can_be(pair):
    pred, target = pair
    assert score_clips(pred, target)["mrstft"] > 0
    short = score_clips(pred[:, :1_000], target[:, :1_000])
    assert short["mrstft"].isnan()
    assert short["stft"] > 0


def test_what_the_truth_leaves_undefined(pair):
    found = score_clips(pair[0], torch.zeros(2, 8_000))
    assert all(found[name].isnan() for name in ("ild", "itd", "ild_125", "louder_ear"))


def test_ones_own_score(pair):
    @register_score("energy", "energy", digits=1)
    def energy(pred, item, scoring):
        return pred.square().sum((-2, -1)) / item.ears.square().sum()

    try:
        assert score_item(pair[1][None], item_of(pair[1]), ["energy"])["energy"].item() == pytest.approx(1)
        assert SCORES["energy"].heading == "energy ↓"
        with pytest.raises(ValueError, match="there is a score 'energy' already"):
            register_score("energy", "again")(energy)
    finally:
        del SCORES["energy"]
