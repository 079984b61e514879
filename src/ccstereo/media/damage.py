"""How much damage a file may have before reading on makes no sense."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from ccstereo.errors import MediaError
from ccstereo.media.probe import seconds

_MISSING = Fraction(1)  # seconds short of the declared end: less may be a sloppy header
_SLOPPY = Fraction(1, 4)  # seconds short of it that need no note: a frame or two of video, or of sound
_LOSS = Fraction(1, 20)  # part of a track that may fail to decode
_SPELL = Fraction(1)  # seconds that may fail whatever the part: a short clip with one bad packet is still of use


def clock(time: Fraction | float) -> str:
    """A time for a message, in seconds.

    >>> clock(83.456)
    '83.46 s'
    """
    return f"{float(time):.2f} s"


def broken_off(path: Path | str, time: Fraction, error: av.FFmpegError) -> MediaError:
    """The error of a file that FFmpeg cannot read past `time` seconds."""
    return MediaError(f"{path}: cannot be read past {clock(time)} ({error.strerror}); get the file again")


class Damage:
    """Counts the packets of one track that do not decode, and raises once too many have failed.

    With `allow_truncated` it raises nothing, but notes it.
    """

    def __init__(self, path: Path | str, kind: str, *, allow_truncated: bool = False) -> None:
        self._path = path
        self._kind = kind
        self._allow_truncated = allow_truncated
        self._missing = ""
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
        """A line on what failed, and one on what is missing at the end."""
        notes = [self._missing] if self._missing else []
        if self._first is not None:
            notes.append(f"{self._packets} damaged packets of {self._kind} from {clock(self._first)} on were skipped")
        return notes

    def break_off(self, reached: Fraction, error: av.FFmpegError) -> None:
        """Take an error of FFmpeg, which ends the track, for its end where that is allowed; raise MediaError if not."""
        if not self._allow_truncated:
            raise broken_off(self._path, reached, error) from error
        self._missing = f"the {self._kind} cannot be read past {clock(reached)} and ends there"

    def check_whole(self) -> None:
        """Raise MediaError if more failed than anybody would pass over."""
        if self._allow_truncated or self._first is None:
            return
        if self._bad > max(_SPELL, _LOSS * (self._good + self._bad)):
            raise MediaError(
                f"{self._path}: {clock(self._bad)} of its {self._kind}, from {clock(self._first)} on, "
                f"do not decode; the file is damaged, get it again"
            )

    def check_end(self, reached: Fraction, declared: Fraction) -> None:
        """Note where the track ends before the end that the file declares, both in seconds.

        Raises:
            MediaError: it is more than a sloppy header, and not allowed.
        """
        missing = declared - reached
        if missing > _MISSING and not self._allow_truncated:
            raise MediaError(
                f"{self._path}: is cut off: its {self._kind} ends after {clock(reached)} of the {clock(declared)} "
                f"it declares; get the whole file (ccstereo binauralize --allow-truncated takes what is there)"
            )
        if missing > _SLOPPY:
            self._missing = (
                f"the last {clock(missing)} are missing: its {self._kind} ends after {clock(reached)} of the "
                f"{clock(declared)} it declares"
            )
