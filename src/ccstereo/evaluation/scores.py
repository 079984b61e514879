"""The scores of an item, by name: the columns of every table here. One's own is added with `register_score`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ccstereo.evaluation.sets import Item
from ccstereo.metrics import functional as metrics
from ccstereo.metrics.functional.cues import ILD_EDGES, ITD_EDGES
from ccstereo.scenes.geometry import FIELD_OF_VIEW

SIDED = 15.0  # degrees off the middle from which a source has a side
DEAD_ZONE = 2.0  # dB of the truth below which neither ear is called the louder one
_MRSTFT_LEAST = 1024  # samples, which are reflected at each end


@dataclass(frozen=True)
class Scoring:
    """Peculiarities of published scores.

    Attributes:
        normalize: "peak" divides prediction and truth each by its own peak before scoring, as the papers' code does;
            "none" leaves the sound as it is. It does not touch ILD, ITD and the louder ear, which know no gain.
        wav: whether WAV is the "mean" over the ears, as papers print it, or their "sum", as CCStereo's code does.
    """

    normalize: Literal["none", "peak"] = "none"
    wav: Literal["mean", "sum"] = "mean"

    @property
    def peak(self) -> bool:
        """Whether sounds are divided by their peaks."""
        return self.normalize == "peak"


PLAIN = Scoring()
"""Nothing divided, WAV as papers print it."""

ScoreFunction: TypeAlias = Callable[[Tensor, Item, Scoring], Tensor]
"""Takes predictions (S, 2, T) of S systems, the item with its true `ears` (2, T), and the peculiarities; gives (S,)
values, or (S, bands). NaN is a score that the truth leaves undefined."""


@dataclass(frozen=True)
class Score:
    """A score, and how tables print it.

    Attributes:
        function: what computes it; of a module's top level, so that any process finds it.
        title: of its column.
        unit: of its values, "" for none.
        higher_is_better: whether more is better.
        digits: behind the point, in print.
        bands: lower edges in Hz where the function gives a value a band; the score is their mean, and the files have a
            column NAME_EDGE of each besides.
        median: whether clips are summed up by their median instead of their mean.
    """

    function: ScoreFunction
    title: str
    unit: str = ""
    higher_is_better: bool = False
    digits: int = 3
    bands: tuple[float, ...] = ()
    median: bool = False

    @property
    def heading(self) -> str:
        """Title, unit and direction."""
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.title}{unit} {'↑' if self.higher_is_better else '↓'}"


SCORES: dict[str, Score] = {}
"""All scores by name."""


def register_score(name: str, title: str, unit: str = "", **options: Any) -> Callable[[ScoreFunction], ScoreFunction]:
    """Decorate a function that scores predictions, see `ScoreFunction`; options are attributes of `Score`.

    Raises:
        ValueError: the name is taken.
    """

    def register(function: ScoreFunction) -> ScoreFunction:
        if name in SCORES:
            raise ValueError(f"there is a score {name!r} already")
        SCORES[name] = Score(function, title, unit, **options)
        return function

    return register


def columns(names: Iterable[str]) -> list[str]:
    """Columns of some scores in files: all of them, then those of their bands."""
    names = list(names)
    return [*names, *(f"{name}_{low:.0f}" for name in names for low in SCORES[name].bands)]


def score_item(pred: Tensor, item: Item, names: Iterable[str], scoring: Scoring = PLAIN) -> dict[str, Tensor]:
    """Score predictions of an item.

    Args:
        pred: (S, 2, T) predictions of S systems; what is computed of the truth is computed once.
        item: with its truth.
        names: of the scores.
        scoring: peculiarities.

    Returns:
        `columns(names)`, each (S,).

    Raises:
        ValueError: the shapes do not fit.
    """
    found: dict[str, Tensor] = {}
    bands: dict[str, Tensor] = {}
    for name in names:
        values = SCORES[name].function(pred, item, scoring)
        if SCORES[name].bands:
            edges = SCORES[name].bands
            bands |= {f"{name}_{low:.0f}": band for low, band in zip(edges, values.unbind(-1), strict=True)}
            values = values.nanmean(-1)
        found[name] = values
    return found | bands


@dataclass(frozen=True)
class _Paper:
    """A score of papers' tables, as the metric itself defines it."""

    function: Callable[..., Tensor]

    def __call__(self, pred: Tensor, item: Item, scoring: Scoring) -> Tensor:
        return self.function(pred, item.ears, normalize=scoring.peak)


register_score("stft", "STFT")(_Paper(metrics.stft_distance))
register_score("env", "ENV")(_Paper(metrics.envelope_distance))
register_score("mag", "Mag")(_Paper(metrics.magnitude_distance))
register_score("phs", "Phs", "rad")(_Paper(metrics.phase_distance))
register_score("snr", "SNR", "dB", higher_is_better=True)(_Paper(metrics.signal_to_noise_ratio))


