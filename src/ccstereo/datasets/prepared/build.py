"""Preparing a set: one pure function turns a source into clips; here it is run over all of them.

In parallel, resumable, and to the same bytes however often it was stopped and however many processes ran: a source's
clips depend on the source alone, a journal holds which sources are done, and the tables are written sorted at the end.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from ccstereo.datasets.prepared.format import CHANNELS, Clip, ClipRow, SetInfo, Unused, write_clip
from ccstereo.datasets.prepared.tables import (
    read_info,
    read_lines,
    remove_folds,
    row_of,
    write_fold,
    write_info,
    write_lines,
)
from ccstereo.errors import CCStereoError, DatasetError
from ccstereo.files import PARTIAL
from ccstereo.jobs import map_items
from ccstereo.journal import Journal, check_settings, read_journal

COPY = "is a copy of"
DUPLICATE = "has the id of another source; rename it, or remove one of the two"
Folds: TypeAlias = dict[str, dict[str, list[str]]]
"""Ids by fold and split."""


@dataclass(frozen=True)
class Source:
    """What one call of a worker reads.

    Attributes:
        key: unique, of letters, digits, "_" and "-" (see `format.safe_key`).
        paths: files or folders.
    """

    key: str
    paths: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """Size of the files, by which a changed source is noticed; of a folder, the number of files in it."""
        sizes = (sum(1 for _ in p.iterdir()) if p.is_dir() else p.stat().st_size for p in self.paths if p.exists())
        return sum(sizes)


@dataclass(frozen=True)
class Rejected:
    """A stretch of a source, named in its own terms, that a worker skips, and why; "" is the whole source."""

    part: str
    reason: str


Worker: TypeAlias = Callable[[Source], Iterable[Clip | Rejected]]
"""Turns a source into clips; the same source gives the same clips. It raises any Exception where the source is broken,
which rejects all of it. A worker is sent to other processes: a function of a module, or a `partial` of one."""


@dataclass(frozen=True)
class Outcome:
    """What became of one source."""

    source: str
    bytes: int
    rows: list[ClipRow] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """What a preparation made.

    Attributes:
        rows: the table.
        unused: everything that could not be used, and why.
        folds: SHA-256 of each fold's ids, by name.
        done_before: sources that an earlier run had done.
    """

    rows: list[ClipRow]
    unused: list[Unused]
    folds: dict[str, str]
    done_before: int


class _FullDiskError(Exception):
    """The output cannot be written: this stops everything, unlike a source that cannot be read."""


def without_copies(sources: Iterable[Source]) -> tuple[list[Source], list[Unused]]:
    """Keep the first of sources of one file whose bytes are the same: copies could stand in train and in test.

    Only files of one size are read.
    """
    sources = list(sources)
    sizes = Counter(source.bytes for source in sources)
    kept: list[Source] = []
    copies: list[Unused] = []
    first: dict[str, Path] = {}
    for source in sources:
        path = source.paths[0]
        original = first.setdefault(file_sha256(path), path) if sizes[source.bytes] > 1 else path
        if original == path:
            kept.append(source)
        else:
            copies.append(Unused(source.key, source.bytes, path.name, f"{COPY} {original}, which is used"))
    return kept, copies


def file_sha256(path: Path) -> str:
    """SHA-256 of a file of any size, in bounded memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def prepare_source(worker: Worker, source: Source, output: Path, sound: str = "binaural") -> Outcome:
    """Write the clips that a worker makes of one source, with `sound` of `CHANNELS`; return their rows, or why not.

    Raises:
        DatasetError: the output cannot be written.
    """
    size = source.bytes
    outcome = Outcome(source.key, size)
    try:
        for item in worker(source):
            if isinstance(item, Rejected):
                outcome.unused.append(Unused(source.key, size, item.part, item.reason))
            else:
                outcome.rows.append(_write(output, item, source, size, sound))
    except _FullDiskError as error:
        raise DatasetError(f"{output}: cannot be written ({error.__cause__}); what is done is kept") from error
    except Exception as error:  # any library may raise anything on a broken file, and one must not stop the rest
        reason = str(error) if isinstance(error, CCStereoError) else f"{type(error).__name__}: {error}"
        return Outcome(source.key, size, unused=[Unused(source.key, size, "", " ".join(reason.split()))])
    if not outcome.rows and not outcome.unused:
        outcome.unused.append(Unused(source.key, size, "", "holds no clip"))
    return outcome


def _write(output: Path, clip: Clip, source: Source, size: int, sound: str) -> ClipRow:
    if clip.id != source.key and not clip.id.startswith(f"{source.key}@"):
        raise ValueError(f"clip {clip.id} is not named after its source {source.key}")
    if len(clip.sound) in CHANNELS.values() and len(clip.sound) != CHANNELS[sound]:
        raise ValueError(f"clip {clip.id} has {len(clip.sound)} channels in a set of {sound} sound")
    try:
        return write_clip(output, clip, source.key, size)
    except OSError as error:
        raise _FullDiskError from error


