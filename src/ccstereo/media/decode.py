"""Reading a video as a stream of mono sound and frames on one clock, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ccstereo.media.frames import FrameTrack
from ccstereo.media.probe import MediaInfo, probe
from ccstereo.media.sound import SoundTrack


@dataclass(frozen=True)
class AudioChunk:
    """The next stretch of sound: `samples`, full scale +-1, T > 0, at the file's sample rate.

    (T,) mono, or (T, channels) where the reader was asked for channels.
    """

    samples: NDArray[np.float32]


@dataclass(frozen=True)
class FrameChunk:
    """The `frame` (H, W, 3) RGB shown at time `index` / frame_rate. Arrays are shared while it stays: read only."""

    index: int
    frame: NDArray[np.uint8]


class MediaReader:
    """Reads a video's default tracks, interleaved in the order of time.

    Time zero is the first sample of the sound, and the sound's length is the video's: frame k is the one shown at
    k / frame_rate, for every k from 0 on with k / frame_rate < duration of the sound. A frame comes before the sound
    that starts with or after it. The file is opened once for each track, so that memory stays small however far apart
    the tracks lie in it.

    Attributes:
        info: what `probe` gives.
        sample_rate: Hz, the sound's own.
        audio_start: presentation time in seconds of the first sample on the file's own clock, as `StereoWriter` takes.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        frame_rate: float = 10.0,
        frame_size: tuple[int, int] = (240, 480),
        channels: int | None = None,
        threads: int = 0,
        sound: str | Path | None = None,
    ) -> None:
        """Open a video.

        Args:
            path: any video with sound that FFmpeg reads.
            frame_rate: frames a second, > 0.
            frame_size: (height, width) of the frames; their shape is not kept.
            channels: that the sound must have, to be given as they are; None downmixes to mono.
            threads: that decode the frames; 0 lets FFmpeg choose.
            sound: file of the sound on the same clock, as downloads in two files have it; None is `path` itself.

        Raises:
            MediaError: a file cannot be read, or lacks video or sound.
            ValueError: frame_rate or frame_size is not positive.
        """
        if frame_rate <= 0 or min(frame_size) <= 0:
            raise ValueError(f"need a positive frame rate and size, got {frame_rate} and {frame_size}")
        self.info: MediaInfo = probe(path, require_video=True, require_audio=sound is None)
        # A float rate such as 29.97 stays itself; one such as 0.1 becomes the decimal that was meant.
        self._frame_rate = Fraction(frame_rate).limit_denominator(1_000_000)
        source = self.info.path if sound is None else Path(sound)
        self._sound = SoundTrack(source, channels)
        try:
            self._video = FrameTrack(self.info.path, frame_size, threads)
        except BaseException:
            self._sound.close()
            raise
        self.sample_rate: int = self._sound.sample_rate
        self.audio_start: float = float(self._sound.start)

    @property
    def notes(self) -> list[str]:
        """Damage met so far that was passed over, one line each."""
        return self._sound.notes + self._video.notes

    def __iter__(self) -> Iterator[AudioChunk | FrameChunk]:
        """Yield all chunks; may be called once.

        Raises:
            MediaError: the file breaks off before its declared end, too much of it is damaged, or its sound has
                another number of channels than was asked for.
        """
        samples = 0
        index = 0
        for block in self._sound.blocks():
            while index * self.sample_rate <= samples * self._frame_rate:
                yield self._frame(index)
                index += 1
            yield AudioChunk(block)
            samples += len(block)
        while index * self.sample_rate < samples * self._frame_rate:
            yield self._frame(index)
            index += 1

    def _frame(self, index: int) -> FrameChunk:
        return FrameChunk(index, self._video.at(self._sound.start + index / self._frame_rate))

    def close(self) -> None:
        """Release the file."""
        self._sound.close()
        self._video.close()

    def __enter__(self) -> "MediaReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
