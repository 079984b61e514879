"""What overlapping windows gain when each counts by a confidence, or when all shrink where they disagree.

    ccstereo bench make -o bench-val --split val --folder STAGE --sofa KEMAR.sofa
    python research/scripts/fusion.py bench-val --scenes 20 --hops 0.1 0.2

Predicts every scene once a hop, keeps the windows, and puts them together in several ways. Prints mono's STFT distance
that is left, and its change against the uniform mean on the same scenes, with 95 % intervals; below zero is a gain.
Weights are common to both ears, so that fusing l and r is the same as fusing l - r.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.evaluation import Benchmark, Ears, Weights, read_benchmark
from ccstereo.evaluation.report import cell, markdown
from ccstereo.inference import stream
from ccstereo.inference.overlap import OverlapAverager
from ccstereo.metrics.functional import stft_distance
from ccstereo.metrics.statistics import estimate, ratio_of_means

Sound = NDArray[np.float64]
SMOOTH = 320  # samples, 20 ms, over which agreement is measured where it changes within a window
TINY = 1e-9
NARROW = "uniform, as narrow as doubt"
SHRINKING = {"20 ms": 320, "0.1 s": 1600, "0.5 s": 8000, "a scene": None}  # samples in which windows may disagree
SHRUNK = tuple(f"shrunk by disagreement, {title}" for title in SHRINKING)
GAIN = 0.9
SMALLER = f"uniform, times {GAIN:g}"


class Recorder(OverlapAverager):
    """The averager, which keeps the windows that it is given."""

    windows: ClassVar[list[NDArray[np.float32]]] = []

    def __init__(self, window: int, hop: int, channels: int) -> None:
        super().__init__(window, hop, channels)
        Recorder.windows = []

    def add(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Keep a window."""
        Recorder.windows.append(window[0].copy())
        return super().add(window)


@dataclass(frozen=True)
class Windows:
    """Overlapping windows of a scene.

    Attributes:
        side: (N, W) predicted difference.
        mixture: (N, W).
        hop: samples between two.
    """

    side: Sound
    mixture: Sound
    hop: int


def put(windows: Sound, hop: int) -> Sound:
    """Windows (N, W) at their places (N, T), NaN elsewhere."""
    count, length = windows.shape
    placed = np.full((count, (count - 1) * hop + length), np.nan)
    for i, window in enumerate(windows):
        placed[i, i * hop : i * hop + length] = window
    return placed


