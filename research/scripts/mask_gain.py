"""By how much a network's differences are too small: the factor on them that leaves the least error.

ccstereo bench make -o bench-val --split val --folder STAGE --sofa KEMAR.sofa
python research/scripts/mask_gain.py bench-val

A network that cannot know whether a scene is in a room predicts the mean of what could be: less than what is.
Prints, for every row of a benchmark and for bands of frequency, the factor of least squares, and what any factor would
leave of mono's STFT distance. Choose factors on validation scenes only.
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.audio import stft
from ccstereo.evaluation import Benchmark, Ears, Weights, read_benchmark

EDGES = (0, 250, 500, 1000, 2000, 4000, 8000)  # Hz
FACTORS = (0.6, 0.8, 0.9, 1.0, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4)


def products(benchmark: Benchmark, weights: Weights, row: str) -> Iterator[Tensor]:
    """Of every scene, (3, bands): energy of the true difference, its product with the predicted one, and that one's."""
    rate = benchmark.sample_rate
    for name in tqdm([name for name, of in benchmark.items.items() if of == row], desc=row, leave=False, disable=None):
        item = benchmark.read(name, Ears())
        true, found = (stft(pair[0] - pair[1]) for pair in (item.ears, weights.predict(item)))  # (2, F, T)
        bins = [slice(round(low / rate * 512), round(high / rate * 512)) for low, high in pairwise(EDGES)]
        pairs = ((true, true), (true, found), (found, found))
        yield torch.tensor([[(one[:, band] * other[:, band]).sum() for band in bins] for one, other in pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path, metavar="DIR")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    options = parser.parse_args()
    benchmark, weights = read_benchmark(options.benchmark), Weights(options.weights)
    names = [f"{high:g} Hz" for high in EDGES[1:]]
    print("| scenes | best factor | " + " | ".join(["up to " + names[0], *names[1:]]) + " |")
    print("|---" * (len(names) + 2) + "|")
    lines = []
    with torch.inference_mode():
        for row in benchmark.rows:
            true, both, found = torch.stack(list(products(benchmark, weights, row))).sum(0)
            best = [both.sum() / found.sum(), *(both / found)]
            print(f"| {row} | " + " | ".join(f"{factor:.2f}" for factor in best) + " |", flush=True)
            left = [(true - 2 * factor * both + factor**2 * found).sum() / true.sum() for factor in FACTORS]
            lines.append(f"| {row} | " + " | ".join(f"{error:.3f}" for error in left) + " |")
    print("\n| STFT / mono's, factor | " + " | ".join(f"{factor:g}" for factor in FACTORS) + " |")
    print("|---" * (len(FACTORS) + 1) + "|\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
