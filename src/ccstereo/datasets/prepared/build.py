"""Preparing a set: one pure function turns a source into clips; here it is run over all of them.

In parallel, resumable, and to the same bytes however often it was stopped and however many processes ran: a source's
clips depend on the source alone, a journal tells which sources are done, and the tables are written sorted at the end.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from ccstereo.datasets.prepared.format import (
    PARTIAL,
    Clip,
    ClipRow,
    SetInfo,
    Unused,
    read_info,
    read_lines,
    write_clip,
    write_fold,
    write_info,
    write_lines,
)
from ccstereo.errors import CCStereoError, DatasetError
from ccstereo.jobs.processes import map_items

DUPLICATE = "has the id of another source; rename it, or remove one of the two"
Folds: TypeAlias = dict[str, dict[str, list[str]]]


@dataclass(frozen=True)
class Source:
    """What one call of a worker reads.

    Attributes:
        key: unique, of letters, digits, "_" and "-" (see `layout.safe_key`).
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
    """A part of a source, named in its own terms, that a worker leaves out, and why; "" is the whole source."""

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
        splits: SHA-256 of each split's ids, by name.
        done_before: sources that an earlier run had done.
    """

    rows: list[ClipRow]
    unused: list[Unused]
    splits: dict[str, str]
    done_before: int


class _FullDiskError(Exception):
    """The output cannot be written: this stops everything, unlike a source that cannot be read."""


def prepare_source(worker: Worker, source: Source, output: Path) -> Outcome:
    """Prepare one source: the unit of work of any scheduler.

    Args:
        worker: makes the clips.
        source: what from.
        output: folder of the set.

    Returns:
        The rows of its clips, whose files are written, or why there are none.

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
                outcome.rows.append(_write(output, item, source, size))
    except _FullDiskError as error:
        raise DatasetError(f"{output}: cannot be written ({error.__cause__}); what is done is kept") from error
    except Exception as error:  # any library may raise anything on a broken file, and one must not stop the rest
        reason = str(error) if isinstance(error, CCStereoError) else f"{type(error).__name__}: {error}"
        return Outcome(source.key, size, unused=[Unused(source.key, size, "", " ".join(reason.split()))])
    if not outcome.rows and not outcome.unused:
        outcome.unused.append(Unused(source.key, size, "", "holds no clip"))
    return outcome


def _write(output: Path, clip: Clip, source: Source, size: int) -> ClipRow:
    if clip.id != source.key and not clip.id.startswith(f"{source.key}@"):
        raise ValueError(f"clip {clip.id} is not named after its source {source.key}")
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
    jobs: int = 1,
    splits: Callable[[list[ClipRow]], Folds] | None = None,
    rejected: Sequence[Unused] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Prepare a set, or go on with one.

    Args:
        sources: in any order; of several with one key the first is taken and the others are reported.
        worker: see `Worker`.
        output: folder, made if need be.
        info: of the set; a set that was begun with another name or other options is not gone on with.
        jobs: processes; 1 works in this one.
        splits: makes the named splits from the sorted table.
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
    journal = output / "journal.jsonl"
    done = _done_before(output, info, unique)
    waiting = [source for key, source in sorted(unique.items()) if key not in done]
    before = len(done)
    try:
        output.mkdir(parents=True, exist_ok=True)
        _begin(journal, info, done.values())
        (output / "dataset.json").unlink(missing_ok=True)
        with journal.open("a", encoding="utf-8") as file:
            for outcome in _outcomes(waiting, worker, output, jobs):
                file.write(json.dumps(asdict(outcome)) + "\n")
                file.flush()
                done[outcome.source] = outcome
                if progress:
                    progress(len(done), len(unique))
        rows = sorted((row for outcome in done.values() for row in outcome.rows), key=lambda row: row.id)
        unused += [item for outcome in done.values() for item in outcome.unused]
        unused = sorted(set(unused), key=lambda item: (item.source, item.part, item.reason))
        write_lines(output / "unused.jsonl", unused)
        if not rows:
            first = f", such as {unused[0].source}: {unused[0].reason}" if unused else ""
            raise DatasetError(f"{output}: no clip could be made{first}; {output / 'unused.jsonl'} tells all reasons")
        write_lines(output / "clips.jsonl", rows)
        made = splits(rows) if splits else {}
        checksums = {name: write_fold(output, name, parts) for name, parts in sorted(made.items())}
        _tidy(output, {row.id for row in rows})
        write_info(output, info)
        journal.unlink()
    except OSError as error:
        raise DatasetError(f"{output}: cannot be written ({error}); what is done is kept") from error
    return Report(rows, unused, checksums, before)


