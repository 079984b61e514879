"""How much damage a file may have before reading on makes no sense."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from ccstereo.errors import MediaError
from ccstereo.media.probe import seconds

_MISSING = Fraction(1)  # seconds short of the declared end: less is a rounded or sloppy header
_LOSS = Fraction(1, 20)  # part of a track that may fail to decode
_SPELL = Fraction(1)  # seconds that may fail whatever the part: a short clip with one bad packet is still of use


def clock(time: Fraction | float) -> str:
    """A time for a message, in seconds.

    >>> clock(83.456)
    '83.46 s'
    """
    return f"{float(time):.2f} s"


def broken_off(path: Path, time: Fraction, error: av.FFmpegError) -> MediaError:
    """The error of a file that FFmpeg cannot read past `time` seconds."""
    return MediaError(f"{path}: cannot be read past {clock(time)} ({error.strerror}); get the file again")


class Damage:
    """Counts the packets of one track that do not decode, and raises once too many have failed."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path = path
        self._kind = kind
        self._good = Fraction(0)
        self._bad = Fraction(0)
        self._packets = 0
        self._first: Fraction | None = None

    def decode(self, packet: "Packet[Any]") -> list[Any]:
        """Frames of a packet; none, and a count, where it fails to decode."""
        duration = seconds(packet.duration, packet.time_base)
        try:
            frames: list[Any] = packet.decode()
        except av.FFmpegError:
            self._first = seconds(packet.pts, packet.time_base) if self._first is None else self._first
            self._bad += duration
            self._packets += 1
            return []
        self._good += duration
        return frames

    @property
    def notes(self) -> list[str]:
        """One line on what failed, or none."""
        if self._first is None:
            return []
        return [f"{self._packets} damaged packets of {self._kind} from {clock(self._first)} on were skipped"]

    def check_whole(self) -> None:
        """Raise MediaError if more failed than anybody would pass over."""
        if self._first is not None and self._bad > max(_SPELL, _LOSS * (self._good + self._bad)):
            raise MediaError(
                f"{self._path}: {clock(self._bad)} of its {self._kind}, from {clock(self._first)} on, "
                f"do not decode; the file is damaged, get it again"
            )

    def check_end(self, reached: Fraction, declared: Fraction) -> None:
        """Raise MediaError if the track ends well before the end that the file declares, both in seconds."""
        if declared - reached > _MISSING:
            raise MediaError(
                f"{self._path}: is cut off: its {self._kind} ends after {clock(reached)} of the {clock(declared)} "
                f"it declares; get the whole file"
            )
