"""`ccstereo bench`: the stage benchmark, made once, scored as often as there are weights."""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.evaluate import SALIENT, add_ears_options, add_jobs_option, direction, jobs
from ccstereo.cli.options import Subparsers, add_model_options, count, positive
from ccstereo.cli.progress import progress_bar
from ccstereo.jobs import cores

if TYPE_CHECKING:
    from ccstereo.evaluation import Benchmark, RowScore, Run, System, Weights

EXAMPLES = """examples:
  ccstereo bench                                              synthetic scenes, a spherical head
  ccstereo bench --folder STAGE --sofa KEMAR.sofa             photos and recordings held out of training
  ccstereo bench make -o stage-bench --folder STAGE --sofa KEMAR.sofa
  ccstereo bench score stage-bench --weights ccstereo-lite.stage33 runs/mine/1/weights -o scores
  ccstereo bench score stage-bench --sofa KEMAR.sofa --pan salient     beside a baseline that learns nothing
  ccstereo bench score stage-bench --frames "h264 33" "blur 1.5"
  ccstereo bench calibrate stage-bench --figure calibration.png
  ccstereo bench select stage-bench-val --weights runs/mine/1/weights runs/mine/2/weights

Without a step, scenes are made in a temporary folder and scored. All steps, when stopped, resume when given again: make
in its folder, score and select in that of -o. Scores of the test split are noted in a ledger. docs/benchmark.md
describes rows, scores and ledger.
"""
CHANGES = "h264 CRF [WxH], jpeg Q, blur PIXELS, brightness F, contrast F, grey, noise STEPS"


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "bench",
        description="Score weights on held-out simulated scenes, next to mono (the floor) and the true mask (the "
        "ceiling), and print a Markdown table with 95 % intervals.",
        epilog=EXAMPLES,
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP")
    _add_scene_options(parser)
    _add_score_options(parser)
    _add_table_options(parser)
    add_ears_options(parser, sofa=False)
    parser.set_defaults(run=lambda options: run(options, parser))

    make = steps.add_parser("make", help="make scenes in a folder", description="Make the benchmark's scenes.")
    make.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the benchmark")
    _add_scene_options(make)
    _add_shared_options(make)
    make.set_defaults(run=lambda options: run_make(options, make))

    score = steps.add_parser("score", help="score weights on them", description="Score weights on scenes made before.")
    _add_made_options(score)
    _add_table_options(score)
    score.set_defaults(run=lambda options: run_score(options, score))

    calibrate = steps.add_parser(
        "calibrate",
        help="how wide predictions are against the truth",
        description="Print the predicted side-to-mid ratio of windows of 0.63 s, in bins of as many each, beside the "
        "true one and what of that lies along the prediction: of calibrated predictions, as much as predicted.",
    )
    calibrate.add_argument("benchmark", type=Path, metavar="DIR", help="folder that ccstereo bench make has filled")
    calibrate.add_argument("--figure", type=Path, metavar="FILE", help="draw it there (.png, .svg or .pdf)")
    _add_score_options(calibrate)
    calibrate.set_defaults(run=lambda options: run_calibrate(options, calibrate))

    select = steps.add_parser(
        "select",
        help="choose the best weights, on validation scenes",
        description="Choose among weights by the mean over rows of STFT / mono's, on scenes of validation files alone.",
    )
    _add_made_options(select)
    select.set_defaults(run=lambda options: run_select(options, select))


def _add_scene_options(parser: argparse.ArgumentParser) -> None:
    stage = "photos/, sounds/ and backgrounds/ (default: synthetic scenes)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=stage)
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="measured head (default: a spherical one)")
    parser.add_argument("--split", choices=("train", "val", "test", "final"), default="test", help="(default: test)")
    unknown = 'photos/ and sounds/ of classes that the weights do not know, for the row "unknown class"'
    parser.add_argument("--unknown", type=Path, metavar="DIR", help=unknown)
    parser.add_argument("--scenes", type=count, default=100, metavar="N", help="scenes a row (default: 100)")
    parser.add_argument("--seconds", type=positive, default=3.0, metavar="S", help="length of a scene (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene (default: 0)")


def _add_made_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("benchmark", type=Path, metavar="DIR", help="folder that ccstereo bench make has filled")
    parser.add_argument("-o", "--keep", type=Path, metavar="DIR", help="keep every score there and resume from it")
    _add_score_options(parser)
    add_ears_options(parser)


