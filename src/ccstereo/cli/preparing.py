"""What every command that prepares a set has: its options, its progress bar and its report."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import Parser, Subparsers, add_engine_option, count
from ccstereo.cli.progress import progress_bar
from ccstereo.jobs import cores
from ccstereo.wording import counted

if TYPE_CHECKING:
    from ccstereo.datasets.prepared.build import Folds, Report, Source, Worker
    from ccstereo.datasets.prepared.format import ClipRow, SetInfo, Unused

SHOWN = 20  # lines about what could not be used, in the report on the screen
NAMED = 3  # files that share a reason, in one of these lines


def add_set(sets: Subparsers, name: str, about: str, epilog: str, run: Callable[[argparse.Namespace], int]) -> Parser:
    """Add a kind of set with the options that all have: -o, --jobs, --engine, --quiet."""
    parser = sets.add_parser(name, help=about, description=about, epilog=epilog)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder of the prepared set")
    add_run_options(parser)
    parser.set_defaults(run=run)
    return parser


def add_run_options(parser: argparse.ArgumentParser, *, engine: bool = True) -> None:
    """Add --jobs and --quiet, and --engine where the work may run elsewhere."""
    of = "the cores" + (", with --engine ray those of the cluster" if engine else "")
    parser.add_argument("--jobs", type=count, metavar="N", help=f"processes (default: {of})")
    if engine:
        add_engine_option(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no report")


def run_prepare(
    options: argparse.Namespace,
    sources: "Sequence[Source]",
    worker: "Worker",
    info: "SetInfo",
    folds: "Callable[[list[ClipRow]], Folds]",
    rejected: "Sequence[Unused]" = (),
    unit: str = "file",
) -> "Report":
    """Prepare with a progress bar, and report what was made and what could not be used."""
    from ccstereo.datasets.prepared.build import prepare
    from ccstereo.datasets.prepared.format import SPLITS
    from ccstereo.datasets.prepared.reader import PreparedSet

    with progress_bar(unit, info.name, quiet=options.quiet) as progress:
        report = prepare(
            sources,
            worker,
            options.output,
            info,
            jobs=options.jobs or (None if options.engine == "ray" else cores()),
            engine=options.engine,
            folds=folds,
            rejected=rejected,
            progress=progress,
        )
    hours = sum(row.duration for row in report.rows) / 3600
    again = f", {report.done_before} of {counted(len(sources), unit)} done before" if report.done_before else ""
    say(options, f"{options.output}: {counted(len(report.rows), 'clip')}, {hours:.2f} h{again}")
    prepared = PreparedSet(options.output)
    for name, checksum in report.folds.items():
        there = "/".join(str(len(prepared.ids(name, split))) for split in SPLITS)
        listed = "/".join(str(len(prepared.listed(name, split))) for split in SPLITS)
        sizes = there if there == listed else f"{there} of {listed}"
        say(options, f"fold {name}: train/val/test {sizes}, sha256 {checksum}")
    if report.unused:
        say(options, f"{len(report.unused)} could not be used; all are in {options.output / 'unused.jsonl'}:")
        lines = unused_lines(report.unused)
        for line in lines[:SHOWN]:
            say(options, f"  {line}")
        if len(lines) > SHOWN:
            say(options, f"  and {len(lines) - SHOWN} more")
    return report


def unused_lines(unused: "Sequence[Unused]") -> list[str]:
    """A line for everything that could not be used; one for all that have the same reason, with a few names."""
    groups: dict[str, list[str]] = {}
    for item in unused:
        groups.setdefault(item.reason, []).append(f"{item.source} ({item.part})" if item.part else item.source)
    lines = []
    for reason, names in groups.items():
        if len(names) > NAMED + 1:
            lines.append(f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more: {reason}")
        else:
            lines += [f"{name}: {reason}" for name in names]
    return lines


def say(options: argparse.Namespace, line: str) -> None:
    """Print a line of the report, unless --quiet asks for none."""
    if not options.quiet:
        print(line)
