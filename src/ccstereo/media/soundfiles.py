"""Writing the sound alone, as .wav or .flac."""

import contextlib
import os
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.media.containers import SOUND_FILES
from ccstereo.media.writer import Writer

# A full-scale mono sound can come out above full scale in one ear. A .wav of floats keeps that, where integers would
# cut it without a word; .flac has integers only, hence 24 bits and the count in `clipped`.
_SUBTYPES = {".wav": "FLOAT", ".flac": "PCM_24"}
_WAV_BYTES = 2**32 - 4096  # RIFF counts bytes in 32 bits


class SoundWriter(Writer):
    """Writes sound as a .wav (32-bit float, or 24-bit PCM) or .flac (24-bit) file; see `Writer`."""

    def __init__(self, path: str | Path, *, sample_rate: int, codec: str | None = None, channels: int = 2) -> None:
        """Open a file ending in .wav or .flac, in a folder that exists; the rate is in Hz.

        The codec "pcm" makes a .wav of 24 bits. Four channels are of ambisonics, in the order W, Y, Z, X.

        Raises:
            MediaError: the file cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in SOUND_FILES:
            raise MediaError(f"{path}: cannot write sound as {suffix or 'that'}; use {' or '.join(SOUND_FILES)}")
        super().__init__(Path(path), channels)
        self._samples = 0
        subtype = "PCM_24" if codec == "pcm" else _SUBTYPES[suffix]
        self._limit = _WAV_BYTES // (4 * channels) if suffix == ".wav" else None
        try:
            # As bytes: soundfile refuses names that are not UTF-8.
            name = os.fsencode(self._temporary) if os.name == "posix" else self._temporary
            self._file = soundfile.SoundFile(name, "w", sample_rate, channels, subtype, format=suffix[1:].upper())
        except (soundfile.SoundFileError, OSError, ValueError) as error:
            self._partial.discard()
            raise MediaError(f"{self.path}: cannot be written ({error}); choose another place") from error

    def _write(self, stereo: NDArray[np.float32]) -> None:
        self._samples += stereo.shape[1]
        if self._limit is not None and self._samples > self._limit:
            raise MediaError(f"{self.path}: grows past the 4 GiB that a .wav can hold; write .flac")
        try:
            self._file.write(stereo.T)
        except (soundfile.SoundFileError, OSError) as error:
            raise MediaError(f"{self.path}: cannot be continued ({error}); is the disk full?") from error

    def _finish(self) -> None:
        try:
            self._file.close()
            if self._limit is not None:
                _clear_peak_time(self._temporary)
        except (soundfile.SoundFileError, OSError) as error:
            raise MediaError(f"{self.path}: cannot be finished ({error}); is the disk full?") from error

    def _release(self) -> None:
        with contextlib.suppress(soundfile.SoundFileError, OSError):
            self._file.close()


def _clear_peak_time(path: Path) -> None:
    """Clear the time of day in the PEAK chunk that libsndfile gives a .wav of floats: equal sound has equal bytes.

    The chunk stands before the samples: its name, its size, a version and the time, four bytes each.
    """
    with path.open("r+b") as file:
        head = file.read(4096)
        at = head.find(b"PEAK", 0, max(0, head.find(b"data")))
        if at >= 0:
            file.seek(at + 12)
            file.write(bytes(4))
