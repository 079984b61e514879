"""What every writer of sound has in common: checks, levels, and a file that appears only when it is whole."""

import contextlib
import errno
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import av
import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.files import PartialFile, sweep

_FULL = (errno.ENOSPC, errno.EDQUOT)
_Self = TypeVar("_Self", bound="Writer")


class Writer(ABC):
    """A context manager that takes sound piece by piece: stereo, or ambisonics where it was opened for that.

    Leaving the context as usual finishes the file and gives it its name; leaving it through any exception, an interrupt
    too, removes what was written and leaves an earlier file of that name as it was.

    Attributes:
        path: the file to be.
        notes: what of the input could not be kept, one line each.
        peak: largest magnitude written so far, full scale 1.
        channels: that it takes.
        clipped: samples beyond full scale, all channels counted; FLAC and ALAC cut them, a player cuts those of AAC and
            Opus, a .wav keeps them.
    """

    def __init__(self, path: Path, channels: int = 2) -> None:
        self.path = path
        self.channels = channels
        self.notes: list[str] = []
        self.peak = 0.0
        self.clipped = 0
        place = path.resolve() if path.is_symlink() else path  # a link stays one, and its file is replaced
        sweep(place.absolute().parent)
        self._partial = PartialFile(place)
        self._temporary = self._partial.path
        self._open = True

    def write(self, stereo: NDArray[np.float32]) -> None:
        """Append sound.

        Args:
            stereo: (2, T) float, left first, or (4, T) of ambisonics, W, Y, Z, X; full scale +-1, T >= 0.

        Raises:
            ValueError: the shape is another, samples are not finite, or the writer is closed.
            MediaError: the file cannot be written, or the input's video cannot be read on.
        """
        if not self._open:
            raise ValueError(f"{self.path}: is closed already")
        if stereo.ndim != 2 or len(stereo) != self.channels:
            raise ValueError(f"expected sound of shape ({self.channels}, T), got {stereo.shape}")
        if stereo.shape[1] == 0:
            return
        magnitude = np.abs(stereo)
        peak = float(magnitude.max())
        if not np.isfinite(peak):
            raise ValueError("sound has samples that are not finite")
        self.peak = max(self.peak, peak)
        if peak > 1:
            self.clipped += int(np.count_nonzero(magnitude > 1))
        self._write(stereo.astype(np.float32, copy=False))

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            MediaError: it cannot be written or given its name; nothing is left of it then.
        """
        if not self._open:
            return
        try:
            self._finish()
        except BaseException:
            self.abort()
            raise
        self._open = False
        try:
            self._partial.keep()
        except OSError as error:
            raise MediaError(f"{self.path}: cannot be replaced ({error.strerror}); choose another name") from error

    def abort(self) -> None:
        """Give up: remove what was written."""
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):
                self._temporary.unlink()  # before the release: a writer that finishes up need not write then
            self._release()
            self._partial.discard()  # where an open file cannot be removed, or has been written anew

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @abstractmethod
    def _write(self, stereo: NDArray[np.float32]) -> None: ...

    @abstractmethod
    def _finish(self) -> None:
        """Write what is held back and close the temporary file."""

    @abstractmethod
    def _release(self) -> None:
        """Close the temporary file in whatever state, without raising."""


def failure(path: Path, what: str, error: Exception, *, reencoded: bool = False) -> MediaError:
    """The error of a file that cannot be started, continued or finished, with its true reason and a way out."""
    if getattr(error, "errno", None) in _FULL:
        return MediaError(f"{path}: cannot be {what}: the disk is full; make room or choose another place")
    reason = getattr(error, "strerror", None) or error
    if isinstance(
        error, av.ArgumentError | av.InvalidDataError | ValueError
    ):  # FFmpeg's writer refuses what it is given
        way = "take another kind of file" if reencoded else "try --reencode"
        return MediaError(f"{path}: cannot be {what}: FFmpeg's writer refuses it ({reason}); {way}")
    return MediaError(f"{path}: cannot be {what} ({reason}); choose another place")
