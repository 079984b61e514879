"""Reading shards like any prepared set: bytes of files in archives, wherever fsspec can read."""

from pathlib import Path
from time import sleep
from urllib.parse import urlsplit, urlunsplit

import fsspec  # type: ignore[import-untyped, unused-ignore]

from ccstereo.datasets.prepared.format import SPLITS
from ccstereo.datasets.prepared.reader import SUFFIXES, Kind, PreparedSet
from ccstereo.datasets.shards.index import Member, Shard, ShardIndex, parse_index
from ccstereo.errors import DatasetError

TRIES = 5
PAUSE = 1.0  # seconds before the second try, and longer before each further one
_AGAIN = (408, 425, 429)  # answers below 500 that another try may mend
_MISSING = (403, 410)  # what object stores answer, beside 404, where there is no such file


def open_set(location: str | Path) -> PreparedSet:
    """Open a prepared set, or shards of one.

    Args:
        location: folder of either; or URL of shards that fsspec can read, such as https://... or s3://...

    Raises:
        DatasetError: there is neither, or it cannot be read.
    """
    folder = Path(location)
    if "://" in str(location) or (not (folder / "dataset.json").exists() and any(folder.glob("*-000000.tar"))):
        return ShardedSet(str(location))
    return PreparedSet(folder)


class ShardedSet(PreparedSet):
    """The splits of a fold as shards. Safe to send to workers, which open their own connections.

    Args:
        location: folder or URL.

    Raises:
        DatasetError: there are no shards, or an index cannot be read.
    """

    mend = "copy or write the shards again"

    def __init__(self, location: str) -> None:
        self.location = location
        self.folder = Path(location)
        self.indices: dict[str, ShardIndex] = {}
        for split in (*SPLITS, "all"):
            path = beside(location, f"{split}.json")
            try:
                self.indices[split] = parse_index(fetch(path), path)
            except FileNotFoundError:
                continue
        if not self.indices:
            path = beside(location, "train.json")
            raise DatasetError(
                f"{path}: there is no such index, or it may not be read; make shards with ccstereo shard"
            )
        self.info = next(iter(self.indices.values())).info
        self._places: dict[str, tuple[Shard, Member]] = {}
        for index in self.indices.values():
            for shard in index.shards:
                self._places |= {clip.row.id: (shard, clip) for clip in shard.clips}
        self.clips = {name: member.row for name, (_, member) in sorted(self._places.items())}

    def __str__(self) -> str:
        return self.location

    def folds(self) -> list[str]:
        """The one fold whose splits these are."""
        return sorted({index.fold for index in self.indices.values()} - {""})

    def listed(self, fold: str, split: str) -> list[str]:
        """Ids of a split of the fold, sorted; none where there are no shards of it."""
        if fold not in self.folds():
            raise DatasetError(f"{self}: no fold {fold}; these are shards of {', '.join(self.folds()) or 'none'}")
        index = self.indices.get(split)
        return sorted(member.row.id for shard in index.shards for member in shard.clips) if index else []

    def read(self, clip: str, kind: Kind, start: int = 0, length: int | None = None) -> bytes:
        """Read bytes of one of a clip's two files; see `PreparedSet.read`."""
        shard, member = self._places[clip]
        begin, size = (
            (member.sound, member.row.sound_bytes) if kind == "sound" else (member.frames, member.frames_bytes)
        )
        first = begin + (start + size if start < 0 else start)
        last = begin + size if length is None else first + length
        if not begin <= first <= last <= begin + size:
            raise DatasetError(f"{self.where(clip, kind)}: is damaged; {self.mend}")
        path = beside(self.location, shard.name)
        try:
            return fetch(path, first, last)
        except FileNotFoundError as error:
            raise DatasetError(f"{path}: is not there; {self.mend}") from error

    def where(self, clip: str, kind: Kind) -> str:
        """The shard and the file in it."""
        return f"{beside(self.location, self._places[clip][0].name)}: {clip}{SUFFIXES[kind]}"


def beside(location: str, name: str) -> str:
    """Where a file of a folder or URL is; a URL keeps its query, such as a signature.

    >>> beside("https://host/set?key=1", "train.json")
    'https://host/set/train.json?key=1'
    """
    if "://" not in location:
        return str(Path(location) / name)
    parts = urlsplit(location)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/" + name))


def fetch(path: str, first: int | None = None, last: int | None = None) -> bytes:
    """Read a file, or its bytes `first` to `last` - 1, trying again where a connection breaks.

    Raises:
        FileNotFoundError: there is none.
        DatasetError: it cannot be read, or the server knows no ranges.
    """
    for attempt in range(1, TRIES + 1):
        try:
            system, name = fsspec.core.url_to_fs(path)
            data = bytes(system.cat_file(name, start=first, end=last))
        except FileNotFoundError:
            raise
        except Exception as error:  # of aiohttp, of an object store's library, of the operating system
            status = getattr(error, "status", 500)
            if status in _MISSING:
                raise FileNotFoundError(path) from error
            hopeless = "://" not in path or (status < 500 and status not in _AGAIN)
            if hopeless or attempt == TRIES:
                tries = "" if hopeless else f" after {TRIES} tries"
                raise DatasetError(f"{path}: cannot be read{tries} ({error})") from error
            sleep(PAUSE * attempt)
            continue
        if first is None or last is None or len(data) == last - first:
            return data
        if len(data) < last - first:
            raise DatasetError(f"{path}: is cut off; copy or write the shards again")
        raise DatasetError(f"{path}: the server sends no ranges of bytes; use one that does, or copy the shards")
    raise AssertionError("unreachable")
