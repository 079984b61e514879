"""The scores of a clip, by name: the columns of every table here."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

from ccstereo.metrics import functional as metrics
from ccstereo.metrics.functional.cues import ILD_EDGES, ITD_EDGES

_MRSTFT_LEAST = 1024  # samples; auraloss reflects as many at each end


@dataclass(frozen=True)
class Score:
    """What a column holds.

    Attributes:
        title: as tables print it, with its unit.
        higher_is_better: whether more is better.
        main: whether it is in the printed table; the others are in the files alone.
        digits: behind the point, in print.
    """

    title: str
    higher_is_better: bool = False
    main: bool = True
    digits: int = 3


SCORES: dict[str, Score] = {
    "stft": Score("STFT"),
    "env": Score("ENV"),
    "wav": Score("WAV"),
    "mag": Score("Mag"),
    "phs": Score("Phs (rad)"),
    "snr": Score("SNR (dB)", higher_is_better=True),
    "mrstft": Score("MRSTFT"),
    "spl": Score("SPL (dB)", digits=2),
    "ild": Score("ILD (dB)", digits=2),
    "itd": Score("ITD (us)", digits=1),
    "louder_ear": Score("louder ear right", higher_is_better=True),
    **{f"ild_{low:.0f}": Score(f"ILD from {low:.0f} Hz (dB)", main=False) for low in ILD_EDGES[:-1]},
    **{f"itd_{low:.0f}": Score(f"ITD from {low:.0f} Hz (us)", main=False) for low in ITD_EDGES[:-1]},
}
"""Columns by name. `ild` and `itd` are means over the bands, of which each has a column named after its lower edge."""


@dataclass(frozen=True)
class Scoring:
    """Peculiarities of published scores.

    Attributes:
        normalize: "peak" divides prediction and truth each by its own peak before scoring, as the papers' code does;
            "none" leaves levels as they are.
        wav: whether WAV is the "mean" over the ears, as papers print it, or their "sum", as CCStereo's code does.
    """

    normalize: Literal["none", "peak"] = "none"
    wav: Literal["mean", "sum"] = "mean"


def score_clips(pred: Tensor, target: Tensor, sample_rate: int, scoring: Scoring = Scoring()) -> dict[str, Tensor]:
    """All scores of clips.

    Args:
        pred: (..., 2, T) predicted clips.
        target: (..., 2, T) true clips; leading dimensions broadcast to those of `pred`, and a truth that serves several
            predictions is transformed once.
        sample_rate: in Hz.
        scoring: see `Scoring`; it does not touch ILD, ITD and the louder ear, which see no gain.

    Returns:
        The columns of `SCORES`, each (...). NaN is a score that the truth leaves undefined, and MRSTFT where auraloss
        is not installed or the clip is shorter than its window.

    Raises:
        ValueError: the shapes do not fit or are not (..., 2, T).
    """
    peak = scoring.normalize == "peak"
    stft = metrics.stft_distance(pred, target, normalize=peak)
    ild = metrics.ild_error(pred, target, sample_rate)
    itd = metrics.itd_error(pred, target, sample_rate)
    measured = target.shape[-1] > _MRSTFT_LEAST and has_mrstft()
    return {
        "stft": stft,
        "env": metrics.envelope_distance(pred, target, normalize=peak),
        "wav": metrics.waveform_distance(pred, target, normalize=peak, reduction=scoring.wav),
        "mag": 2 * stft,  # what `magnitude_distance` is, without another transform
        "phs": metrics.phase_distance(pred, target, normalize=peak),
        "snr": metrics.signal_to_noise_ratio(pred, target, normalize=peak),
        "mrstft": metrics.multi_resolution_stft(pred, target, normalize=peak) if measured else stft * torch.nan,
        "spl": metrics.spl_distance(pred, target, sample_rate, normalize=peak),
        "ild": ild.nanmean(-1),
        "itd": itd.nanmean(-1),
        "louder_ear": metrics.louder_ear_correct(pred, target),
        **{f"ild_{low:.0f}": band for low, band in zip(ILD_EDGES, ild.unbind(-1), strict=False)},
        **{f"itd_{low:.0f}": band for low, band in zip(ITD_EDGES, itd.unbind(-1), strict=False)},
    }


def has_mrstft() -> bool:
    """Whether auraloss is installed."""
    return find_spec("auraloss") is not None
