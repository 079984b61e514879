"""Reading a video as a stream of mono sound and frames on one clock, in bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ccstereo.media.frames import FrameTrack
from ccstereo.media.mixing import Mixdown, OpenedSound, open_played
from ccstereo.media.probe import MediaInfo, probe
from ccstereo.media.selection import Selection, find_cut
from ccstereo.media.sound import SoundTrack
from ccstereo.media.source import as_source


@dataclass(frozen=True)
class AudioChunk:
    """The next stretch of sound: `samples`, full scale +-1, T > 0, at the file's sample rate.

    (T,) mono, or (T, channels) where the reader was asked for channels. `played` is the stereo sound (T, 2) that was
    mixed to mono, where it differs from mono on both ears, and belongs to the input.
    """

    samples: NDArray[np.float32]
    played: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class FrameChunk:
    """The `frame` (H, W, 3) RGB shown at time `index` / frame_rate. Arrays are shared while it stays: read only."""

    index: int
    frame: NDArray[np.uint8]


class MediaReader:
    """Reads a video's tracks, interleaved in the order of time.

    Time zero is the first sample of the sound, and the sound's length is the video's: frame k is the one shown at
    k / frame_rate, for every k from 0 on with k / frame_rate < duration of the sound. A frame comes before the sound
    that starts with or after it. The file is opened once for each track, so that memory stays small however far apart
    the tracks lie in it.

    Attributes:
        info: what `probe` gives.
        sample_rate: Hz, the sound's own.
        audio_start: presentation time in seconds of the first sample on the file's own clock, as `StereoWriter` takes.
        audio_tracks: indices of the sound tracks that are read.
        cut: begin and end of what is read, on the file's own clock, None where it is everything.
        start: seconds into the file at which reading begins.
        duration: seconds from there to the end of what is read, as far as the file says; 0 where it does not.
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
        selection: Selection = Selection(),  # noqa: B008  (frozen)
        mixdown: Mixdown | None = None,
        wanted: Callable[[int], bool] = lambda _: True,
    ) -> None:
        """Open a video.

        Args:
            path: any video with sound that FFmpeg reads, or the address of one.
            frame_rate: frames a second, > 0.
            frame_size: (height, width) of the frames; their shape is not kept.
            channels: that the sound must have, to be given as they are; None downmixes to mono.
            threads: that decode the frames; 0 lets FFmpeg choose.
            sound: file of the sound on the same clock, as downloads in two files have it; None is `path` itself.
            selection: which sound tracks, and which part of the file.
            mixdown: mix sound to mono from the stereo that a player plays, which is given as `AudioChunk.played`; None
                mixes all channels at once, to no more than full scale.
            wanted: by their number, the frames that are given; the last one always is.

        Raises:
            MediaError: a file cannot be read, or lacks video or sound.
            ValueError: frame_rate or frame_size is not positive.
        """
        if frame_rate <= 0 or min(frame_size) <= 0:
            raise ValueError(f"need a positive frame rate and size, got {frame_rate} and {frame_size}")
        self.info: MediaInfo = probe(
            path, require_video=True, require_audio=sound is None, allow_truncated=selection.allow_truncated
        )
        # A float rate such as 29.97 stays itself; one such as 0.1 becomes the decimal that was meant.
        self._frame_rate = Fraction(frame_rate).limit_denominator(1_000_000)
        self._mixdown = mixdown
        self._wanted = wanted
        self.cut = find_cut(self.info.path, selection)
        begin = None if self.cut is None else self.cut[0]
        source = self.info.path if sound is None else as_source(sound)
        opened = self._open_sound(source, channels, selection)
        self._sound, self.audio_tracks, self._notes = opened.sound, opened.indices, opened.notes
        try:
            self._video = FrameTrack(
                self.info.path, frame_size, threads, begin=begin, allow_truncated=selection.allow_truncated
            )
        except BaseException:
            self._sound.close()
            raise
        self.sample_rate: int = self._sound.sample_rate
        self.audio_start: Fraction = self._sound.start

    def _open_sound(self, source: Path | str, channels: int | None, selection: Selection) -> OpenedSound:
        if self._mixdown is not None:
            return open_played(source, selection, self.cut)
        begin, end = self.cut or (None, None)
        track = SoundTrack(source, channels, begin=begin, end=end, allow_truncated=selection.allow_truncated)
        return OpenedSound(track, (track.index,))

    @property
    def start(self) -> float:
        """See above."""
        return 0.0 if self.cut is None else float(self.cut[0] - self.info.start)

    @property
    def duration(self) -> float:
        """See above."""
        if self.cut is None:
            return self.info.duration
        begin, end = self.cut
        there = max(0.0, self.info.duration - self.start)
        return there if end is None else min(float(end - begin), there or np.inf)

    @property
    def notes(self) -> list[str]:
        """Damage met so far that was passed over, one line each."""
        return [*self._notes, *self._sound.notes, *self._video.notes]

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
                if self._wanted(index):
                    yield self._frame(index)
                index += 1
            yield self._chunk(block)
            samples += len(block)
        while index * self.sample_rate < samples * self._frame_rate:
            if self._wanted(index):
                yield self._frame(index)
            index += 1
        if index and not self._wanted(index - 1):
            yield self._frame(index - 1)

    def _chunk(self, block: NDArray[np.float32]) -> AudioChunk:
        if self._mixdown is None:
            return AudioChunk(block)
        same = self._mixdown.alone or np.array_equal(block[:, 0], block[:, 1])
        return AudioChunk(self._mixdown(block), None if same else block)

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
