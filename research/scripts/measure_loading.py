"""How many windows a second the data of a training come at, with nothing that waits for them.

python research/scripts/measure_loading.py --config stage-ablation                   synthetic scenes
python research/scripts/measure_loading.py --config stage-ablation --data.path SET   a prepared set, or shards
python research/scripts/measure_loading.py --workers 1 2 4 -- --config lite-stage --data.windows_per_frame 4

A training waits for its data when its steps take more windows a second than this.
"""

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from ccstereo.training.main import parts_of

WARM_UP = 0.5  # of the seconds, before them: workers start, and hand over what they have made ahead


def batches_of(arguments: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Batches of a training's data, one epoch after the other."""
    data = parts_of(arguments).datamodule
    data.prepare_data()
    data.setup("fit")
    loader: Iterable[dict[str, Tensor]] = data.train_dataloader()
    while True:
        yield from loader


def take(batches: Iterator[dict[str, Tensor]], seconds: float) -> float:
    """Windows a second, for about so many seconds."""
    windows, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        windows += len(next(batches)["sound"])
    return windows / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=20.0)
    options, arguments = parser.parse_known_args()
    arguments = [argument for argument in arguments if argument != "--"]
    torch.set_num_threads(1)  # what a batch is put together with
    for workers in options.workers:
        batches = batches_of([*arguments, "--data.workers", str(workers)])
        next(batches)
        take(batches, options.seconds * WARM_UP)
        rate = take(batches, options.seconds)
        print(f"{workers} {'worker' if workers == 1 else 'workers'}: {rate:.0f} windows a second", flush=True)


if __name__ == "__main__":
    main()
