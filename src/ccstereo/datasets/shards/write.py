"""Writing a prepared set as WebDataset shards: plain tar files, the same bytes however often the run was stopped."""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ccstereo.datasets.prepared.format import ClipRow
from ccstereo.datasets.prepared.reader import SUFFIXES, Kind, PreparedSet
from ccstereo.datasets.shards.index import VERSION, Member, Shard, ShardIndex, index_bytes, parse_index, shard_of
from ccstereo.errors import DatasetError
from ccstereo.files import PARTIAL, atomic_path, write_atomic
from ccstereo.journal import Journal, read_journal

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
    split: str,
    fold: str = "",
    shard_bytes: int = SHARD_BYTES,
    progress: Progress | None = None,
) -> ShardIndex:
    """Write clips as shards, or resume it.

    Clips come in the order of a hash of their ids, so that neighbours in a shard are not of one source.

    Args:
        prepared: the set.
        clips: ids.
        output: folder, made if need be; other files in it stay as they are.
        split: begins the names of the shards.
        fold: that the split is of, for the index.
        shard_bytes: a shard ends before the clip that would make it larger; a clip larger than that is one alone.
        progress: called with bytes written and their number.

    Returns:
        The index, which is written last: it says that the shards are whole.

    Raises:
        DatasetError: there are no clips, a clip's files are damaged, the output holds other shards or is not writable.
    """
    output = Path(output)
    if not clips:
        raise DatasetError(f"{prepared}: the split {split} has no clips; nothing was written")
    groups = list(_grouped(prepared, clips, shard_bytes))
    asked = hashlib.sha256(json.dumps([VERSION, prepared.info.name, fold, split, shard_bytes]).encode())
    for group in groups:
        for sample in group:
            asked.update(sample.description)
    index = ShardIndex(prepared.info, fold, split, asked.hexdigest(), [])
    total = sum(sample.bytes for group in groups for sample in group) + len(groups) * len(_END)
    done = _done_before(output, index)
    try:
        journal = Journal(
            output / f"{split}.journal.jsonl",
            {"content_sha256": index.content_sha256},
            [asdict(shard) for shard in done.values()],
        )
        for left in output.glob(f".{split}[-.]*{PARTIAL}*"):
            left.unlink()
        (output / f"{split}.json").unlink(missing_ok=True)
        for number, group in enumerate(groups):
            name = f"{split}-{number:06d}.tar"
            before = sum(shard.bytes for shard in done.values())
            if name not in done:
                done[name] = _write_shard(prepared, group, output / name, before, total, progress)
                journal.append(asdict(done[name]))
        if progress:
            progress(total, total)
        index = replace(index, shards=[done[name] for name in sorted(done)])
        write_atomic(output / f"{split}.json", index_bytes(index))
        journal.remove()
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
        try:
            frames = Path(prepared.where(clip, "frames")).stat().st_size
        except OSError as error:
            raise DatasetError(f"{error.filename}: cannot be read ({error.strerror}); prepare the set again") from error
        names = zip(_names(clip), (len(description), frames, row.sound_bytes), strict=True)
        content = sum(len(_header(name, size)) + size + -size % _BLOCK for name, size in names)
        if group and size + content > limit:
            yield group
            group, size = [], len(_END)
        group.append(_Sample(row, description, content))
        size += content
    yield group


def _write_shard(
    prepared: PreparedSet, group: list[_Sample], path: Path, before: int, total: int, progress: Progress | None
) -> Shard:
    digest = hashlib.sha256()
    members, size = [], 0
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for sample in group:
            data, member = _archived(prepared, sample, size)
            size += len(data)
            members.append(member)
            file.write(data)
            digest.update(data)
            if progress:
                progress(before + size, total)
        file.write(_END)
        digest.update(_END)
    return Shard(path.name, size + len(_END), digest.hexdigest(), members)


def _archived(prepared: PreparedSet, sample: _Sample, offset: int) -> tuple[bytes, Member]:
    """One clip's files as they stand in an archive from byte `offset` on, and where."""
    clip, row = sample.row.id, sample.row
    frames, sound = prepared.read(clip, "frames"), prepared.read(clip, "sound")
    checked: dict[Kind, tuple[bytes, str]] = {
        "frames": (frames, row.frames_sha256),
        "sound": (sound, row.sound_sha256),
    }
    for kind, (data, wanted) in checked.items():
        if hashlib.sha256(data).hexdigest() != wanted:
            path = prepared.where(clip, kind)
            raise DatasetError(f"{path}: is damaged; ccstereo prepare --check {prepared} lists all faults")
    whole, starts = b"", []
    for name, data in zip(_names(clip), (sample.description, frames, sound), strict=True):
        whole += _header(name, len(data))
        starts.append(offset + len(whole))
        whole += data + bytes(-len(data) % _BLOCK)
    return whole, Member(row, starts[2], starts[1], len(frames))


def _names(clip: str) -> tuple[str, str, str]:
    return f"{clip}.json", f"{clip}{SUFFIXES['frames']}", f"{clip}{SUFFIXES['sound']}"


def _header(name: str, size: int) -> bytes:
    """A member's header, with nothing of this machine, user or day."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)  # which takes names of any length


def _done_before(output: Path, index: ShardIndex) -> dict[str, Shard]:
    """Shards that an earlier run has written and that are still there."""
    journal, finished = output / f"{index.split}.journal.jsonl", output / f"{index.split}.json"
    other = f"{output}: holds other shards named {index.split}-*.tar; remove them, or choose another folder"
    if journal.exists():
        settings, items = read_journal(journal)
        asked, past = settings.get("content_sha256"), [shard_of(item) for item in items]
    elif finished.exists():
        former = parse_index(finished.read_bytes(), str(finished))
        asked, past = former.content_sha256, former.shards
    elif any(output.glob(f"{index.split}-*.tar")):
        raise DatasetError(other)
    else:
        return {}
    if asked != index.content_sha256:
        raise DatasetError(f"{other} (they are of other clips or of another --shard-size)")
    return {shard.name: shard for shard in past if _size(output / shard.name) == shard.bytes}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
