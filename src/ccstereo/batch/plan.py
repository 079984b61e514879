"""What is to become of each file: converted, skipped because it is done, or refused, decided before any work."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ccstereo.batch.inputs import Input
from ccstereo.batch.report import DONE, PLANNED, Record, Report
from ccstereo.errors import MediaError
from ccstereo.journal import first_difference
from ccstereo.media.containers import default_output


@dataclass(frozen=True)
class Job:
    """A file and what is to become of it.

    Attributes:
        input, output: the files.
        action: "convert"; "skip", what is done; or "refuse".
        reason: why it is not converted.
    """

    input: Path
    output: Path
    action: Literal["convert", "skip", "refuse"] = "convert"
    reason: str = ""


def plan(inputs: Sequence[Input], report: Report, settings: dict[str, Any], *, overwrite: bool = False) -> list[Job]:
    """Decide what becomes of each file.

    Results are named NAME.binaural.SUFFIX, in the report's folder. What that says is done is skipped. Any other file
    that stands there is left alone, and its job refused, unless `overwrite` is set.

    Args:
        inputs: the files.
        report: of the folder of results.
        settings: on which results depend, as JSON values.
        overwrite: convert all, and replace what is there.

    Raises:
        MediaError: two files would get the same name, or all are results of earlier runs into the same folder.
    """
    pairs = [(each, report.folder / each.below / default_output(Path(each.path.name)).name) for each in inputs]
    # A shell's own *.mp4 names the results of an earlier run into the same folder, too.
    pairs = [(each, output) for each, output in pairs if report.key(each.path) not in report.records]
    if inputs and not pairs:
        raise MediaError(f"{inputs[0].path}: is a result of an earlier run into {report.folder}; give the video itself")
    _check_names(pairs)
    return [_job(each.path, output, report, settings, overwrite) for each, output in pairs]


def _check_names(pairs: list[tuple[Input, Path]]) -> None:
    wanted: dict[str, Path] = {}
    sources = {os.path.realpath(each.path): each.path for each, _ in pairs}
    for each, output in pairs:
        first = wanted.setdefault(os.path.normcase(output), each.path)
        if first != each.path:
            raise MediaError(
                f"{first} and {each.path} would both become {output}; rename one, or convert them into two folders"
            )
        if os.path.realpath(output) in sources:
            other = sources[os.path.realpath(output)]
            raise MediaError(f"{each.path} would become {output}, but {other} is to be converted, too; leave one out")


def _job(source: Path, output: Path, report: Report, settings: dict[str, Any], overwrite: bool) -> Job:
    if overwrite or not output.exists():
        return Job(source, output)
    record = report.records.get(report.key(output))
    if record is not None and record.state == PLANNED:  # made by a run that was stopped before it could say so
        return Job(source, output)
    if record is None or record.state != DONE:
        return Job(source, output, "refuse", f"{output}: exists already; --overwrite replaces it")
    difference = _difference(source, output, record, settings)
    if difference:
        return Job(source, output, "refuse", f"{output}: exists, but {difference}; --overwrite makes it anew")
    return Job(source, output, "skip", "done before")


def _difference(source: Path, output: Path, record: Record, settings: dict[str, Any]) -> str:
    """What speaks against a recorded result being that of a source; "" where nothing does."""
    if output.stat().st_size != record.output_size:
        return "was changed since it was made"
    if source.name != Path(record.input).name:
        return f"was made of {record.input}"
    try:
        state = source.stat()
    except OSError:
        return ""  # gone since: the result stands
    if (state.st_size, state.st_mtime_ns) != (record.input_size, record.input_time):
        same = os.path.realpath(source) == os.path.realpath(record.input)
        return f"{source} was changed since" if same else f"was made of {record.input}"
    difference = first_difference(record.settings, settings)
    return difference and f"was made with other settings: {difference}"
