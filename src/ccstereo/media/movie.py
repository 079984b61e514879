"""Editing the index (moov) of a finished MP4 or QuickTime file, and moving it to the front of the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from ccstereo.media.boxes import walk

# Boxes of the index that hold boxes, and the bytes of fields before those. Everything else stays as its bytes are.
_FIELDS = {**dict.fromkeys((b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"), 0), b"stsd": 8}
_OFFSETS = {b"stco": 4, b"co64": 8}  # tables of places in the file, and the bytes of an entry
_BLOCK = 1 << 22  # bytes moved at a time
_LARGEST = 2**32 - 1


@dataclass
class Node:
    """A box in memory: its name, the bytes of its own fields, and the boxes in it."""

    name: bytes
    fields: bytes = b""
    boxes: list["Node"] = field(default_factory=list)

    def find(self, *names: bytes) -> "Node | None":
        """The first box down a path of names, None if there is none."""
        node: Node | None = self
        for name in names:
            node = next((box for box in node.boxes if box.name == name), None) if node else None
        return node

    def get(self, at: int, width: int) -> int:
        """An unsigned number among the fields."""
        return int.from_bytes(self.fields[at : at + width], "big")

    def put(self, at: int, width: int, value: int) -> None:
        """Change an unsigned number among the fields."""
        self.fields = self.fields[:at] + value.to_bytes(width, "big") + self.fields[at + width :]

    def __bytes__(self) -> bytes:
        content = self.fields + b"".join(map(bytes, self.boxes))
        return (8 + len(content)).to_bytes(4, "big") + self.name + content


def parse(data: bytes) -> list[Node]:
    """The boxes that `data` consists of; ends at one that is damaged."""
    nodes: list[Node] = []
    while len(data) >= 8 and 8 <= (size := int.from_bytes(data[:4], "big")) <= len(data):
        name, content = data[4:8], data[8:size]
        skip = _FIELDS.get(name)
        nodes.append(Node(name, content) if skip is None else Node(name, content[:skip], parse(content[skip:])))
        data = data[size:]
    return nodes


class Movie:
    """The index of a file, changed in memory and written back by `save`.

    Attributes:
        moov: the index.
        tracks: its tracks, in the order in which they were added to the file.
    """

    def __init__(self, path: Path) -> None:
        """Read the index of a file that FFmpeg's writer has closed.

        Raises:
            ValueError: it has none, as where the writer could not describe a damaged track, and said nothing.
        """
        self._path = path
        with path.open("rb") as file:
            size = path.stat().st_size
            box = next((box for box in walk(file, 0, size) if box.name == b"moov"), None)
            if box is None:
                raise ValueError("it writes no index")
            self._box = box
            self._at_end = self._box.end == size
            file.seek(self._box.start)
            self.moov = Node(b"moov", b"", parse(file.read(self._box.end - self._box.start)))

    @property
    def tracks(self) -> list[Node]:
        """The track boxes."""
        return [box for box in self.moov.boxes if box.name == b"trak"]

    @property
    def timescale(self) -> int:
        """Units a second in which edit lists and the lengths of tracks count."""
        header = self.moov.find(b"mvhd")
        assert header is not None
        return header.get(*_versioned(header, 12, 20))

    def save(self) -> None:
        """Write the index in front of the media data, so that a player can start at once.

        The file must end with the index. Everything behind its first box is moved back by the index's size.
        """
        assert self._at_end
        with self._path.open("r+b") as file:
            first = next(walk(file, 0, self._box.end))
            start, end = first.end, self._box.start - 8
            self._shift(len(bytes(self.moov)), end)
            data = bytes(self.moov)
            _move(file, start, end, len(data))
            file.seek(start)
            file.write(data)
            file.truncate(end + len(data))

    def _shift(self, by: int, end: int) -> None:
        """Have the tables of places say where their data will be; where 32 bits are too few, with 64."""
        tables = [table for table in self._tables() if table.name == b"stco"]
        if tables and end + by + sum(len(table.fields) for table in tables) > _LARGEST:
            for table in tables:
                places = _numbers(table.fields[8:], 4)
                table.name = b"co64"
                table.fields = table.fields[:8] + b"".join(place.to_bytes(8, "big") for place in places)
            by = len(bytes(self.moov))
        for table in self._tables():
            width = _OFFSETS[table.name]
            places = _numbers(table.fields[8:], width)
            table.fields = table.fields[:8] + b"".join((place + by).to_bytes(width, "big") for place in places)

    def _tables(self) -> Iterator[Node]:
        for track in self.tracks:
            table = track.find(b"mdia", b"minf", b"stbl")
            yield from (box for box in (table.boxes if table else ()) if box.name in _OFFSETS)


def set_edits(movie: Movie, track: Node, *, start: Fraction, media_time: int, length: Fraction) -> None:
    """Have a track play from `media_time` (in its own time scale) on, at `start`, for `length`, both in seconds.

    An edit list says when a track starts, from which sample on it is played and how long (ISO/IEC 14496-12, 8.6.6).
    """
    units = movie.timescale
    wait, played = round(start * units), round(length * units)
    entries = [(played, media_time)]
    if wait:
        entries.insert(0, (wait, -1))
    rows = b"".join(
        duration.to_bytes(8, "big") + time.to_bytes(8, "big", signed=True) + b"\0\1\0\0" for duration, time in entries
    )
    listed = Node(b"elst", b"\1\0\0\0" + len(entries).to_bytes(4, "big") + rows)
    edits = track.find(b"edts")
    if edits is None:
        edits = Node(b"edts")
        track.boxes.insert(1, edits)  # behind the header
    edits.boxes = [listed]
    header = track.find(b"tkhd")
    assert header is not None
    header.put(*_versioned(header, 20, 28), wait + played)


def set_length(movie: Movie) -> None:
    """Have the movie be as long as its longest track."""
    lengths = []
    for track in movie.tracks:
        header = track.find(b"tkhd")
        assert header is not None
        lengths.append(header.get(*_versioned(header, 20, 28)))
    header = movie.moov.find(b"mvhd")
    assert header is not None
    header.put(*_versioned(header, 16, 24), max(lengths))


def media_timescale(track: Node) -> int:
    """Units a second in which the samples of a track are timed."""
    header = track.find(b"mdia", b"mdhd")
    assert header is not None
    return header.get(*_versioned(header, 12, 20))


def _versioned(box: Node, at_0: int, at_1: int) -> tuple[int, int]:
    """Place and width of a field whose box has 32 or 64-bit numbers, by its version (its first byte), 0 or 1.

    Time scales, which stand before a duration, have 32 bits in both.
    """
    if box.fields[0] == 0:
        return at_0, 4
    return at_1, 4 if (box.name, at_1) in ((b"mvhd", 20), (b"mdhd", 20)) else 8


def _numbers(data: bytes, width: int) -> list[int]:
    return [int.from_bytes(data[at : at + width], "big") for at in range(0, len(data), width)]


def _move(file: BinaryIO, start: int, end: int, by: int) -> None:
    """Move the bytes from `start` to `end` back by `by`, the last ones first."""
    while end > start:
        begin = max(start, end - _BLOCK)
        file.seek(begin)
        block = file.read(end - begin)
        file.seek(begin + by)
        file.write(block)
        end = begin
