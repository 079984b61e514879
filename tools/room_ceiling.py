"""How much of a room two ears could tell from the scene without it: the dry truth scored as a prediction for the room.

python tools/room_ceiling.py stage-bench

Scenes of one number in "one" and "one, room" (and in "two" and "two, room") differ by the room alone. What one
microphone and a picture can tell of ears in an unknown room is at best what is heard without the room.
"""

import argparse
import sys
from pathlib import Path

import torch

from ccstereo.benchmark import read_benchmark
from ccstereo.benchmark.storage import read_scene
from ccstereo.errors import CCStereoError
from ccstereo.metrics import functional as metrics

DEAD_ZONES = (2.0, 3.0, 4.0, 6.0)  # dB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", help="folder of `ccstereo bench make`")
    options = parser.parse_args()
    try:
        benchmark = read_benchmark(Path(options.benchmark))
    except CCStereoError as error:
        print(error, file=sys.stderr)
        return 1
    scenes = {facts.id: facts for facts in benchmark.scenes}
    kinds = {facts.row for facts in benchmark.scenes}
    rows = [row for row in ("one", "two") if {row, f"{row}, room"} <= kinds]
    if not rows:
        print(f"{options.benchmark}: has no row both dry and in rooms", file=sys.stderr)
        return 1
    heading = " | ".join(f"ears that differ by {zone:g} dB" for zone in DEAD_ZONES)
    print("Louder ear of the room named right by the same scene without it, %\n")
    print(f"| scenes | {heading} |")
    print("|---" * (len(DEAD_ZONES) + 1) + "|")
    for row in rows:
        rooms = [facts for facts in benchmark.scenes if facts.row == f"{row}, room"]
        pairs = [(facts, scenes[facts.id.replace("-room", "")]) for facts in rooms]
        wet, dry = (
            torch.stack([torch.from_numpy(read_scene(benchmark.folder, facts)[0].sum(0)) for facts in side])
            for side in zip(*pairs, strict=True)
        )
        cells = []
        for zone in DEAD_ZONES:
            right = metrics.louder_ear_correct(dry, wet, dead_zone=zone)
            right = right[~right.isnan()]
            cells.append(f"{100 * right.mean():.1f} of {len(right)}")
        print(f"| {row}, room | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
