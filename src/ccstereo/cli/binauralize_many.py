"""`ccstereo binauralize` of many files: what is planned, one bar for all, a table at the end."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import make_binauralizer, model_arguments
from ccstereo.cli.progress import Progress, progress_bar
from ccstereo.errors import MediaError
from ccstereo.wording import counted

if TYPE_CHECKING:
    from ccstereo.batch import Batch, Found, Job, Record, Report
    from ccstereo.conversion import ConversionOptions

LONGEST_NAME = 48  # of a file, in the table


def run_many(options: argparse.Namespace, parser: argparse.ArgumentParser, conversion: "ConversionOptions") -> int:
    """Convert what is not done yet; status 1 if any file failed."""
    from ccstereo.batch import Batch, Report, alone, find_inputs, plan

    folder = Path(options.output)
    if folder.exists() and not folder.is_dir():
        raise MediaError(f"{folder}: is a file; name a folder for the results")
    found = find_inputs(options.inputs, recursive=options.recursive)
    if not found.files:
        return _no_files(options, found)
    arguments = model_arguments(options)
    if options.engine == "ray":  # other machines may stand elsewhere, and have the device that this one lacks
        if Path(options.weights).exists():
            arguments["weights"] = str(Path(options.weights).absolute())
        make_binauralizer(argparse.Namespace(**{**vars(options), "device": "cpu"}), parser)
    else:
        make_binauralizer(options, parser)  # what is wrong with the weights is said at once
    batch = Batch(arguments, conversion)
    settings = batch.settings()
    if options.dry_run:
        report = Report(folder)
        return _dry_run(options, found, plan(found.files, report, settings, overwrite=options.overwrite), batch, report)
    with alone(folder):
        report = Report(folder)
        jobs = plan(found.files, report, settings, overwrite=options.overwrite)
        with progress_bar("s", quiet=options.quiet) as progress:
            records = _convert(options, found, jobs, batch, report, progress)
    failed = [record for record in records if record.error]
    for record in failed:
        print(f"ccstereo: error: {record.error}", file=sys.stderr)
    if not options.json and not options.quiet:
        print(table(records))
        print(totals(records, found.others))
        print(f"numbers, notes and errors of every file: {report.path}")
    return 1 if failed else 0


def _no_files(options: argparse.Namespace, found: "Found") -> int:
    """Say why there is nothing to convert; nothing is written."""
    for record in _faults(found):
        if options.json:
            print(json.dumps(asdict(record)))
        print(f"ccstereo: error: {record.error}", file=sys.stderr)
    return 1


def _convert(
    options: argparse.Namespace,
    found: "Found",
    jobs: "Sequence[Job]",
    batch: "Batch",
    report: "Report",
    progress: Progress,
) -> "list[Record]":
    """Convert; returns what became of every file, in the order of the plan."""
    faults, skipped = _faults(found), _skipped(jobs, report)
    if options.json:
        for record in (*faults, *skipped.values()):
            print(json.dumps(asdict(record)), flush=True)
    waiting = len(jobs) - len(skipped)
    became = dict(skipped)

    def show(done: float, total: float) -> None:
        progress(done, total, f"{len(became) - len(skipped)} of {waiting} files")

    processes = options.jobs or (None if options.engine == "ray" else 1)
    converted = batch.convert(jobs, report, processes=processes, engine=options.engine, progress=show)
    with closing(converted):
        for job, record in converted:
            became[job] = record
            if options.json:
                print(json.dumps(asdict(record)), flush=True)
    return [*faults, *(became[job] for job in jobs)]


def _dry_run(
    options: argparse.Namespace, found: "Found", jobs: "Sequence[Job]", batch: "Batch", report: "Report"
) -> int:
    """Say what would become of every file; status 1 if any would fail."""
    from ccstereo.batch import Record, inspect

    chosen = [job for job in jobs if job.action == "convert"]
    seconds = dict(inspect(chosen, batch.options, options.jobs or 1))
    skipped = _skipped(jobs, report)
    records = _faults(found)
    for job in jobs:
        about = seconds.get(job, 0.0)
        error = job.reason if job.action == "refuse" else about if isinstance(about, str) else None
        record = Record(str(job.input), str(job.output), "failed" if error else "planned", error=error)
        record = skipped.get(job, record)
        records.append(record if error or isinstance(about, str) else replace(record, seconds=record.seconds or about))
    for record in records:
        if options.json:
            print(json.dumps(asdict(record)))
        elif record.error:
            print(f"fail    {record.input}: {record.error}")
        elif record.state == "skipped":
            print(f"skip    {record.input}: done before, {record.output}")
        else:
            print(f"convert {record.input} to {record.output} ({record.seconds or 0:.1f} s)")
    if found.others and not options.json:
        print(f"skip    {counted(found.others, 'other file')}, no videos by name")
    return 1 if any(record.error for record in records) else 0


def _faults(found: "Found") -> "list[Record]":
    from ccstereo.batch import Record

    return [Record(name, "", "failed", error=f"{name}: {reason}") for name, reason in found.faults]


def _skipped(jobs: "Sequence[Job]", report: "Report") -> "dict[Job, Record]":
    """What is known of files that are done."""
    done = [job for job in jobs if job.action == "skip"]
    return {job: replace(report.records[report.key(job.output)], state="skipped") for job in done}


def table(records: "Sequence[Record]") -> str:
    """A line for every file: how long it is, how fast it was converted, how wide it is, and what became of it."""
    rows: list[tuple[str, ...]] = [("file", "seconds", "speed", "side-to-mid", "")]
    for record in records:
        name = record.input if len(record.input) <= LONGEST_NAME else f"...{record.input[3 - LONGEST_NAME :]}"
        numbers = [record.seconds, record.speed, record.side_to_mid]
        cells = [
            "" if value is None else f"{value:.{digits}f}" for value, digits in zip(numbers, (1, 1, 2), strict=True)
        ]
        last = {"done": record.output, "skipped": "done before"}.get(record.state, "failed")
        notes = f" ({counted(len(record.notes), 'note')})" if record.notes else ""
        rows.append((name, *cells, last + notes))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    )


def totals(records: "Sequence[Record]", others: int = 0) -> str:
    """How many files there were of each kind; `others` are those that are no videos.

    >>> from ccstereo.batch import Record
    >>> totals([Record("a.mp4", "b.mp4", "done", seconds=60.0, elapsed=20.0)], 1)
    '1 converted (60 s), 0 done before, 0 failed; 1 other file skipped'
    """
    done = [record for record in records if record.state == "done"]
    seconds = sum(record.seconds or 0 for record in done)
    skipped = sum(record.state == "skipped" for record in records)
    failed = len(records) - len(done) - skipped
    rest = f"; {counted(others, 'other file')} skipped" if others else ""
    return f"{len(done)} converted ({seconds:.0f} s), {skipped} done before, {failed} failed{rest}"
