"""`ccstereo bench`: the stage benchmark, made once, scored as often as there are weights."""

import argparse
import json
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import Subparsers, add_model_options, check_device, count, positive, warn_of_precision
from ccstereo.cli.progress import progress_bar

if TYPE_CHECKING:
    from ccstereo.benchmark import Benchmark, System

EXAMPLES = """examples:
  ccstereo bench                                              drawn scenes, a spherical head
  ccstereo bench --folder STAGE --sofa KEMAR.sofa             photos and recordings held out of training
  ccstereo bench make -o stage-bench --folder STAGE --sofa KEMAR.sofa
  ccstereo bench score stage-bench --weights ccstereo-lite.stage runs/mine/weights -o scores

Without make or score, scenes are made in a temporary folder and scored. Both commands, when stopped, go on where they
were when given again: make in its folder, score in that of -o. docs/benchmark.md describes rows and scores.
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "bench",
        help="score weights on simulated scenes",
        description="Score weights on held-out simulated scenes, next to mono (the floor) and the true mask (the "
        "ceiling), and print a Markdown table with 95 % intervals.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP")
    _add_scene_options(parser)
    _add_shared_options(parser)
    _add_score_options(parser)
    parser.set_defaults(run=lambda options: run(options, parser))

    make = steps.add_parser("make", help="make scenes in a folder", description="Make the benchmark's scenes.")
    make.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the benchmark")
    _add_scene_options(make)
    _add_shared_options(make)
    make.set_defaults(run=lambda options: run_make(options, make))

    score = steps.add_parser("score", help="score weights on them", description="Score weights on scenes made before.")
    score.add_argument("benchmark", type=Path, metavar="DIR", help="folder that ccstereo bench make has filled")
    score.add_argument(
        "-o", "--keep", type=Path, metavar="DIR", help="keep every scene's scores there and go on from them"
    )
    _add_shared_options(score)
    _add_score_options(score)
    score.set_defaults(run=lambda options: run_score(options, score))


def _add_scene_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, metavar="DIR", help="photos/, sounds/ and backgrounds/ (default: drawn)")
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="measured head (default: a spherical one)")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="(default: test)")
    parser.add_argument("--scenes", type=count, default=100, metavar="N", help="scenes a row (default: 100)")
    parser.add_argument("--seconds", type=positive, default=3.0, metavar="S", help="length of a scene (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene (default: 0)")


def _add_score_options(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser, several=True)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every scene's scores there")


def _add_shared_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", metavar="A;B", help="rows, separated by semicolons (default: all)")
    parser.add_argument("--jobs", type=count, metavar="N", help="processes (default: the cores; with a GPU 1)")


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Make scenes in a temporary folder and score them."""
    from ccstereo.benchmark import ROWS

    systems = _systems(options, parser)
    if not options.rows and find_spec("pyroomacoustics") is None:
        dry = [row for row, kind in ROWS.items() if not kind.room]
        options.rows = ";".join(dry)
        print("rows in rooms are left out: they need pip install 'ccstereo[rooms]'", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="ccstereo-bench-") as folder:
        made = _make(options, parser, Path(folder))
        return _score(options, parser, made, systems, None)


def run_make(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Make scenes in a folder and print their checksum."""
    made = _make(options, parser, options.output)
    rows = ", ".join(f"{number} of {row!r}" for row, number in made.rows.items())
    print(f"{options.output}: {rows}\nchecksum {made.sha256}")
    return 0


def run_score(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Score weights on scenes made before."""
    from ccstereo.benchmark import read_benchmark

    benchmark = read_benchmark(options.benchmark)
    return _score(options, parser, benchmark, _systems(options, parser), options.keep)


def _make(options: argparse.Namespace, parser: argparse.ArgumentParser, output: Path) -> "Benchmark":
    from ccstereo.benchmark import ROWS, Origin, make_benchmark

    if options.seconds < 0.1 or options.seed < 0:
        parser.error("--seconds is at least 0.1 and --seed at least 0")
    with progress_bar("scene") as progress:
        return make_benchmark(
            output,
            Origin(options.folder, options.sofa, options.split),
            rows=_rows(options, parser, list(ROWS)),
            scenes=options.scenes,
            seconds=options.seconds,
            seed=options.seed,
            jobs=options.jobs or os.cpu_count() or 1,
            progress=progress,
        )


def _score(
    options: argparse.Namespace,
    parser: argparse.ArgumentParser,
    benchmark: "Benchmark",
    systems: "list[System]",
    keep: Path | None,
) -> int:
    from ccstereo.benchmark import headline, record, scenes_csv, score_benchmark, summarise, table
    from ccstereo.evaluation.run import write_whole

    rows = _rows(options, parser, list(benchmark.rows))
    jobs = options.jobs or ((os.cpu_count() or 1) if options.device == "cpu" else 1)
    with progress_bar("score") as progress:
        scores = score_benchmark(benchmark, systems, rows=rows, jobs=jobs, keep=keep, progress=progress)
    found = summarise(benchmark, {system.name: one for system, one in zip(systems, scores, strict=True)})
    print(f"{headline(benchmark)}\n\n{table(found)}")
    if options.json:
        write_whole(options.json, json.dumps(record(benchmark, systems, found), indent=1) + "\n")
    if options.csv:
        write_whole(options.csv, scenes_csv(benchmark, systems, scores))
    return 0


def _systems(options: argparse.Namespace, parser: argparse.ArgumentParser) -> "list[System]":
    """Floor, weights, and a ceiling for every bound of a mask that they have."""
    from ccstereo.benchmark import Mono, Weights

    warn_of_precision(options.precision, check_device(options.device))
    last = [Path(weights).resolve().name for weights in options.weights]
    chosen = [
        Weights(
            weights,
            options.hop,
            options.tdss,
            options.precision,
            options.device,
            options.batch_size,
            name="" if last.count(name) == 1 else weights,
        )
        for weights, name in zip(options.weights, last, strict=True)
    ]
    try:
        ceilings = dict.fromkeys(weights.oracle() for weights in chosen)
    except ValueError as error:
        parser.error(str(error))
    return [Mono(), *chosen, *ceilings]


def _rows(options: argparse.Namespace, parser: argparse.ArgumentParser, known: list[str]) -> list[str]:
    rows = [row.strip() for row in options.rows.split(";")] if options.rows else known
    if unknown := sorted(set(rows) - set(known)):
        parser.error(f"no row {unknown[0]!r}; rows are {'; '.join(known)}")
    return [row for row in known if row in rows]