def _add_score_options(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser, several=True, scores=True)
    pan = "score the mono track panned there, too: degrees, or salient for the most salient place of each frame"
    parser.add_argument("--pan", nargs="+", type=direction, default=[], metavar="A", help=pan)
    changed = f"score with changed frames, too: {CHANGES}"
    parser.add_argument("--frames", nargs="+", default=[], metavar="CHANGE", help=changed)
    _add_shared_options(parser)


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    by_class = "print the scores of a row by the class of what sounds, too, such as one"
    parser.add_argument("--by-class", metavar="ROW", help=by_class)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every scene's scores there")
    where = "note scores of the test split there (default: research/ledger.jsonl inside a checkout of this project)"
    parser.add_argument("--ledger", type=Path, metavar="FILE", help=where)


def _add_shared_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rows", metavar="A;B", help="rows, separated by semicolons (default: the usual six, or all there are)"
    )
    add_jobs_option(parser)


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Make scenes in a temporary folder and score them."""
    from ccstereo.evaluation import ROWS, USUAL_ROWS

    options.keep = None
    _check_outputs(options)
    systems = _systems(options, parser)
    if not options.rows and find_spec("pyroomacoustics") is None:
        dry = [row for row in USUAL_ROWS if not ROWS[row].room]
        options.rows = ";".join(dry)
        print("rows in rooms are skipped: they need pip install 'ccstereo[rooms]'", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="ccstereo-bench-") as folder:
        made = _make(options, parser, Path(folder))
        return _report(options, made, systems, _score(options, parser, made, systems))


def run_make(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Make scenes in a folder and print their checksum."""
    made = _make(options, parser, options.output)
    rows = ", ".join(f"{number} of {row!r}" for row, number in made.rows.items())
    print(f"{options.output}: {rows}\nchecksum {made.sha256}")
    return 0


