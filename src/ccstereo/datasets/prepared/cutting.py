"""Cutting a video with stereo sound into clips of the prepared layout, in the memory of one clip."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from ccstereo.datasets.prepared.format import (
    FRAME_RATE,
    FRAME_SIZE,
    SAMPLE_RATE,
    Clip,
    clip_id,
    encode_jpeg,
    frame_count,
)
from ccstereo.media import AudioChunk, MediaReader


def resample(sound: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Bring (T, C) sound to 16 kHz; sound that is there already is not touched."""
    if sample_rate == SAMPLE_RATE:
        return sound
    return np.asarray(soxr.resample(sound, sample_rate, SAMPLE_RATE), dtype=np.float32)


def fit_frames(frames: list[bytes], samples: int) -> list[bytes]:
    """Give a clip of so many samples its number of frames: the last one is repeated, those past the end dropped."""
    wanted = frame_count(samples)
    return (frames + frames[-1:] * (wanted - len(frames)))[:wanted]


class Renderer(Protocol):
    """Makes sound for two ears of blocks (T, channels) at 16 kHz, one after the other."""

    channels: int

    def __call__(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Render the next block to (T, 2), left first."""


class FrameEncoder:
    """Encodes frames as JPEG, one that is shown again only once.

    Args:
        prepare: what is done to a frame before.
    """

    def __init__(self, prepare: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = lambda frame: frame) -> None:
        self._prepare = prepare
        self._last: NDArray[np.uint8] | None = None
        self._jpeg = b""

    def __call__(self, frame: NDArray[np.uint8]) -> bytes:
        """The JPEG bytes of the next frame."""
        if frame is not self._last:
            self._last, self._jpeg = frame, encode_jpeg(self._prepare(frame))
        return self._jpeg


def cut_video(
    path: Path, key: str, seconds: int = 10, least: float = 1.0, render: Renderer | None = None
) -> Iterator[Clip]:
    """Cut a video into clips, one after the other.

    Args:
        path: any video with two channels of sound, or those that `render` takes.
        key: of the source; clip number n begins at n * seconds.
        seconds: length of a clip.
        least: seconds that the last, shorter one must have, or it is skipped.
        render: what makes two channels of more.

    Raises:
        MediaError: the file cannot be read, breaks off, or its sound has another number of channels.
    """
    length = seconds * SAMPLE_RATE
    sound = np.zeros((0, 2), np.float32)
    frames: list[bytes] = []
    number = 0
    channels = render.channels if render else 2
    reader = MediaReader(path, frame_rate=FRAME_RATE, frame_size=FRAME_SIZE, channels=channels, threads=1)
    for block, jpegs, _ in at_layout_rates(reader, channels, FrameEncoder()):
        sound = np.concatenate([sound, render(block) if render else block])
        frames += jpegs
        while len(sound) >= length and len(frames) >= seconds * FRAME_RATE:
            yield Clip(clip_id(key, number), sound[:length].T, frames[: seconds * FRAME_RATE], number * float(seconds))
            sound, frames = sound[length:], frames[seconds * FRAME_RATE :]
            number += 1
    if len(sound) >= least * SAMPLE_RATE and frames:
        rest = fit_frames(frames, min(len(sound), length))
        yield Clip(clip_id(key, number), sound[:length].T, rest, number * float(seconds))


def at_layout_rates(
    reader: MediaReader, channels: int, encode: FrameEncoder
) -> Iterator[tuple[NDArray[np.float32], list[bytes], bool]]:
    """Read a file in stretches of a second or so: sound (T, C) at 16 kHz, and the frames that came before its end.

    The reader gives frames at the layout's rate, and is closed at the end.

    Yields:
        Sound, JPEG bytes of frames, and whether this is the last stretch.
    """
    with reader:
        rate = reader.sample_rate
        stream = soxr.ResampleStream(rate, SAMPLE_RATE, channels, dtype="float32")
        frames: list[bytes] = []
        blocks: list[NDArray[np.float32]] = []

        def stretch(last: bool) -> tuple[NDArray[np.float32], list[bytes], bool]:
            block = np.concatenate(blocks) if blocks else np.zeros((0, channels), np.float32)
            return block if rate == SAMPLE_RATE else stream.resample_chunk(block, last=last), frames, last

        for chunk in reader:
            if isinstance(chunk, AudioChunk):
                blocks.append(chunk.samples)
            else:
                frames.append(encode(chunk.frame))
            if sum(map(len, blocks)) >= rate:
                yield stretch(last=False)
                frames, blocks = [], []
        yield stretch(last=True)
