"""Cutting the encoder's priming from an MP4 whose sound starts late."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CONTAINERS = (b"moov", b"trak", b"edts", b"mdia")


def cut_priming(path: Path, priming: int, sample_rate: int) -> None:
    """Have the sound track of an MP4 start `priming` samples into its data, at the time where the sound was due.

    An MP4's edit list says when a track starts and from which sample on it is played (ISO/IEC 14496-12, 8.6.6). Where
    sound starts at time 0, FFmpeg's writer has it skip the priming of AAC; where sound starts late, the writer starts
    the track early by the priming, and a player sounds that too. Both say when the first true sample is heard, but
    only the first gives as many samples as were written. The numbers are changed in place: no box changes its size.

    Args:
        path: a file whose movie time scale is `sample_rate`.
        priming: samples the encoder puts before the first true one.
        sample_rate: Hz.
    """
    with path.open("r+b") as file:
        size = path.stat().st_size
        for name, start, end in _boxes(file, 0, size):
            if name != b"moov" or _time_scale(file, start, end) != sample_rate:
                continue
            for trak, trak_start, trak_end in _boxes(file, start, end):
                if trak == b"trak":
                    inside = {box: (at, stop) for box, at, stop in _walk(file, trak_start, trak_end)}
                    if b"elst" in inside and _is_sound(file, inside[b"hdlr"][0]):
                        _shift(file, inside[b"elst"][0], priming)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each box between two positions."""
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        length, skip = int.from_bytes(header[:4], "big"), 8
        if length == 1:
            length, skip = int.from_bytes(header[8:], "big"), 16
        if length == 0:
            length = end - start
        if length < skip:
            return
        yield header[4:8], start + skip, start + length
        start += length


def _walk(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for name, inner, stop in _boxes(file, start, end):
        yield name, inner, stop
        if name in _CONTAINERS:
            yield from _walk(file, inner, stop)


def _time_scale(file: BinaryIO, start: int, end: int) -> int:
    at = next(at for name, at, _ in _boxes(file, start, end) if name == b"mvhd")
    file.seek(at)
    content = file.read(24)
    return int.from_bytes(content[20:24] if content[0] == 1 else content[12:16], "big")


def _is_sound(file: BinaryIO, hdlr: int) -> bool:
    file.seek(hdlr + 8)
    return file.read(4) == b"soun"


def _shift(file: BinaryIO, elst: int, priming: int) -> None:
    file.seek(elst)
    version = file.read(8)[0]  # version, flags, entry count
    width = 8 if version == 1 else 4
    entry = 2 * width + 4  # duration, media time, rate
    content = file.read(2 * entry)
    count = int.from_bytes(_at(file, elst + 4, 4), "big")
    values = [int.from_bytes(content[i : i + width], "big", signed=True) for i in (0, width, entry, entry + width)]
    wait, nothing, duration, media_time = values
    if count != 2 or nothing != -1 or media_time != 0:
        return  # not an empty edit and the track behind it
    for value, position in ((wait + priming, 0), (duration - priming, entry), (priming, entry + width)):
        file.seek(elst + 8 + position)
        file.write(value.to_bytes(width, "big"))


def _at(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)