def run_score(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Score weights on scenes made before."""
    from ccstereo.evaluation import read_benchmark

    benchmark = read_benchmark(options.benchmark)
    _check_outputs(options)
    systems = _systems(options, parser)
    return _report(options, benchmark, systems, _score(options, parser, benchmark, systems))


def run_select(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Choose among weights on validation scenes."""
    from ccstereo.evaluation import Weights, check_selection, headline, overview, read_benchmark, select, summarise

    benchmark = read_benchmark(options.benchmark)
    check_selection(benchmark)
    systems = {name: system for name, system in _systems(options, parser).items() if isinstance(system, Weights)}
    rows = summarise(_score(options, parser, benchmark, systems))
    means = select(rows, list(systems))
    print(f"{headline(benchmark)}\n\nSTFT / mono's:\n\n{overview(rows, 'stft_to_mono')}\n")
    print("\n".join(f"{mean:.4f}  {name}" for name, mean in means.items()))
    print(f"best of {len(means)}, mean over rows: {next(iter(means))}")
    return 0


def run_calibrate(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Print how wide predictions are against the truth, and draw it."""
    import numpy as np

    from ccstereo.evaluation import headline, read_benchmark
    from ccstereo.evaluation.benchmark.calibration import COLUMNS, calibrate
    from ccstereo.evaluation.report import check_output, markdown

    benchmark = read_benchmark(options.benchmark)
    rows = _rows(options, parser, list(benchmark.rows), list(benchmark.rows))
    if options.figure:
        check_output(options.figure)
    lines, curves = [], {}
    for name, system in _weights(options).items():
        with progress_bar("scene") as progress:
            found = calibrate(system, benchmark, rows=rows, jobs=jobs(options) or cores(), progress=progress)
        lines += [[name, str(each.windows), *(f"{getattr(each, of):.3f}" for of in COLUMNS)] for each in found]
        curves[name] = {of: np.array([getattr(each, of) for each in found]) for of in COLUMNS}
    print(f"{headline(benchmark)}\n\n{markdown(['system', 'windows', *COLUMNS], lines)}")
    if options.figure:
        from ccstereo.viz import plot_calibration, save_figure

        save_figure(plot_calibration(curves, headline(benchmark)), options.figure)
    return 0


def _make(options: argparse.Namespace, parser: argparse.ArgumentParser, output: Path) -> "Benchmark":
    from ccstereo.evaluation import ROWS, USUAL_ROWS, Origin, make_benchmark

    if options.seconds < 0.1 or options.seed < 0:
        parser.error("--seconds is at least 0.1 and --seed at least 0")
    with progress_bar("scene") as progress:
        return make_benchmark(
            output,
            Origin(options.folder, options.sofa, options.split, options.unknown),
            rows=_rows(options, parser, list(ROWS), USUAL_ROWS),
            scenes=options.scenes,
            seconds=options.seconds,
            seed=options.seed,
            jobs=options.jobs or (None if options.engine == "ray" else cores()),
            engine=options.engine,
            progress=progress,
        )


def _score(
    options: argparse.Namespace,
    parser: argparse.ArgumentParser,
    benchmark: "Benchmark",
    systems: "Mapping[str, System]",
) -> "Run":
    from ccstereo.evaluation import Ears, score

    items = benchmark.only(_rows(options, parser, list(benchmark.rows), list(benchmark.rows)))
    with progress_bar("score") as progress:
        return score(
            systems,
            items,
            ears=Ears(options.decoder, options.sofa),
            jobs=jobs(options),
            engine=options.engine,
            keep=options.keep,
            progress=progress,
        )


def _report(options: argparse.Namespace, benchmark: "Benchmark", systems: "Mapping[str, System]", found: "Run") -> int:
    """Print the table, write the files, and note the scores of test files."""
    from ccstereo.evaluation import headline, record, rows_table, summarise
    from ccstereo.evaluation.benchmark.classes import by_class
    from ccstereo.evaluation.report import csv_text, scene_columns
    from ccstereo.files import write_atomic

    rows = summarise(found)
    print(f"{headline(benchmark)}\n\n{rows_table(rows)}")
    if options.by_class:
        print(
            f"\n{options.by_class!r} by class:\n\n{rows_table(summarise(by_class(found, benchmark, options.by_class)))}"
        )
    if options.json:
        write_atomic(options.json, json.dumps(record(benchmark, systems, rows), indent=1) + "\n")
    if options.csv:
        write_atomic(options.csv, csv_text(scene_columns(found)))
    if benchmark.split in ("test", "final"):
        _note(options, benchmark, systems, rows)
    return 0


def _note(
    options: argparse.Namespace, benchmark: "Benchmark", systems: "Mapping[str, System]", rows: "list[RowScore]"
) -> None:
    from ccstereo.evaluation import Weights
    from ccstereo.evaluation.ledger import append_to_ledger, find_ledger, ledger_lines

    ledger = options.ledger or find_ledger(Path.cwd())
    if ledger is None:
        print("test files were scored; no ledger notes it, as this is no checkout (--ledger FILE)", file=sys.stderr)
        return
    scored = [system for system in systems.values() if isinstance(system, Weights)]
    append_to_ledger(ledger, ledger_lines(benchmark, scored, rows))
    print(f"test files were scored: noted in {ledger}; choose weights by validation files", file=sys.stderr)


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse, before any work is done, what could not be written at its end."""
    from ccstereo.evaluation.report import check_folder, check_output

    for path in filter(None, (options.json, options.csv, options.ledger)):
        check_output(path)
    if options.keep is not None:
        check_folder(options.keep)


def _weights(options: argparse.Namespace) -> "dict[str, Weights]":
    """All weights by the names that tables print, with every change of frames."""
    from ccstereo.evaluation import Weights, weights_name
    from ccstereo.inference.backends import warn_of_precision
    from ccstereo.inference.device import choose_device

    device = choose_device(options.device)
    warn_of_precision(options.precision, device)
    names = [weights_name(weights) for weights in options.weights]
    found = {}
    for weights, last in zip(options.weights, names, strict=True):
        plain = last if names.count(last) == 1 else weights
        for change in ["", *options.frames]:
            name = ", ".join(filter(None, (plain, change, "fast" if options.fast else "")))
            found[name] = Weights(
                weights,
                options.hop,
                options.tdss,
                options.precision,
                device,
                options.batch_size,
                name,
                change,
                options.backend,
                options.adaptive,
                options.fast,
            )
    return found


def _systems(options: argparse.Namespace, parser: argparse.ArgumentParser) -> "dict[str, System]":
    """Floor, weights, and a ceiling for every bound and target of masks that they have."""
    from ccstereo.evaluation import Geometric, Mono

    try:
        chosen = _weights(options)
        ceilings = dict.fromkeys(weights.oracle() for weights in chosen.values())
        panned = [Geometric(None if pan == SALIENT else pan, options.sofa) for pan in options.pan]
    except ValueError as error:
        parser.error(str(error))
    systems: list[System] = [Mono(), *panned, *chosen.values(), *ceilings]
    return {system.name: system for system in systems}


def _rows(
    options: argparse.Namespace, parser: argparse.ArgumentParser, known: list[str], usual: Sequence[str]
) -> list[str]:
    rows = [row.strip() for row in options.rows.split(";")] if options.rows else list(usual)
    if unknown := sorted(set(rows) - set(known)):
        parser.error(f"no row {unknown[0]!r}; rows are {'; '.join(known)}")
    return [row for row in known if row in rows]
