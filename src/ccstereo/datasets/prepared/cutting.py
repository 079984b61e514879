"""Cutting a video with stereo sound into clips of the prepared layout, in the memory of one clip."""

from collections.abc import Iterator
from pathlib import Path

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
from ccstereo.datasets.sources.surround import SurroundRenderer
from ccstereo.media import AudioChunk, MediaReader

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        "mp4",
        "m4v",
        "mov",
        "mkv",
        "webm",
        "avi",
        "flv",
        "wmv",
        "mpg",
        "mpeg",
        "ts",
        "mts",
        "m2ts",
        "3gp",
        "ogv",
    )
)


def resample(sound: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Bring (T, C) sound to 16 kHz; sound that is there already is not touched."""
    if sample_rate == SAMPLE_RATE:
        return sound
    return np.asarray(soxr.resample(sound, sample_rate, SAMPLE_RATE), dtype=np.float32)


def fit_frames(pictures: list[bytes], samples: int) -> list[bytes]:
    """Give a clip of so many samples its number of pictures: the last one is repeated, those past the end dropped."""
    wanted = frame_count(samples)
    return (pictures + pictures[-1:] * (wanted - len(pictures)))[:wanted]


def cut_video(
    path: Path, key: str, seconds: int = 10, least: float = 1.0, render: SurroundRenderer | None = None
) -> Iterator[Clip]:
    """Cut a video into clips, one after the other.

    Args:
        path: any video with two channels of sound, or those that `render` takes.
        key: of the source; clip number n begins at n * seconds.
        seconds: length of a clip.
        least: seconds that the last, shorter one must have, or it is left out.
        render: what makes two channels of more.

    Raises:
        MediaError: the file cannot be read, breaks off, or its sound has another number of channels.
    """
    length = seconds * SAMPLE_RATE
    sound = np.zeros((0, 2), np.float32)
    pictures: list[bytes] = []
    number = 0
    for chunk, jpegs in _at_layout_rates(path, render):
        sound = np.concatenate([sound, chunk])
        pictures += jpegs
        while len(sound) >= length and len(pictures) >= seconds * FRAME_RATE:
            yield Clip(
                clip_id(key, number), sound[:length].T, pictures[: seconds * FRAME_RATE], number * float(seconds)
            )
            sound, pictures = sound[length:], pictures[seconds * FRAME_RATE :]
            number += 1
    if len(sound) >= least * SAMPLE_RATE and pictures:
        last = fit_frames(pictures, min(len(sound), length))
        yield Clip(clip_id(key, number), sound[:length].T, last, number * float(seconds))


def _at_layout_rates(path: Path, render: SurroundRenderer | None) -> Iterator[tuple[NDArray[np.float32], list[bytes]]]:
    """Stretches of a second or so of sound (T, 2) at 16 kHz with the JPEG pictures that came before its end."""
    channels = render.channels if render else 2
    with MediaReader(path, frame_rate=FRAME_RATE, frame_size=FRAME_SIZE, channels=channels, threads=1) as reader:
        stream = soxr.ResampleStream(reader.sample_rate, SAMPLE_RATE, channels, dtype="float32")

        def brought(block: NDArray[np.float32], last: bool = False) -> NDArray[np.float32]:
            block = block if reader.sample_rate == SAMPLE_RATE else stream.resample_chunk(block, last=last)
            return render(block) if render else block

        pictures: list[bytes] = []
        blocks: list[NDArray[np.float32]] = []
        held = 0
        shown: NDArray[np.uint8] | None = None
        jpeg = b""
        for chunk in reader:
            if isinstance(chunk, AudioChunk):
                blocks.append(chunk.samples)
                held += len(chunk.samples)
            else:
                if chunk.frame is not shown:  # a picture that stays is encoded once
                    shown, jpeg = chunk.frame, encode_jpeg(chunk.frame)
                pictures.append(jpeg)
            if held >= reader.sample_rate:
                yield brought(np.concatenate(blocks)), pictures
                pictures, blocks, held = [], [], 0
        block = np.concatenate(blocks) if blocks else np.zeros((0, channels), np.float32)
        yield brought(block, last=True), pictures
