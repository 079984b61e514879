"""Scores of validations that two trainings have in common: does a shorter run of a recipe give what the longer one did?

    python research/scripts/compare_runs.py runs/stage33/training runs/tenth/training

With one run, its scores by step. Exits with 1 where they differ by more than the tolerance.
"""

import argparse
import sys
from pathlib import Path

from ccstereo.evaluation.report import markdown
from ccstereo.training.curves import read_curves

SCORE = "stft_to_mono"
TOLERANCE = 0.02  # of STFT over mono's: another number of threads rounds elsewhere, and a training is not continuous


def scores(run: Path) -> dict[str, dict[int, float]]:
    """Kind of validation -> step -> score, "mean" among the kinds."""
    found = {}
    for name, (steps, values) in read_curves(run).items():
        if name.startswith("val/") and name.endswith(SCORE):
            kind = name.removeprefix("val/").removesuffix(SCORE).strip("/") or "mean"
            found[kind] = {int(step): float(value) for step, value in zip(steps, values, strict=True)}
    return found


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of one or two trainings")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="(default: %(default)g)")
    options = parser.parse_args()
    found = [scores(run) for run in options.runs]
    kinds = sorted(set.intersection(*(set(run) for run in found)))
    steps = sorted(set.intersection(*({step for kind in kinds for step in run[kind]} for run in found)))
    if not kinds or not steps:
        print("there is no validation that all of these runs have", file=sys.stderr)
        return 1
    lines = [
        [f"{step:,}", *(" / ".join(f"{run[kind][step]:.3f}" for run in found) for kind in kinds)] for step in steps
    ]
    print(markdown(["step", *kinds], lines))
    if len(found) == 1:
        return 0
    worst = max(abs(found[0][kind][step] - found[1][kind][step]) for kind in kinds for step in steps)
    print(f"largest difference: {worst:.4f}")
    return int(worst > options.tolerance)


if __name__ == "__main__":
    sys.exit(main())
