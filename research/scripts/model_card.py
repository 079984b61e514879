"""Fills in a model card: classes, scores by row and by class, calibration, and what real films gave.

    python research/scripts/model_card.py BENCH --weights WEIGHTS --real FOLDER -o README.md --keep SCORES
    python research/scripts/model_card.py ... --pages README.md docs/results.md docs/speed.md

BENCH is a benchmark of files that chose nothing (`ccstereo bench make --split test` or final). Scores of such files are
noted in the ledger, as `ccstereo bench score` does. Given again, it resumes from SCORES.

With --pages, tables of the same scores are written there, too: "rows"; "brief", fewer of them and fewer scores; "fast",
the same with `--fast`; and "variants", windows further apart and frames as videos have them, on the first scenes of two
rows.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

from pages import fill_page

from ccstereo.evaluation import (
    ROWS,
    Benchmark,
    RowScore,
    Run,
    Weights,
    headline,
    overview,
    read_benchmark,
    rows_table,
    score,
    summarise,
)
from ccstereo.evaluation.benchmark.calibration import COLUMNS, calibrate
from ccstereo.evaluation.benchmark.classes import by_class
from ccstereo.evaluation.ledger import append_to_ledger, ledger_lines
from ccstereo.evaluation.report import cell, markdown
from ccstereo.files import write_atomic

RESEARCH = Path(__file__).parents[1]
CARD = RESEARCH / "recipes" / "ccstereo-lite.stage33.card.md"
EIGHT = ("clock", "dog", "guitar", "helicopter", "mandolin", "rooster", "saxophone", "speaker")
"""Classes of the weights before."""
BRIEF = ("one", "two", "one, music", "off screen", "unknown class", "one, room", "two, room")
VARIANTS: dict[str, dict[str, Any]] = {
    "windows 0.2 s apart": {"hop": 0.2},
    "frames as H.264, CRF 33": {"frames": "h264 33"},
    "frames blurred by 1.5 pixels": {"frames": "blur 1.5"},
    "frames in grey": {"frames": "grey"},
}


def main() -> None:
    """Write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--real", type=Path, help="folder of films with stereo sound (see real_sides.py)")
    parser.add_argument("--keep", type=Path, required=True, help="folder of the scores")
    parser.add_argument("--card", type=Path, default=CARD, help="template (default: %(default)s)")
    parser.add_argument("--pages", type=Path, nargs="+", default=[], help="write tables there, between their marks")
    parser.add_argument(
        "--scenes", type=int, default=100, help="of a row, for the calibration and variants (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    benchmark, weights = read_benchmark(options.benchmark), Weights(options.weights)
    run = score({weights.name: weights}, benchmark, jobs=options.jobs, keep=options.keep)
    rows = summarise(run)
    if benchmark.split in ("test", "final"):
        append_to_ledger(RESEARCH / "ledger.jsonl", ledger_lines(benchmark, [weights], rows))
    bins = calibrate(weights, first_scenes(benchmark, tuple(benchmark.rows), options.scenes), jobs=options.jobs)
    model = weights.binauralizer().model
    tensors = model.state_dict().values()
    known = [scene for scene in benchmark.scenes if not ROWS[scene.row].unknown]
    labels = sorted({source.label for scene in known for source in scene.sources})
    filled = Template(options.card.read_text(encoding="utf-8")).substitute(
        parameters=f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.1f}",
        megabytes=f"{2 * sum(tensor.numel() for tensor in tensors) / 1e6:.1f}",
        sha256=weights.sha256,
        count=len(labels),
        labels=", ".join(label.replace("_", " ") for label in labels),
        headline=headline(benchmark),
        rows=rows_table(rows),
        classes=rows_table([*summarise(in_groups(run, benchmark)), *summarise(by_class(run, benchmark))]),
        calibration=markdown(
            ["windows", *COLUMNS],
            [[str(each.windows), *(f"{getattr(each, of):.3f}" for of in COLUMNS)] for each in bins],
        ),
        real=real_sides(options.real, options.weights) if options.real else "Not measured.",
    )
    write_atomic(options.output, filled)
    if options.pages:
        tables = {"rows": f"{headline(benchmark)}\n\n{rows_table(rows)}", "brief": brief(rows)}
        tables |= variants(weights, run, benchmark, options)
        for page in options.pages:
            fill_page(page, tables)


def brief(rows: Sequence[RowScore]) -> str:
    """The table "brief": what a reader of the README asks first."""
    lines = []
    for row in sorted((row for row in rows if row.row in BRIEF), key=lambda row: BRIEF.index(row.row)):
        sides = (row.scores["louder_ear"], row.scores["own_side"])
        fractions = ("-" if found is None else f"{100 * found.value:.1f} %" for found in sides)
        lines.append([row.row, cell(row.scores["stft_to_mono"], 2), *fractions])
    return markdown(["scenes", "STFT / mono's", "louder ear right", "own side right"], lines)


def in_groups(run: Run, benchmark: Benchmark) -> Run:
    """The scenes of one source, by whether its class is one of the first eight."""
    of_class = by_class(run, benchmark)
    groups = {scene: "the first eight" if label in EIGHT else "the others" for scene, label in of_class.items.items()}
    return replace(of_class, items=groups)


def first_scenes(benchmark: Benchmark, rows: Sequence[str], count: int) -> Benchmark:
    """At most so many scenes of each of these rows."""
    return replace(benchmark, scenes=tuple(scene for row in rows for scene in benchmark.only([row]).scenes[:count]))


def variants(weights: Weights, run: Run, benchmark: Benchmark, options: argparse.Namespace) -> dict[str, str]:
    """The tables "fast" and "variants": the same weights, run otherwise or shown other frames."""
    fast = replace(weights, fast=True, name="`--fast`")
    both = score({fast.name: fast}, benchmark, jobs=options.jobs, keep=options.keep / "fast")
    both = replace(both, scores={"default": run.scores[weights.name], **both.scores})
    few = first_scenes(benchmark, ("one", "two"), options.scenes)
    systems = {"as they are": replace(weights, name="as they are")}
    systems |= {name: replace(weights, name=name, **how) for name, how in VARIANTS.items()}
    others = score(systems, few, jobs=options.jobs, keep=options.keep / "variants")
    found = summarise(both)
    distances, sides = overview(found, "stft_to_mono"), overview(found, "louder_ear", digits=1, factor=100)
    return {
        "fast": f"STFT distance over mono's:\n\n{distances}\n\nLouder ear right, %:\n\n{sides}",
        "variants": overview(summarise(others), "stft_to_mono"),
    }


def real_sides(folder: Path, weights: str) -> str:
    """The table of real_sides.py."""
    command = [sys.executable, Path(__file__).with_name("real_sides.py"), folder, "--weights", weights]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
