"""How often do predictions name the louder side of real films whose stereo sound has one?

    python research/scripts/real_sides.py FOLDER --weights WEIGHTS

The mono mix of every film of two different channels is made binaural. Of each half second in which one channel is
louder by a decibel or more it is asked whether the same ear is. A stereo mix is a weak truth, and a coin names half.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from ccstereo.binauralizer import DEFAULT_WEIGHTS, Binauralizer
from ccstereo.errors import MediaError
from ccstereo.media import read_channels

SECONDS = 0.5
SIDED = 1.0  # dB between the channels from which a block has a louder one
SURE = 0.5  # dB between the predicted ears from which a side is predicted
QUIET = -40.0  # dB below the loudest block
LEAST = 4  # blocks of a film


def levels(path: Path) -> np.ndarray:
    """(N, 2) energy of both channels in blocks.

    Raises:
        MediaError: the file has no sound of two channels.
    """
    sound, rate = read_channels(path, 2)
    size = round(SECONDS * rate)
    count = len(sound) // size
    return np.square(sound[: count * size].reshape(count, size, 2), dtype=np.float64).sum(1)


def sides(energy: np.ndarray) -> np.ndarray:
    """(N,) dB by which the left channel is the louder one."""
    return 10 * np.log10((energy[:, 0] + 1e-12) / (energy[:, 1] + 1e-12))


def main() -> None:
    """Print a line a film, and means over films."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    options = parser.parse_args()
    binauralizer = Binauralizer.from_pretrained(options.weights)
    print("| film | blocks with a louder side | the same side, % | a side is predicted in, % | the same of these, % |")
    print("|---|---|---|---|---|")
    means = []
    for path in sorted(options.folder.glob("*.mp4")):
        try:
            true = levels(path)
        except MediaError:
            continue
        with tempfile.TemporaryDirectory() as folder:
            binauralizer.convert(path, Path(folder) / "out.wav")
            predicted = levels(Path(folder) / "out.wav")
        count = min(len(true), len(predicted))
        true, predicted = true[:count], predicted[:count]
        audible = 10 * np.log10(true.sum(1) / true.sum(1).max() + 1e-12) > QUIET
        chosen = audible & (np.abs(sides(true)) >= SIDED)
        if chosen.sum() < LEAST:
            continue
        ours, theirs = sides(predicted)[chosen], sides(true)[chosen]
        right, sure = (ours > 0) == (theirs > 0), np.abs(ours) >= SURE
        of_sure = 100 * right[sure].mean() if sure.any() else np.nan
        means.append((100 * right.mean(), 100 * sure.mean(), of_sure))
        cells = " | ".join("-" if np.isnan(value) else f"{value:.0f}" for value in means[-1])
        print(f"| {path.stem} | {chosen.sum()} | {cells} |", flush=True)
    if means:
        print(f"| mean of {len(means)} films | | {' | '.join(f'{value:.0f}' for value in np.nanmean(means, axis=0))} |")


if __name__ == "__main__":
    main()
