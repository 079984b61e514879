"""The sound tracks that were selected as one stereo signal, as a player plays it, and its mix to mono."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from numpy.typing import NDArray

from ccstereo.media.probe import open_input
from ccstereo.media.selection import Cut, Selection, choose_audio, is_pair
from ccstereo.media.sound import SoundTrack


@dataclass(frozen=True)
class Mixdown:
    """How stereo sound as it is played becomes mono.

    Attributes:
        left: weight of the left channel.
        right: weight of the right channel.
        alone: the chosen channel stands for the input: it is as loud as that one on both ears.
    """

    left: float = 0.5
    right: float = 0.5
    alone: bool = False

    def __call__(self, played: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mix (T, 2) to (T,)."""
        return np.asarray(np.float32(self.left) * played[:, 0] + np.float32(self.right) * played[:, 1])


class Sound(Protocol):
    """What `SoundTrack` and `MixedTracks` have in common."""

    sample_rate: int
    start: Fraction

    @property
    def notes(self) -> list[str]:
        """What was damaged or is missing."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The signal in blocks."""

    def close(self) -> None:
        """Release the file."""


class MixedTracks:
    """Several sound tracks of a file as one stereo signal on one clock.

    Attributes:
        sample_rate: Hz, that of the first track.
        start: when the first of them starts, in seconds on the file's own clock.
    """

    def __init__(self, tracks: list[SoundTrack], *, pair: bool) -> None:
        """Take opened tracks (T, 2) of one rate; of a pair the first is the left channel, the second the right."""
        self._tracks = tracks
        self._pair = pair
        self.sample_rate = tracks[0].sample_rate
        self.start = min(track.start for track in tracks)

    @property
    def notes(self) -> list[str]:
        """What was damaged or is missing, of all."""
        return list(dict.fromkeys(note for track in self._tracks for note in track.notes))

    def close(self) -> None:
        """Release the file."""
        for track in self._tracks:
            track.close()

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the sum of all, or the pair's channels, (T, 2), to the end of the longest."""
        size = self.sample_rate // 10
        queues = [
            _Queue(track.blocks(), round((track.start - self.start) * self.sample_rate)) for track in self._tracks
        ]
        while True:
            parts = [queue.take(size) for queue in queues]
            length = max(map(len, parts))
            if length == 0:
                return
            parts = [np.pad(part, ((0, length - len(part)), (0, 0))) for part in parts]
            yield np.stack([part[:, 0] for part in parts], 1) if self._pair else np.sum(parts, 0, dtype=np.float32)


class _Queue:
    """Blocks (T, 2), behind so many samples of silence, in pieces of any length."""

    def __init__(self, blocks: Iterator[NDArray[np.float32]], silence: int) -> None:
        self._blocks = blocks
        self._silence = silence
        self._held = np.zeros((0, 2), np.float32)

    def take(self, count: int) -> NDArray[np.float32]:
        while len(self._held) < count:
            if self._silence:
                block: NDArray[np.float32] | None = np.zeros((min(self._silence, count), 2), np.float32)
                self._silence -= min(self._silence, count)
            else:
                block = next(self._blocks, None)
            if block is None:
                break
            self._held = np.concatenate([self._held, block])
        taken, self._held = self._held[:count], self._held[count:]
        return taken


@dataclass(frozen=True)
class OpenedSound:
    """Sound tracks that were opened.

    Attributes:
        sound: their signal (T, 2).
        indices: of the tracks in the file.
        notes: how it came to those.
        mono: the file says that it is one channel.
        file_start: when the file begins, in seconds on its own clock.
    """

    sound: Sound
    indices: tuple[int, ...]
    notes: tuple[str, ...] = ()
    mono: bool = False
    file_start: Fraction = Fraction(0)


def open_played(path: Path | str, selection: Selection, cut: Cut | None = None) -> OpenedSound:
    """Open the selected sound tracks, to be read as stereo (T, 2) as a player plays it.

    Raises:
        MediaError: the file cannot be read, or has no such sound.
    """
    begin, end = cut or (None, None)
    with open_input(path, allow_truncated=selection.allow_truncated) as container:
        chosen = choose_audio(path, container, selection.audio_track)
        indices = tuple(stream.index for stream in chosen)
        pair = is_pair(chosen)
        channels = sum(stream.codec_context.layout.nb_channels for stream in chosen)
        file_start = Fraction(container.start_time or 0, av.time_base)
    notes = []
    if pair:
        notes.append("its two mono sound tracks are taken for the two channels of one recording; see --audio-track")
    elif len(indices) > 1:
        notes.append(f"its {len(indices)} sound tracks are added up")
    with ExitStack() as stack:
        tracks: list[SoundTrack] = []
        for index in indices:
            tracks.append(
                SoundTrack(
                    path,
                    "played",
                    index=index,
                    sample_rate=tracks[0].sample_rate if tracks else None,
                    begin=begin,
                    end=end,
                    allow_truncated=selection.allow_truncated,
                )
            )
            stack.callback(tracks[-1].close)
        sound = tracks[0] if len(tracks) == 1 else MixedTracks(tracks, pair=pair)
        stack.pop_all()
        return OpenedSound(sound, indices, tuple(notes), channels == 1, file_start)
