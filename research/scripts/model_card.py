"""Fills in a model card: classes, scores by row and by class, calibration, and what real films gave.

    python research/scripts/model_card.py BENCH --weights WEIGHTS --real FOLDER -o README.md --keep SCORES

BENCH is a benchmark of files that chose nothing (`ccstereo bench make --split test` or final). Scores of such files are
noted in the ledger, as `ccstereo bench score` does. Given again, it resumes from SCORES.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from string import Template

from ccstereo.evaluation import Weights, headline, read_benchmark, rows_table, score, summarise
from ccstereo.evaluation.benchmark.calibration import COLUMNS, calibrate
from ccstereo.evaluation.benchmark.classes import by_class
from ccstereo.evaluation.ledger import append_to_ledger, ledger_lines
from ccstereo.evaluation.report import markdown
from ccstereo.files import write_atomic

RESEARCH = Path(__file__).parents[1]
CARD = RESEARCH / "recipes" / "ccstereo-lite.stage33.card.md"


def main() -> None:
    """Write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--real", type=Path, help="folder of films with stereo sound (see real_sides.py)")
    parser.add_argument("--keep", type=Path, required=True, help="folder of the scores")
    parser.add_argument("--card", type=Path, default=CARD, help="template (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    benchmark, weights = read_benchmark(options.benchmark), Weights(options.weights)
    run = score({weights.name: weights}, benchmark, jobs=options.jobs, keep=options.keep)
    rows = summarise(run)
    if benchmark.split in ("test", "final"):
        append_to_ledger(RESEARCH / "ledger.jsonl", ledger_lines(benchmark, [weights], rows))
    bins = calibrate(weights, benchmark, jobs=options.jobs)
    model = weights.binauralizer().model
    tensors = model.state_dict().values()
    labels = sorted({source.label for scene in benchmark.scenes for source in scene.sources})
    filled = Template(options.card.read_text(encoding="utf-8")).substitute(
        parameters=f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.1f}",
        megabytes=f"{2 * sum(tensor.numel() for tensor in tensors) / 1e6:.1f}",
        sha256=weights.sha256,
        count=len(labels),
        labels=", ".join(label.replace("_", " ") for label in labels),
        headline=headline(benchmark),
        rows=rows_table(rows),
        classes=rows_table(summarise(by_class(run, benchmark))),
        calibration=markdown(
            ["windows", *COLUMNS],
            [[str(each.windows), *(f"{getattr(each, of):.3f}" for of in COLUMNS)] for each in bins],
        ),
        real=real_sides(options.real, options.weights) if options.real else "Not measured.",
    )
    write_atomic(options.output, filled)


def real_sides(folder: Path, weights: str) -> str:
    """The table of real_sides.py."""
    command = [sys.executable, Path(__file__).with_name("real_sides.py"), folder, "--weights", weights]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