@register_score("stft_mono", "STFT of mono")
def _stft_mono(pred: Tensor, item: Item, scoring: Scoring) -> Tensor:
    mono = item.ears.mean(0).expand(2, -1)
    return metrics.stft_distance(mono, item.ears, normalize=scoring.peak).expand(len(pred))


@register_score("wav", "WAV")
def _wav(pred: Tensor, item: Item, scoring: Scoring) -> Tensor:
    return metrics.waveform_distance(pred, item.ears, normalize=scoring.peak, reduction=scoring.wav)


@register_score("mrstft", "MRSTFT")
def _mrstft(pred: Tensor, item: Item, scoring: Scoring) -> Tensor:
    if pred.shape[-1] <= _MRSTFT_LEAST:
        return pred.new_full((len(pred),), torch.nan)
    return metrics.multi_resolution_stft(pred, item.ears, normalize=scoring.peak)


@register_score("spl", "SPL", "dB", digits=2)
def _spl(pred: Tensor, item: Item, scoring: Scoring) -> Tensor:
    return metrics.spl_distance(pred, item.ears, item.sample_rate, normalize=scoring.peak)


@register_score("ild", "ILD", "dB", digits=2, bands=ILD_EDGES[:-1])
def _ild(pred: Tensor, item: Item, _: Scoring) -> Tensor:
    return metrics.ild_error(pred, item.ears, item.sample_rate)


@register_score("itd", "ITD", "us", digits=1, bands=ITD_EDGES[:-1])
def _itd(pred: Tensor, item: Item, _: Scoring) -> Tensor:
    return metrics.itd_error(pred, item.ears, item.sample_rate)


@register_score("louder_ear", "louder ear right", higher_is_better=True)
def _louder_ear(pred: Tensor, item: Item, _: Scoring) -> Tensor:
    """Where all that sounds is out of view there is none that a frame could tell."""
    if _sounding(item) and not any(_in_view(azimuths) for azimuths in _azimuths(item)):
        return pred.new_full((len(pred),), torch.nan)
    return metrics.louder_ear_correct(pred, item.ears, dead_zone=DEAD_ZONE)


@register_score("own_side", "own side right", higher_is_better=True)
def _own_side(pred: Tensor, item: Item, _: Scoring) -> Tensor:
    sounding = _sounding(item)
    if item.sources is None or not sounding:
        return pred.new_full((len(pred),), torch.nan)
    return torch.stack([own_side(one, item.sources[sounding], _azimuths(item)) for one in pred])


@register_score("azimuth_error", "azimuth error", "°", digits=1, median=True)
def _azimuth_error(pred: Tensor, item: Item, _: Scoring) -> Tensor:
    """Of one still source in view that sounds alone, dry: the estimator knows no walls."""
    facts = item.facts
    if item.responses is None or item.azimuths is None or facts is None:
        return pred.new_full((len(pred),), torch.nan)
    if len(_sounding(item)) != 1 or not facts.still or facts.room is not None or not _in_view(_azimuths(item)[0]):
        return pred.new_full((len(pred),), torch.nan)
    true = torch.tensor(float(_azimuths(item)[0][0])).expand(len(pred))
    return metrics.azimuth_error(pred, true, item.sample_rate, item.responses, item.azimuths)


def _sounding(item: Item) -> list[int]:
    return [i for i, source in enumerate(item.facts.sources) if not source.silent] if item.facts else []


def _azimuths(item: Item) -> list[np.ndarray]:
    """Of each sounding source (M,) degrees along its way."""
    return [np.array(item.facts.sources[i].azimuths) for i in _sounding(item)] if item.facts else []


def _in_view(azimuths: np.ndarray) -> bool:
    return bool(np.abs(azimuths).max() <= FIELD_OF_VIEW / 2)


def own_side(pred: Tensor, sources: Tensor, azimuths: list[np.ndarray]) -> Tensor:
    """Fraction of the sources beyond 15 degrees whose own difference signal the prediction holds with the right sign.

    The predicted difference is explained by the sources' true ones, all at once, by least squares. In a room the true
    ones hold the reverberation, too, which has no side: a source is on its own side there when the difference that
    it really makes is found in the prediction, not its negative.

    Args:
        pred: (2, T) both ears.
        sources: (S, 2, T) each sounding source alone at both ears.
        azimuths: of each source (M,) degrees along its way; one that changes sides or is out of view is not counted.

    Returns:
        () in [0, 1]; NaN where no source has a side, or the prediction is NaN.
    """
    differences = (sources[:, 0] - sources[:, 1]).double()  # (S, T)
    gram = differences @ differences.T
    ridge = 1e-6 * gram.diagonal().max().clamp_min(1e-12)
    found = differences @ (pred[0] - pred[1]).double()
    weights = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), found)
    sided = [_in_view(a) and bool((np.sign(a) == np.sign(a[0])).all() and np.abs(a).min() > SIDED) for a in azimuths]
    right = torch.where(weights.isnan(), torch.nan, (weights > 0).double())
    return right[torch.tensor(sided)].mean()  # the mean of none is NaN
