"""How often a scene without its room names the louder ear in it: the dry truth scored as a prediction for the room.

python research/scripts/dry_louder_ear.py stage-bench

Scenes of one seed in "one" and "one, room" (and in "two" and "two, room") differ by the room alone. It is about what a
network can know from one microphone and no walls; on few scenes one may have better luck.
"""

import argparse
import sys
from pathlib import Path

import torch

from ccstereo.errors import CCStereoError
from ccstereo.evaluation import Benchmark, read_benchmark, read_scene
from ccstereo.metrics import functional as metrics

DEAD_ZONES = (2.0, 3.0, 4.0, 6.0)  # dB


def dry_in_rooms(benchmark: Benchmark, row: str) -> list[torch.Tensor]:
    """Of each dead zone, (N,) whether the dry scenes of a row name the louder ear of those rooms that have one."""
    rooms = [facts for facts in benchmark.scenes if facts.row == f"{row}, room"]
    dry = {facts.seed: facts for facts in benchmark.scenes if facts.row == row}
    wet_truth, dry_truth = (
        torch.stack([torch.from_numpy(read_scene(benchmark.folder, facts)[0].sum(0)) for facts in scenes])
        for scenes in (rooms, [dry[facts.seed] for facts in rooms])
    )
    right = [metrics.louder_ear_correct(dry_truth, wet_truth, dead_zone=zone) for zone in DEAD_ZONES]
    return [found[~found.isnan()] for found in right]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path, help="folder of `ccstereo bench make`")
    options = parser.parse_args()
    try:
        benchmark = read_benchmark(options.benchmark)
        kinds = {facts.row for facts in benchmark.scenes}
        rows = [row for row in ("one", "two") if {row, f"{row}, room"} <= kinds]
        found = {row: dry_in_rooms(benchmark, row) for row in rows}
    except CCStereoError as error:
        print(error, file=sys.stderr)
        return 1
    if not rows:
        print(f"{options.benchmark}: has no row both dry and in rooms", file=sys.stderr)
        return 1
    print("| scenes | " + " | ".join(f"ears that differ by {zone:g} dB" for zone in DEAD_ZONES) + " |")
    print("|---" * (len(DEAD_ZONES) + 1) + "|")
    for row, zones in found.items():
        fractions = [f"{100 * right.mean():.1f} % of {len(right)}" if len(right) else "-" for right in zones]
        print(f"| {row}, room | {' | '.join(fractions)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
