"""Cutting the encoder's priming from an MP4 whose sound starts late."""

from pathlib import Path
from typing import BinaryIO

from ccstereo.media.boxes import Box, walk


def cut_priming(path: Path, priming: int, sample_rate: int) -> None:
    """Have the sound track of an MP4 play from `priming` samples into its data, at the time at which it starts.

    An MP4's edit list says when a track starts and from which sample on it is played (ISO/IEC 14496-12, 8.6.6). Where
    sound starts at time 0, FFmpeg's writer has it skip the priming; where sound starts late, it has the priming played
    too. Here the second entry gets the first one's way. Numbers are changed in place: no box changes its size.

    Args:
        path: a file whose movie time scale is `sample_rate`, its sound written as if the priming were played.
        priming: samples the encoder puts before the first true one.
        sample_rate: Hz.
    """
    with path.open("r+b") as file:
        boxes = list(walk(file, 0, path.stat().st_size))
        header = next(box for box in boxes if box.name == b"mvhd")
        if _Field(header, 12, 20, 4, 4).read(file) != sample_rate:
            return
        longest = 0
        for trak in (box for box in boxes if box.name == b"trak"):
            # The first of each name: QuickTime has a second hdlr further in.
            inside = {box.name: box for box in reversed(boxes) if trak.start < box.start < trak.end}
            length = _Field(inside[b"tkhd"], 20, 28, 4, 8)
            if b"elst" in inside and _is_sound(file, inside[b"hdlr"]) and _skip(file, inside[b"elst"], priming):
                length.write(file, length.read(file) - priming)
            longest = max(longest, length.read(file))
        _Field(header, 16, 24, 4, 8).write(file, longest)


class _Field:
    """A number in a box, whose place and width depend on the box's version (its first byte), 0 or 1."""

    def __init__(self, box: Box, at_0: int, at_1: int, width_0: int, width_1: int) -> None:
        self._box, self._at, self._width = box, (at_0, at_1), (width_0, width_1)

    def _seek(self, file: BinaryIO) -> int:
        file.seek(self._box.start)
        version = file.read(1)[0]
        file.seek(self._box.start + self._at[version])
        return self._width[version]

    def read(self, file: BinaryIO) -> int:
        width = self._seek(file)
        return int.from_bytes(file.read(width), "big", signed=True)

    def write(self, file: BinaryIO, value: int) -> None:
        width = self._seek(file)
        file.write(value.to_bytes(width, "big", signed=True))


def _is_sound(file: BinaryIO, hdlr: Box) -> bool:
    file.seek(hdlr.start + 8)
    return file.read(4) == b"soun"


def _skip(file: BinaryIO, elst: Box, priming: int) -> bool:
    # Version and flags, number of entries; then per entry a duration and a media time (-1: nothing is played) of 4 or 8
    # bytes, and a rate of 4.
    count = _Field(elst, 4, 4, 4, 4).read(file)
    nothing, duration, media_time = _Field(elst, 12, 16, 4, 8), _Field(elst, 20, 28, 4, 8), _Field(elst, 24, 36, 4, 8)
    if count != 2 or nothing.read(file) != -1 or media_time.read(file) != 0:
        return False  # not a wait and the whole track behind it
    duration.write(file, duration.read(file) - priming)
    media_time.write(file, priming)
    return True