def prepare(
    sources: Sequence[Source],
    worker: Worker,
    output: str | Path,
    info: SetInfo,
    *,
    jobs: int | None = 1,
    engine: str = "processes",
    folds: Callable[[list[ClipRow]], Folds] | None = None,
    rejected: Sequence[Unused] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Prepare a set, or resume one.

    Args:
        sources: in any order; of several with one key the first is taken and the others are reported.
        worker: see `Worker`.
        output: folder, made if need be.
        info: of the set; a set that was begun with another name, sound or options is not resumed.
        jobs: processes; 1 works in this one.
        engine: see `ccstereo.jobs.map_items`; on Ray the output is on a disk that all machines share.
        folds: makes the named folds from the sorted table. Folds that an earlier run wrote are replaced; those that a
            user wrote stay.
        rejected: what was found unusable before any source was read.
        progress: called with sources done and their number.

    Raises:
        DatasetError: the output holds something else or cannot be written, or no source gave a clip.
    """
    output = Path(output)
    unused = list(rejected)
    unique: dict[str, Source] = {}
    for source in sources:
        if source.key in unique:
            unused.append(Unused(source.key, source.bytes, ", ".join(map(str, source.paths)), DUPLICATE))
        unique.setdefault(source.key, source)
    past = _past(output, info, unique, {item.source for item in rejected if item.reason.startswith(COPY)})
    try:
        journal = Journal(output / "journal.jsonl", info.settings, [asdict(outcome) for outcome in past.values()])
        if (output / "dataset.json").exists():
            remove_folds(output, read_info(output).folds)
            (output / "dataset.json").unlink()
        done = {key: outcome for key, outcome in past.items() if _stands(output, outcome, unique.get(key))}
        before = len(done)
        waiting = [source for key, source in sorted(unique.items()) if key not in done]
        for outcome in _outcomes(waiting, worker, output, info.sound, jobs, engine):
            journal.append(asdict(outcome))
            done[outcome.source] = outcome
            if progress:
                progress(len(done), len(unique))
        rows = sorted((row for outcome in done.values() for row in outcome.rows), key=lambda row: row.id)
        unused += [item for outcome in done.values() for item in outcome.unused]
        unused = sorted(set(unused), key=lambda item: (item.source, item.part, item.reason))
        write_lines(output / "unused.jsonl", unused)
        if not rows:
            first = f", such as {unused[0].source}: {unused[0].reason}" if unused else ""
            raise DatasetError(f"{output}: no clip could be made{first}; all reasons are in {output / 'unused.jsonl'}")
        write_lines(output / "clips.jsonl", rows)
        made = folds(rows) if folds else {}
        info = replace(info, folds={name: write_fold(output, name, splits) for name, splits in sorted(made.items())})
        _tidy(output, {row.id for row in rows})
        write_info(output, info)
        journal.remove()
    except OSError as error:
        raise DatasetError(f"{output}: cannot be written ({error}); what is done is kept") from error
    return Report(rows, unused, info.folds, before)


def _outcomes(
    sources: list[Source], worker: Worker, output: Path, sound: str, jobs: int | None, engine: str
) -> Iterator[Outcome]:
    task = partial(prepare_source, worker, output=output, sound=sound)
    for source, result in map_items(task, sources, jobs, engine):
        if result is None:
            reason = "the process that read it died; it may need too much memory, or crash the decoder"
            yield Outcome(source.key, source.bytes, unused=[Unused(source.key, source.bytes, "", reason)])
        else:
            yield result


def _past(output: Path, info: SetInfo, sources: dict[str, Source], copies: set[str]) -> dict[str, Outcome]:
    """Outcomes of earlier runs on the same sources with the same settings, by source; earlier releases used copies."""
    journal = output / "journal.jsonl"
    past: dict[str, Outcome] = {}
    if journal.exists():
        settings, items = read_journal(journal)
        check_settings(output, settings, info.settings)
        past = {item["source"]: _outcome(item) for item in items}
    elif (output / "dataset.json").exists():
        check_settings(output, read_info(output).settings, info.settings)
        for row in read_lines(output / "clips.jsonl", ClipRow):
            past.setdefault(row.source, Outcome(row.source, row.source_bytes)).rows.append(row)
        for item in read_lines(output / "unused.jsonl", Unused):
            if item.reason != DUPLICATE and (item.source in sources or item.source in past):
                past.setdefault(item.source, Outcome(item.source, item.source_bytes)).unused.append(item)
    elif output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise DatasetError(f"{output}: exists and is no prepared set; choose another folder")
    foreign = sorted(set(past) - set(sources) - copies)
    if foreign:
        raise DatasetError(
            f"{output}: holds clips of other sources, such as {foreign[0]}; give all sources, or choose another folder"
        )
    return past


def _outcome(item: dict[str, Any]) -> Outcome:
    rows = [row_of(ClipRow, row) for row in item["rows"]]
    return Outcome(item["source"], item["bytes"], rows, [row_of(Unused, row) for row in item["unused"]])


def _stands(output: Path, outcome: Outcome, source: Source | None) -> bool:
    """Whether the source is as it was and its clips' files are there."""
    files = [output / kind for row in outcome.rows for kind in (f"sound/{row.id}.wav", f"frames/{row.id}.mjpeg")]
    return source is not None and outcome.bytes == source.bytes and all(path.is_file() for path in files)


def _tidy(output: Path, ids: set[str]) -> None:
    """Remove what killed runs and former versions of sources have left."""
    left = [path for kind in ("sound", "frames") for path in (output / kind).iterdir() if path.stem not in ids]
    for path in (*left, *output.glob(f".*{PARTIAL}*"), *(output / "splits").rglob(f".*{PARTIAL}*")):
        path.unlink()