def smoothed(values: Sound, length: int = SMOOTH) -> Sound:
    """Along time, each window alone."""
    padded = np.pad(values, ((0, 0), (length // 2, length // 2 - 1)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1)
    return np.asarray((sums[:, length:] - sums[:, :-length]) / length)


def cut(sound: Sound, shape: tuple[int, ...], hop: int) -> Sound:
    """Windows (N, W) of sound (T,)."""
    return np.stack([sound[i * hop : i * hop + shape[1]] for i in range(shape[0])])


def disagreement(of: Windows) -> tuple[Sound, Sound]:
    """Squared deviation of every window from the uniform mean, and that mean's energy, (N, W) each."""
    mean = np.nanmean(put(of.side, of.hop), axis=0)
    around = cut(mean, of.side.shape, of.hop)
    return (of.side - around) ** 2, around**2


def by_window(of: Windows) -> Sound:
    """Agreement with the neighbours: one weight a window."""
    error, energy = (values.mean(1, keepdims=True) for values in disagreement(of))
    return np.asarray(1 / (error + 0.1 * energy + TINY) * np.ones_like(of.side))


def by_moment(of: Windows) -> Sound:
    """Agreement with the neighbours within 20 ms."""
    error, energy = (smoothed(values) for values in disagreement(of))
    return np.asarray(1 / (error + 0.1 * energy + TINY))


def certainty(of: Windows) -> Sound:
    """How far the mask is from none: energy of l - r over that of the mixture, one weight a window."""
    ratio = (of.side**2).mean(1, keepdims=True) / ((of.mixture**2).mean(1, keepdims=True) + TINY)
    return np.asarray((ratio + 0.01) * np.ones_like(of.side))


def doubt(of: Windows) -> Sound:
    """The opposite of `certainty`."""
    return np.asarray(1 / certainty(of))


def loudness(of: Windows) -> Sound:
    """Windows with more energy count more, one weight a window."""
    return np.asarray(((of.mixture**2).mean(1, keepdims=True) + TINY) * np.ones_like(of.side))


def middle(of: Windows) -> Sound:
    """The middle of a window, which knows what is before and behind, counts more than its edges."""
    return np.asarray((0.05 + np.hanning(of.side.shape[1])) * np.ones_like(of.side))


WEIGHTINGS: dict[str, Callable[[Windows], Sound]] = {
    "uniform": lambda of: np.ones_like(of.side),
    "agreement, a window": by_window,
    "agreement, 20 ms": by_moment,
    "certainty": certainty,
    "doubt": doubt,
    "loudness": loudness,
    "middle": middle,
}


def fuse(windows: Sound, weights: Sound, hop: int) -> Sound:
    """Weighted mean of windows (N, W): (T,)."""
    return np.asarray(np.nansum(put(windows * weights, hop), axis=0) / np.nansum(put(weights, hop), axis=0))


def shrunk(of: Windows, length: int | None) -> Sound:
    """The uniform mean (T,), times its energy over that and the windows' variance around it within `length` samples."""
    placed = put(of.side, of.hop)
    mean = np.nanmean(placed, axis=0)
    values = np.stack([mean**2, np.nanmean((placed - mean) ** 2, axis=0)])
    energy, variance = values.mean(1, keepdims=True) if length is None else smoothed(values, length)
    return np.asarray(mean * energy / (energy + variance + TINY))


def distances(benchmark: Benchmark, weights: Weights, name: str) -> dict[str, float]:
    """STFT distance of a scene by weighting, and mono's."""
    item = benchmark.read(name, Ears())
    usual = weights.predict(item)
    windows = np.stack(Recorder.windows).astype(np.float64)
    config = weights.binauralizer().config
    hop = round((weights.hop or config.hop) * item.sample_rate)
    mixture = item.ears.sum(0).double().numpy()
    padded = np.pad(mixture, (0, (len(windows) - 1) * hop + windows.shape[1] - len(mixture)))
    of = Windows(windows, cut(padded, windows.shape, hop), hop)
    found = {"mono": stft_distance(item.ears.mean(0).expand(2, -1), item.ears).item()}
    sides = {title: fuse(windows, weighting(of), hop)[: len(mixture)] for title, weighting in WEIGHTINGS.items()}
    sides[NARROW] = sides["uniform"] * np.linalg.norm(sides["doubt"]) / (np.linalg.norm(sides["uniform"]) + TINY)
    sides[SMALLER] = sides["uniform"] * GAIN
    for title, length in zip(SHRUNK, SHRINKING.values(), strict=True):
        sides[title] = shrunk(of, length)[: len(mixture)]
    for title, side in sides.items():
        ears = torch.from_numpy(np.stack([mixture + side, mixture - side]) / 2).float()
        found[title] = stft_distance(ears, item.ears).item()
        if title == "uniform":
            torch.testing.assert_close(ears, usual, atol=1e-5, rtol=0)  # what inference does
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path, metavar="DIR")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--scenes", type=int, default=20, metavar="N", help="of each row (default: 20)")
    parser.add_argument("--hops", type=float, nargs="+", default=[0.1, 0.2], metavar="S")
    options = parser.parse_args()
    vars(stream)["OverlapAverager"] = Recorder
    benchmark = read_benchmark(options.benchmark)
    for hop in options.hops:
        weights = Weights(options.weights, hop=hop)
        lines: dict[str, list[Any]] = {title: [title] for title in (*WEIGHTINGS, NARROW, SMALLER, *SHRUNK)}
        found: dict[str, list[dict[str, float]]] = {}
        for row in benchmark.rows:
            names = [name for name, of in benchmark.items.items() if of == row][: options.scenes]
            with torch.inference_mode():
                found[row] = [distances(benchmark, weights, name) for name in tqdm(names, desc=row, disable=None)]
        found["all"] = [each for scenes in found.values() for each in scenes]
        for scenes in found.values():
            table = {title: np.array([each[title] for each in scenes]) for title in scenes[0]}
            for title, line in lines.items():
                change = table[title] - (0 if title == "uniform" else table["uniform"])
                line.append(cell(estimate(ratio_of_means, change, table["mono"]), 4))
        print(f"\nhop {hop:g} s\n\n{markdown(['weights', *found], lines.values())}", flush=True)


if __name__ == "__main__":
    main()
