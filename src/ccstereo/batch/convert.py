"""Converting many files: each by a process that may die, every one reported, nothing done twice."""

import json
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccstereo.batch.plan import Job
from ccstereo.batch.report import FAILED, Record, Report, record_of
from ccstereo.conversion import ConversionOptions
from ccstereo.errors import CCStereoError
from ccstereo.files import sweep
from ccstereo.jobs import cores, map_items
from ccstereo.media import check_output, probe

if TYPE_CHECKING:  # a process that only looks at files needs no PyTorch
    from ccstereo.binauralizer import Binauralizer

DIED = "the process that converted it died, twice; it may need more memory than there is, or crash a decoder"
NOT_OF_RESULTS = ("weights", "device", "batch_size")  # the first is known by its checksum; others change rounding alone
_SAID_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class Batch:
    """How files are converted.

    Attributes:
        model: arguments of `Binauralizer.from_pretrained`.
        options: of each conversion.
    """

    model: Mapping[str, Any]
    options: ConversionOptions = field(default_factory=ConversionOptions)

    def settings(self) -> dict[str, Any]:
        """JSON values on which results depend.

        Raises:
            WeightsError: the weights are not found.
        """
        from ccstereo.locate import weights_sha256

        model = {name: value for name, value in self.model.items() if name not in NOT_OF_RESULTS}
        settings = {"weights": weights_sha256(self.model["weights"]), "model": model, "options": asdict(self.options)}
        found: dict[str, Any] = json.loads(json.dumps(settings, default=str))
        return found

    def convert(
        self,
        jobs: Sequence[Job],
        report: Report,
        *,
        processes: int | None = 1,
        engine: str = "processes",
        progress: Callable[[float, float], None] | None = None,
    ) -> Generator[tuple[Job, Record], None, None]:
        """Convert the files that are to be, and note each in the report; a later call resumes what was stopped.

        Nobody else may work on the same folder meanwhile, see `ccstereo.batch.alone`.

        Args:
            jobs: see `plan`; the names of outputs are unique.
            report: of the folder of results.
            processes: how many at once, each with that fraction of the cores; None for as many as there are cores.
            engine: see `ccstereo.jobs.map_items`; on Ray each file takes one core, or one GPU.
            progress: called with seconds of sound done and seconds in all.

        Yields:
            Each job that is not skipped, with what became of it, in the order in which they are done.

        Raises:
            CCStereoError: the report cannot be written, or the weights cannot be loaded.
        """
        settings = self.settings()
        yield from ((job, _failed(job, job.reason)) for job in jobs if job.action == "refuse")
        chosen = [job for job in jobs if job.action == "convert"]
        folders = {job.output.absolute().parent for job in chosen}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        report.begin([])
        try:
            seconds: dict[Job, float] = {}
            for job, about in inspect(chosen, self.options, processes):
                if isinstance(about, str):
                    record = _failed(job, about)
                    report.add(record)
                    yield job, record
                else:
                    seconds[job] = about
            waiting = [job for job in chosen if job in seconds]
            report.begin(Record(str(job.input), str(job.output)) for job in waiting)
            bar = _Sum(seconds, progress)
            at_once = 1 if engine == "ray" else min(processes or cores(), len(waiting))
            task = _Task(tuple(sorted(self.model.items())), self.options, settings, at_once)
            gpu = str(self.model.get("device", "cpu")).startswith("cuda")
            work = [_absolute(job) for job in waiting] if engine == "ray" else waiting
            named = dict(zip(work, waiting, strict=True))
            found = map_items(
                task,
                work,
                processes,
                engine,
                isolate=True,
                gpu=gpu,
                progress=lambda item, done: bar.reach(named[item], done),
            )
            with closing(found):  # before the folders are swept
                for item, result in found:
                    job = named[item]
                    record = _failed(job, DIED) if result is None else result
                    record = replace(record, input=str(job.input), output=str(job.output))
                    report.add(record)
                    bar.reach(job, seconds[job])
                    yield job, record
        finally:
            for folder in folders:
                sweep(folder)
            report.finish()


