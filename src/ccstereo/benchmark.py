"""The stage benchmark: kinds of simulated scenes, each a row, scored next to doing nothing (mono)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import nan
from typing import Any

import numpy as np
import torch

from ccstereo.audio import to_binaural
from ccstereo.binauralizer import Binauralizer
from ccstereo.metrics import functional as metrics
from ccstereo.scenes import HRIRSet, Material, Scene, render_frames, render_sources, sample_scene

ROWS: dict[str, dict[str, Any]] = {
    "one": {"sources": 1, "min_azimuth": 15.0},
    "two": {"sources": 2},
    "two, one silent": {"sources": 2, "silent": 1, "min_azimuth": 15.0},
    "two, moving": {"sources": 2, "moving": True},
}
SIDED = 15.0  # degrees off the middle from which a source has a side
DEAD_ZONE = 2.0  # dB of the truth below which neither ear is called the louder one


@dataclass(frozen=True)
class SceneScore:
    """Scores of one scene; nan where a score has no meaning there.

    Attributes:
        stft: STFT distance of the prediction to the truth.
        stft_mono: of the mono mix to the truth.
        snr, snr_mono: signal-to-noise ratio in dB.
        louder_ear: 1 where the louder ear is right, else 0; nan where the truth's ears differ by less than 2 dB.
        own_side: share of the sounding sources beyond 15 degrees that are heard on their own side.
        azimuth_error: degrees, of one still source.
    """

    stft: float
    stft_mono: float
    snr: float
    snr_mono: float
    louder_ear: float
    own_side: float
    azimuth_error: float


@dataclass(frozen=True)
class RowScore:
    """A row: means over its scenes.

    Attributes:
        row: its name.
        scenes: their number.
        stft_to_mono: mean STFT distance over mono's mean STFT distance.
        stft, snr, snr_mono, louder_ear, own_side: means over the scenes where they have a meaning.
        azimuth_error: median, degrees.
    """

    row: str
    scenes: int
    stft_to_mono: float
    stft: float
    snr: float
    snr_mono: float
    louder_ear: float
    own_side: float
    azimuth_error: float


def score_scene(binauralizer: Binauralizer, scene: Scene, material: Material, head: HRIRSet) -> SceneScore:
    """Render a scene, make its mono mix binaural, and score it.

    Args:
        binauralizer: to be scored.
        scene: the scene.
        material: what it was sampled from.
        head: ears of the truth, at the material's rate.
    """
    sources = torch.from_numpy(render_sources(scene, material, head))  # (S, 2, T)
    truth = sources.sum(0)
    mono = truth.mean(0)
    rate = material.sample_rate
    predicted = torch.from_numpy(binauralizer.binauralize(mono.numpy(), rate, render_frames(scene, material), 10.0))
    nothing = to_binaural(2 * mono, torch.zeros_like(mono))
    sounding = [i for i, source in enumerate(scene.sources) if source.sound is not None]
    alone = scene.sources[sounding[0]] if len(sounding) == 1 and scene.still else None
    return SceneScore(
        stft=metrics.stft_distance(predicted, truth).item(),
        stft_mono=metrics.stft_distance(nothing, truth).item(),
        snr=metrics.signal_to_noise_ratio(predicted, truth).item(),
        snr_mono=metrics.signal_to_noise_ratio(nothing, truth).item(),
        louder_ear=metrics.louder_ear_correct(predicted, truth, dead_zone=DEAD_ZONE).item(),
        own_side=_own_side(predicted, sources[sounding], [scene.sources[i].azimuths for i in sounding]),
        azimuth_error=nan if alone is None else _azimuth_error(predicted, float(alone.azimuths[0]), head),
    )


def score_row(
    binauralizer: Binauralizer,
    material: Material,
    head: HRIRSet,
    row: str,
    scenes: int = 200,
    seconds: float = 3.0,
    seed: int = 0,
    progress: Callable[[], object] | None = None,
) -> RowScore:
    """Score one row of the benchmark.

    Args:
        binauralizer: to be scored.
        material: held-out pictures, sounds and backgrounds.
        head: ears of the truth, at the material's rate.
        row: one of `ROWS`.
        scenes: how many.
        seconds: length of each.
        seed: of the first scene; the others follow.
        progress: called after every scene.
    """
    scores = []
    for i in range(scenes):
        scene = sample_scene(material, seed + i, duration=seconds, **ROWS[row])
        scores.append(score_scene(binauralizer, scene, material, head))
        if progress is not None:
            progress()
    columns = {name: np.array([getattr(score, name) for score in scores]) for name in asdict(scores[0])}
    return RowScore(
        row=row,
        scenes=scenes,
        stft_to_mono=float(columns["stft"].mean() / columns["stft_mono"].mean()),
        stft=float(columns["stft"].mean()),
        snr=float(columns["snr"].mean()),
        snr_mono=float(columns["snr_mono"].mean()),
        louder_ear=_where_known(np.mean, columns["louder_ear"]),
        own_side=_where_known(np.mean, columns["own_side"]),
        azimuth_error=_where_known(np.median, columns["azimuth_error"]),
    )


def table(rows: list[RowScore]) -> str:
    """Rows as a Markdown table."""
    head = "| scenes | number | STFT / mono's | SNR (mono's), dB | louder ear right | own side right | azimuth error |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for row in rows:
        azimuth = "-" if np.isnan(row.azimuth_error) else f"{row.azimuth_error:.1f}°"
        lines.append(
            f"| {row.row} | {row.scenes} | {row.stft_to_mono:.3f} | {row.snr:.1f} ({row.snr_mono:.1f}) "
            f"| {100 * row.louder_ear:.1f} % | {100 * row.own_side:.1f} % | {azimuth} |"
        )
    return "\n".join(lines)


def _where_known(reduce: Callable[[np.ndarray], Any], values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(reduce(known)) if len(known) else nan


def _own_side(predicted: torch.Tensor, sources: torch.Tensor, azimuths: list[np.ndarray]) -> float:
    """Share of the sources beyond 15 degrees whose own difference signal the prediction holds with the right sign.

    The predicted difference is explained by the sources' true ones, all at once, by least squares.
    """
    differences = (sources[:, 0] - sources[:, 1]).double()  # (S, T)
    gram = differences @ differences.T
    ridge = 1e-6 * gram.diagonal().max().clamp_min(1e-12)
    found = differences @ (predicted[0] - predicted[1]).double()
    weights = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), found)
    sided = [bool((np.sign(a) == np.sign(a[0])).all() and np.abs(a).min() > SIDED) for a in azimuths]
    right = [weight.item() > 0 for weight, counts in zip(weights, sided, strict=True) if counts]
    return float(np.mean(right)) if right else nan


def _azimuth_error(predicted: torch.Tensor, azimuth: float, head: HRIRSet) -> float:
    """Degrees between the true azimuth and the one whose ears explain the prediction best."""
    candidates = np.arange(-90.0, 91.0, 1.0)
    bank = np.stack([head.nearest(float(candidate)) for candidate in candidates])
    bank, first = np.unique(bank, axis=0, return_index=True)
    directions = torch.tensor([float(head.directions[head.nearest_index(candidates[i]), 0]) for i in first])
    truth = torch.tensor(azimuth)
    return metrics.azimuth_error(predicted, truth, head.sample_rate, torch.from_numpy(bank), directions).item()
