"""What an MP4 shows of its tracks, and when: its edit lists, read by their own rules."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from ccstereo.media.boxes import Box, walk


@dataclass(frozen=True)
class Edit:
    """A track is shown from `start` to `end`; what has media time t in it is shown at t + `offset`; all in seconds.

    `end` is None where the track is shown to its end.
    """

    offset: Fraction
    start: Fraction
    end: Fraction | None


WHOLE = Edit(Fraction(0), Fraction(0), None)


def read_edits(path: Path) -> list[Edit] | None:
    """The edit of each track of an MP4 or QuickTime file, in their order.

    FFmpeg's reader rounds an edit to whole frames: it starts with the first frame that begins in it, up to a frame too
    early (ISO/IEC 14496-12, 8.6.6, cuts a frame in two). Files with more than one edit a track, or one at another
    speed, are left to FFmpeg.

    Returns:
        None for these, and where the file has no index that can be read.
    """
    try:
        with path.open("rb") as file:
            boxes = list(walk(file, 0, path.stat().st_size))
            header = next((box for box in boxes if box.name == b"mvhd"), None)
            units = _timescale(file, header)
            tracks = [box for box in boxes if box.name == b"trak"]
            edits = [_edit(file, [b for b in boxes if track.start <= b.start < track.end], units) for track in tracks]
    except OSError:
        return None
    found = [edit for edit in edits if edit is not None]
    return found if len(found) == len(edits) else None


def _edit(file: BinaryIO, boxes: list[Box], units: int) -> Edit | None:
    table = next((box for box in boxes if box.name == b"elst"), None)
    if table is None:
        return WHOLE
    file.seek(table.start)
    data = file.read(table.end - table.start)
    if len(data) < 8:
        return None
    width = 8 if data[0] else 4
    count = int.from_bytes(data[4:8], "big")
    size = 2 * width + 4
    wait = 0
    for place in range(8, 8 + count * size, size):
        entry = data[place : place + size]
        length, begin = int.from_bytes(entry[:width], "big"), int.from_bytes(entry[width:-4], "big", signed=True)
        if begin == -1:
            wait += length
            continue
        last = place + size == 8 + count * size
        if not last or len(entry) < size or entry[-4:] != b"\0\1\0\0" or begin < 0:
            return None
        scale = _timescale(file, next((box for box in boxes if box.name == b"mdhd"), None))
        if not units or not scale:
            return None
        start = Fraction(wait, units)
        end = start + Fraction(length, units) if length else None
        return Edit(start - Fraction(begin, scale), start, end)
    return WHOLE if not count else None


def _timescale(file: BinaryIO, header: Box | None) -> int:
    """Units a second of a movie or track, by its header; 0 where there is none."""
    if header is None:
        return 0
    file.seek(header.start)
    data = file.read(24)
    return int.from_bytes(data[20:24] if data[:1] == b"\1" else data[12:16], "big")
