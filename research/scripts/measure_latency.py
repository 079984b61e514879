"""How long a sample waits in a stream: what `stream.latency` promises, what is measured, and what computing adds.

python research/scripts/measure_latency.py                  the weights in the package, noise at 48 kHz
python research/scripts/measure_latency.py --weights NAME_OR_DIR --hop 0.2

Sound comes in pieces of 20 ms, frames ten times a second. A sample's wait is counted in samples that have come behind
it; the slowest push says how much longer a machine may take now and then, which a live source must buffer.
"""

import argparse
import time

import numpy as np
import torch

from ccstereo import Binauralizer
from ccstereo.binauralizer import DEFAULT_WEIGHTS

RATE, PIECE, SECONDS = 48_000, 0.02, 20


def measure(binauralizer: Binauralizer, live: bool) -> tuple[float, float, float, float]:
    """Promised latency, longest wait, slowest push, and seconds of computing for a second of sound."""
    rng = np.random.default_rng(0)
    stream = binauralizer.stream(RATE, live=live)
    step, pulled, longest, slowest = round(PIECE * RATE), 0, 0.0, 0.0
    begin = time.perf_counter()
    for k in range(round(SECONDS / PIECE)):
        pushed = time.perf_counter()
        if k % round(0.1 / PIECE) == 0:
            stream.push_frame(rng.integers(0, 256, (240, 480, 3), dtype=np.uint8))
        stream.push_samples(0.1 * rng.standard_normal(step))
        pulled += stream.pull().shape[1]
        slowest = max(slowest, time.perf_counter() - pushed)
        longest = max(longest, ((k + 1) * step - pulled) / RATE)
    return stream.latency, longest, slowest, (time.perf_counter() - begin) / SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--hop", type=float)
    options = parser.parse_args()
    binauralizer = Binauralizer.from_pretrained(options.weights, hop=options.hop)
    print(f"{options.weights}, {RATE} Hz, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads")
    print("| | promised, s | longest wait, s | slowest push, s | computing a second, s |\n|---|---|---|---|---|")
    for name, live in (("files", False), ("live", True)):
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in measure(binauralizer, live))} |")


if __name__ == "__main__":
    main()