def check_conversion(input_path: Path | str, output_path: Path, options: ConversionOptions) -> float:
    """Find out before any work what is wrong with the files; returns the seconds of the input, 0 if not declared.

    Raises:
        MediaError: the input cannot be read, or the output cannot be written.
    """
    info = probe(input_path, require_video=True, require_audio=True, allow_truncated=options.allow_truncated)
    check_output(input_path, output_path, codec=options.codec, bitrate=options.bitrate, reencode=options.reencode)
    return info.duration


def inspect(
    jobs: Sequence[Job], options: ConversionOptions, processes: int | None = 1
) -> Iterator[tuple[Job, float | str]]:
    """Look at files in processes of their own, as a broken one may crash a decoder: seconds, or what is wrong."""
    for job, found in map_items(partial(_inspect, options=options), jobs, processes, isolate=True):
        yield job, DIED if found is None else found


def convert_file(
    binauralizer: "Binauralizer",
    job: Job,
    options: ConversionOptions,
    settings: dict[str, Any],
    progress: Callable[[float, float], None] | None = None,
) -> Record:
    """Convert one file and describe it.

    Raises:
        MediaError: it cannot be converted.
    """
    state = job.input.stat() if job.input.is_file() else None
    return record_of(binauralizer.convert(job.input, job.output, options, progress=progress), state, settings)


@dataclass(frozen=True)
class _Task:
    model: tuple[tuple[str, Any], ...]
    options: ConversionOptions
    settings: dict[str, Any]
    at_once: int

    def __call__(self, job: Job, say: Callable[[float], None]) -> Record:
        binauralizer = _load(self.model, self.at_once)
        said = time.monotonic()

        def progress(done: float, _total: float) -> None:
            nonlocal said
            if time.monotonic() - said > _SAID_EVERY:
                said = time.monotonic()
                say(done)

        try:
            return convert_file(binauralizer, job, self.options, self.settings, progress)
        except Exception as error:  # any library may raise anything on a broken file, and one must not stop the rest
            return _failed(job, _reason(error))


@lru_cache(maxsize=1)
def _load(model: tuple[tuple[str, Any], ...], at_once: int) -> "Binauralizer":
    """Load the network, once a process, and give it this process's part of the cores."""
    from ccstereo.binauralizer import Binauralizer
    from ccstereo.inference.backends.threads import limit_threads, thread_count

    limit_threads(max(1, thread_count() // at_once))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the driver, which has loaded it too, has given them
        return Binauralizer.from_pretrained(**dict(model))


def _inspect(job: Job, options: ConversionOptions) -> float | str:
    try:
        if not job.output.absolute().parent.is_dir():  # in a dry run
            truncated = options.allow_truncated
            return probe(job.input, require_video=True, require_audio=True, allow_truncated=truncated).duration
        return check_conversion(job.input, job.output, options)
    except Exception as error:  # as above
        return _reason(error)


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for it; try fewer --jobs"
    return str(error) if isinstance(error, CCStereoError) else f"{type(error).__name__}: {error}"


def _failed(job: Job, reason: str) -> Record:
    return Record(str(job.input), str(job.output), FAILED, error=" ".join(reason.split()))


def _absolute(job: Job) -> Job:
    return replace(job, input=job.input.absolute(), output=job.output.absolute())


class _Sum:
    """Progress of several files at once."""

    def __init__(self, seconds: Mapping[Job, float], progress: Callable[[float, float], None] | None) -> None:
        self._seconds = seconds
        self._progress = progress
        self._done: dict[Job, float] = {}

    def reach(self, job: Job, done: float) -> None:
        """A file is converted up to `done` seconds."""
        self._done[job] = min(done, self._seconds[job])
        if self._progress is not None:
            self._progress(sum(self._done.values()), sum(self._seconds.values()))