def _outcomes(sources: list[Source], worker: Worker, output: Path, jobs: int) -> Iterator[Outcome]:
    task = partial(prepare_source, worker, output=output)
    for source, result in map_items(task, sources, jobs):
        if result is None:
            reason = "the process that read it died; it may need too much memory, or crash the decoder"
            yield Outcome(source.key, source.bytes, unused=[Unused(source.key, source.bytes, "", reason)])
        else:
            yield result


def _done_before(output: Path, info: SetInfo, sources: dict[str, Source]) -> dict[str, Outcome]:
    """Outcomes of earlier runs whose sources are as they were and whose files are there."""
    journal = output / "journal.jsonl"
    if journal.exists():
        found, past = _read_journal(journal)
    elif (output / "dataset.json").exists():
        found, past = read_info(output), {}
        for row in read_lines(output / "clips.jsonl", ClipRow):
            past.setdefault(row.source, Outcome(row.source, row.source_bytes)).rows.append(row)
        for item in read_lines(output / "unused.jsonl", Unused):
            if item.reason != DUPLICATE:  # of this run's sources, not of that one's
                past.setdefault(item.source, Outcome(item.source, item.source_bytes)).unused.append(item)
        past = {key: outcome for key, outcome in past.items() if key in sources or outcome.rows}
    elif output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise DatasetError(f"{output}: exists and is no prepared set; choose another folder")
    else:
        return {}
    begun, wanted = ({"set": i.name, **json.loads(json.dumps(i.options))} for i in (found, info))
    if begun != wanted:
        differing = [key for key in {**begun, **wanted} if begun.get(key) != wanted.get(key)]
        told = ", ".join(f"{key} {begun.get(key)}, not {wanted.get(key)}" for key in differing)
        raise DatasetError(f"{output}: was begun with {told}; choose another folder")
    foreign = sorted(set(past) - set(sources))
    if foreign:
        raise DatasetError(
            f"{output}: holds clips of other sources, such as {foreign[0]}; give all sources, or choose another folder"
        )
    return {key: outcome for key, outcome in past.items() if _stands(output, outcome, sources[key])}


def _stands(output: Path, outcome: Outcome, source: Source) -> bool:
    files = [output / kind for row in outcome.rows for kind in (f"sound/{row.id}.wav", f"frames/{row.id}.mjpeg")]
    return outcome.bytes == source.bytes and all(path.is_file() for path in files)


def _begin(journal: Path, info: SetInfo, done: Iterable[Outcome]) -> None:
    """Write the journal anew with what is known to stand: the last line of a killed run may be half a line."""
    lines = [json.dumps(asdict(info)), *(json.dumps(asdict(outcome)) for outcome in done)]
    temporary = journal.with_suffix(PARTIAL)
    temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    temporary.replace(journal)


def _read_journal(journal: Path) -> tuple[SetInfo, dict[str, Outcome]]:
    head, *lines = journal.read_text(encoding="utf-8").splitlines()
    past = {}
    for line in lines:
        try:
            item = json.loads(line)
        except ValueError:  # cut off when the run was killed
            break
        rows = [ClipRow(**row | {"rms": tuple(row["rms"])}) for row in item["rows"]]
        unused = [Unused(**row) for row in item["unused"]]
        past[item["source"]] = Outcome(item["source"], item["bytes"], rows, unused)
    content = json.loads(head)
    return SetInfo(**content | {"frame_size": tuple(content["frame_size"])}), past


def _tidy(output: Path, ids: set[str]) -> None:
    """Remove what killed runs and former versions of sources have left."""
    for kind in ("sound", "frames"):
        for path in (output / kind).iterdir():
            if path.stem not in ids or path.suffix == PARTIAL:
                path.unlink()
