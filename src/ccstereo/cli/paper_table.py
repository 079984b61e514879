"""`ccstereo evaluate --paper`: a paper's table, filled with what there is."""

import argparse
from pathlib import Path

from ccstereo.cli.progress import progress_bar

DECIDED = (  # by the table and its rows
    *("fold", "split", "predictions", "pan", "weights", "hop", "tdss", "scores", "compare", "normalize", "wav"),
    *("mask_bound", "figure", "report", "table", "save_predictions"),
)


def add_paper_options(parser: argparse.ArgumentParser) -> None:
    """Add --paper and --runs."""
    tables = "fairplay-ten, fairplay-five, music-stereo, yt-music, yt-clean, ablation"
    parser.add_argument("--paper", metavar="TABLE", help=f"fill a paper's table with what --runs holds: {tables}")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="of --paper: DIR/ROW/FOLD/weights or .../predictions")


def run_paper(options: argparse.Namespace, parser: argparse.ArgumentParser, jobs: int | None) -> int:
    """Score what there is, print and write the table."""
    from ccstereo.datasets.prepared.reader import PreparedSet
    from ccstereo.evaluation import Ears
    from ccstereo.evaluation.tables import fill_table, list_tables, read_table
    from ccstereo.inference.device import choose_device

    if options.paper not in list_tables():
        parser.error(f"no table {options.paper!r}; tables are {', '.join(list_tables())}")
    if options.runs is None:
        parser.error("--paper needs --runs, the folder of trainings and predictions")
    if given := [name for name in DECIDED if getattr(options, name) != parser.get_default(name)]:
        name = "no-tdss" if given[0] == "tdss" else given[0].replace("_", "-")
        parser.error(f"--paper and --{name} exclude each other")
    table = read_table(options.paper)
    how = {
        "precision": options.precision,
        "device": choose_device(options.device),
        "batch_size": options.batch_size,
        "backend": options.backend,
    }
    with progress_bar("clip", quiet=options.quiet) as progress:
        text = fill_table(
            table,
            PreparedSet(options.input),
            options.runs,
            options.output,
            ears=Ears(options.decoder, options.sofa),
            how=how,
            jobs=jobs,
            engine=options.engine,
            progress=progress,
        )
    if not options.quiet:
        print(text)
    return 0
