"""The report of a folder of results, a line of JSON a file, by which a later run knows what is done."""

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ccstereo.conversion import ConversionReport
from ccstereo.errors import CCStereoError, MediaError
from ccstereo.journal import Lines, read_lines

REPORT = "report.jsonl"
LOCK = ".ccstereo.lock"
PLANNED, DONE, FAILED = "planned", "done", "failed"


@dataclass(frozen=True)
class Record:
    """What became of one file.

    Attributes:
        input, output: the files, as they were given and named.
        state: "done", "failed", or "planned": a run that was stopped had not finished it.
        seconds: of sound; elapsed: that it took; speed: the one over the other.
        side_to_mid: RMS of the difference over that of the mixture.
        loudness: of the result, in LUFS, None of silence; true_peak: in dBTP.
        runs_on: device, what ran the network, and precision.
        notes: what could not be kept.
        error: why it failed.
        input_size, output_size: bytes.
        input_time: when the input was last written, in nanoseconds since 1970.
        settings: on which the result depends.
    """

    input: str
    output: str
    state: str = PLANNED
    seconds: float | None = None
    elapsed: float | None = None
    speed: float | None = None
    side_to_mid: float | None = None
    loudness: float | None = None
    true_peak: float | None = None
    runs_on: str | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    input_size: int | None = None
    input_time: int | None = None
    output_size: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def record_of(report: ConversionReport, input_state: os.stat_result | None, settings: dict[str, Any]) -> Record:
    """Describe a conversion that ended well.

    Args:
        report: of the conversion.
        input_state: of the input before it, None where that is no file.
        settings: on which the result depends.
    """
    return Record(
        str(report.input),
        str(report.output),
        DONE,
        seconds=round(report.duration, 3),
        elapsed=round(report.elapsed, 2),
        speed=round(report.speed, 2),
        side_to_mid=round(report.side_to_mid, 4),
        loudness=round(report.output_loudness, 2) if math.isfinite(report.output_loudness) else None,
        true_peak=round(report.true_peak, 2),
        runs_on=report.runs_on,
        notes=list(report.notes),
        input_size=input_state.st_size if input_state else None,
        input_time=input_state.st_mtime_ns if input_state else None,
        output_size=report.output.stat().st_size if report.output.is_file() else None,
        settings=settings,
    )


class Report:
    """The file `report.jsonl` of a folder.

    Args:
        folder: of results; it need not exist.

    Attributes:
        records: what is known of each output, by its name below the folder; the last line about one counts.

    Raises:
        MediaError: the folder has a file of that name that is none, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / REPORT
        try:
            lines = read_lines(self.path) if self.path.exists() else []
        except OSError as error:
            raise MediaError(f"{self.path}: cannot be read ({error.strerror}); choose another folder") from error
        names = {each.name for each in fields(Record)}
        if not all(isinstance(line, dict) and {"input", "output", "state"} <= line.keys() for line in lines):
            raise MediaError(f"{self.path}: is no report of ccstereo; choose another folder, or move it away")
        found = (Record(**{name: value for name, value in line.items() if name in names}) for line in lines)
        self.records = {self.key(record.output): record for record in found}
        self._lines: Lines | None = None

    def key(self, output: str | Path) -> str:
        """Name of an output below the folder, wherever the command was given."""
        return os.path.relpath(output, self.folder)

    def begin(self, planned: Iterable[Record]) -> None:
        """Write down what is to be done, before any of it is: whatever stands there later is this run's own."""
        self.records |= {self.key(record.output): record for record in planned}
        self._write()

    def add(self, record: Record) -> None:
        """Note what became of a file."""
        assert self._lines is not None
        self.records[self.key(record.output)] = record
        with _writing(self.path):
            self._lines.append(asdict(record))

    def finish(self) -> None:
        """Bring the lines into the order of the outputs, one line each."""
        self.records = dict(sorted(self.records.items()))
        self._write()

    def _write(self) -> None:
        with _writing(self.path):
            self._lines = Lines(self.path, map(asdict, self.records.values()))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder of results, which is made if need be.

    Raises:
        CCStereoError: another run is at work, or the folder cannot be made.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        with _writing(folder):
            lock.acquire()
    except Timeout as error:
        raise CCStereoError(f"{folder}: another run is at work there; wait for it, or choose another folder") from error
    except NotImplementedError:  # a file system without locks
        pass
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise CCStereoError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from error
