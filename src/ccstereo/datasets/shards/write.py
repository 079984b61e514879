"""Writing a prepared set as WebDataset shards: plain tar files, the same bytes however often the run was stopped.

The format is tar, which the standard library reads and writes: the `webdataset` package fetches over HTTP through a
`curl` that cannot go on after a break, and keeps no position in a pass.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ccstereo.datasets.prepared.format import PARTIAL, ClipRow
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.shards.index import VERSION, Shard, ShardIndex, index_bytes, read_index
from ccstereo.errors import DatasetError

SHARD_BYTES = 256_000_000
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)  # two empty blocks end an archive
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Sample:
    row: ClipRow
    description: bytes  # content of its .json
    bytes: int  # in the archive


def write_shards(
    prepared: PreparedSet,
    clips: Sequence[str],
    output: str | Path,
    *,
    part: str,
    split: str = "",
    shard_bytes: int = SHARD_BYTES,
    progress: Progress | None = None,
) -> ShardIndex:
    """Write clips as shards, or go on with it.

    Clips come in the order of a hash of their ids, so that neighbours in a shard are not of one source.

    Args:
        prepared: the set.
        clips: ids.
        output: folder, made if need be; other files in it are left alone.
        part: begins the names of the shards.
        split: that the part is of, for the index.
        shard_bytes: a shard ends before the clip that would make it larger; a clip larger than that is one alone.
        progress: called with bytes written and their number.

    Returns:
        The index, which is written last: it says that the shards are whole.

    Raises:
        DatasetError: there are no clips, a clip's files are damaged, the output holds other shards or is not writable.
    """
    output = Path(output)
    if not clips:
        raise DatasetError(f"{prepared.folder}: the part {part} has no clips; nothing was written")
    groups = list(_grouped(prepared, clips, shard_bytes))
    asked = hashlib.sha256(json.dumps([VERSION, prepared.info.name, split, part, shard_bytes]).encode())
    for group in groups:
        for sample in group:
            asked.update(sample.description)
    index = ShardIndex(prepared.info.name, split, part, asked.hexdigest(), len(clips), 0, [])
    total = sum(sample.bytes for group in groups for sample in group) + len(groups) * len(_END)
    journal = output / f"{part}.journal.jsonl"
    try:
        output.mkdir(parents=True, exist_ok=True)
        done = _done_before(output, index)
        for left in output.glob(f".{part}[-.]*{PARTIAL}"):
            left.unlink()
        _replace(journal, "".join(f"{line}\n" for line in _journal_lines(index, done)).encode())
        (output / f"{part}.json").unlink(missing_ok=True)
        with journal.open("a", encoding="utf-8") as file:
            for number, group in enumerate(groups):
                name = f"{part}-{number:06d}.tar"
                if name not in done:
                    before = sum(shard.bytes for shard in done.values())
                    done[name] = _write_shard(prepared, group, output / name, before, total, progress)
                    file.write(json.dumps(asdict(done[name])) + "\n")
                    file.flush()
                if progress:
                    progress(sum(shard.bytes for shard in done.values()), total)
        index = replace(index, bytes=total, shards=[done[name] for name in sorted(done)])
        _replace(output / f"{part}.json", index_bytes(index))
        journal.unlink()
    except OSError as error:
        raise DatasetError(f"{output}: cannot be written ({error}); shards that are done are kept") from error
    return index


def _grouped(prepared: PreparedSet, clips: Sequence[str], limit: int) -> Iterator[list[_Sample]]:
    """Divide clips into shards by their sizes alone, so that every run divides them the same way."""
    group: list[_Sample] = []
    size = len(_END)
    for clip in sorted(clips, key=lambda clip: hashlib.sha256(clip.encode()).digest()):
        row = prepared.clips[clip]
        description = json.dumps(asdict(row), ensure_ascii=False).encode()
        paths = (prepared.frames_path(clip), prepared.sound_path(clip))
        try:
            sizes = (len(description), *(path.stat().st_size for path in paths))
        except OSError as error:
            raise DatasetError(f"{error.filename}: cannot be read ({error.strerror}); prepare the set again") from error
        names = (f"{clip}.json", f"{clip}.mjpeg", f"{clip}.wav")
        content = sum(len(_header(n, s)) + s + -s % _BLOCK for n, s in zip(names, sizes, strict=True))
        if group and size + content > limit:
            yield group
            group, size = [], len(_END)
        group.append(_Sample(row, description, content))
        size += content
    yield group


def _write_shard(
    prepared: PreparedSet, group: list[_Sample], path: Path, before: int, total: int, progress: Progress | None
) -> Shard:
    temporary = path.with_name(f".{path.name}{PARTIAL}")
    digest = hashlib.sha256()
    offsets, ends, size = [], [], 0
    try:
        with temporary.open("wb") as file:
            for sample in group:
                data = _archived(prepared, sample)
                offsets.append(size)
                size += len(data)
                ends.append(size)
                file.write(data)
                digest.update(data)
                if progress:
                    progress(before + size, total)
            file.write(_END)
            digest.update(_END)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    lengths = [sample.row.samples for sample in group]
    return Shard(path.name, len(group), size + len(_END), digest.hexdigest(), offsets, ends, lengths)


def _archived(prepared: PreparedSet, sample: _Sample) -> bytes:
    """One clip's files as they stand in an archive."""
    clip, pieces = sample.row.id, []
    frames, sound = prepared.frames_path(clip), prepared.sound_path(clip)
    contents = [sample.description]
    for path, checksum in ((frames, sample.row.frames_sha256), (sound, sample.row.sound_sha256)):
        contents.append(path.read_bytes())
        if hashlib.sha256(contents[-1]).hexdigest() != checksum:
            raise DatasetError(f"{path}: is damaged; ccstereo prepare --check {prepared.folder} tells what else is")
    for ending, data in zip(("json", "mjpeg", "wav"), contents, strict=True):
        pieces += [_header(f"{clip}.{ending}", len(data)), data, bytes(-len(data) % _BLOCK)]
    return b"".join(pieces)


def _header(name: str, size: int) -> bytes:
    """A member's header, with nothing of this machine, user or day."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)  # which takes names of any length


def _done_before(output: Path, index: ShardIndex) -> dict[str, Shard]:
    """Shards that an earlier run has written and that are still there."""
    journal, finished = output / f"{index.part}.journal.jsonl", output / f"{index.part}.json"
    other = f"{output}: holds other shards named {index.part}-*.tar; remove them, or choose another folder"
    if journal.exists():
        asked, past = _read_journal(journal)
    elif finished.exists():
        former = read_index(str(output), index.part)
        asked, past = former.content_sha256, former.shards
    elif any(output.glob(f"{index.part}-*.tar")):
        raise DatasetError(other)
    else:
        return {}
    if asked != index.content_sha256:
        raise DatasetError(f"{other} (they are of other clips or of another --shard-size)")
    return {shard.name: shard for shard in past if _size(output / shard.name) == shard.bytes}


def _journal_lines(index: ShardIndex, done: dict[str, Shard]) -> list[str]:
    return [json.dumps(index.content_sha256), *(json.dumps(asdict(shard)) for shard in done.values())]


def _read_journal(journal: Path) -> tuple[str, list[Shard]]:
    head, *lines = journal.read_text(encoding="utf-8").splitlines()
    past = []
    for line in lines:
        try:
            past.append(Shard(**json.loads(line)))
        except ValueError:  # cut off when the run was killed
            break
    return str(json.loads(head)), past


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}{PARTIAL}")
    temporary.write_bytes(data)
    temporary.replace(path)
