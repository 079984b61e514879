"""The boxes of an MP4 or QuickTime file (ISO/IEC 14496-12, 4.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

# Boxes that hold boxes, and the bytes of fields before those: a list of sample entries counts them, each entry of a
# video has 78 bytes. The last two are of Spherical Video V2.
_FIELDS = {
    **dict.fromkeys((b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl", b"sv3d", b"proj"), 0),
    b"stsd": 8,
    **dict.fromkeys((b"avc1", b"avc3", b"hev1", b"hvc1", b"vp09", b"av01", b"encv"), 78),
}


@dataclass(frozen=True)
class Box:
    """A box's name, the position of its content in the file, and its end."""

    name: bytes
    start: int
    end: int


def walk(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield every box between two positions of a file, each before the boxes in it, without reading their contents.

    Ends where the file is damaged: at a box shorter than its own header.
    """
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        name, length, skip = header[4:8], int.from_bytes(header[:4], "big"), 8
        if length == 1:
            length, skip = int.from_bytes(header[8:], "big"), 16
        if length == 0:  # to the end
            length = end - start
        if length < skip:
            return
        box = Box(name, start + skip, min(end, start + length))
        yield box
        if name in _FIELDS:
            yield from walk(file, box.start + _FIELDS[name], box.end)
        start += length
