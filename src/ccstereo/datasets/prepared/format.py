"""The prepared layout: sound and frames of clips on disk, cheap to read at random. See docs/data/layout.md.

SET/dataset.json               name, version, kind of sound, rates, sizes, options, folds
SET/clips.jsonl                a line a clip, sorted by id: `ClipRow`
SET/unused.jsonl               a line for everything that could not be used: `Unused`
SET/sound/<id>.wav             16 bit, two ears or first-order ambisonics, a header of 44 bytes
SET/frames/<id>.mjpeg          JPEG frames one after the other, then where each begins
SET/splits/<fold>/<split>.txt  ids, a line each; splits are train, val and test
"""

import hashlib
import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ccstereo.files import write_atomic

FORMAT = "ccstereo-prepared"
VERSION = 2
READABLE = (1, 2)  # version 1 knows two ears alone
SAMPLE_RATE = 16_000  # Hz
FRAME_RATE = 10  # frames a second
FRAME_SIZE = (240, 480)  # (height, width), as 2.5D Visual Sound and CCStereo
JPEG_QUALITY = 90
SPLITS = ("train", "val", "test")
CHANNELS = {"binaural": 2, "foa": 4}  # of each kind of sound: left, right; W, Y, Z, X (ACN, SN3D)
WAV_HEADER = 44  # bytes
INDEX_END = b"ccjpegs1"  # ends a file of frames, after their positions


@dataclass(frozen=True)
class SetInfo:
    """What a prepared set is: the content of dataset.json.

    Attributes:
        name: of the set, such as "fairplay".
        options: what it was prepared with, as far as that changes clips; a run with others does not resume it.
        about: licence, origin and other words for people.
        sound: a key of `CHANNELS`: "binaural", or "foa" for first-order ambisonics.
        folds: SHA-256 of the ids of each fold that the preparation wrote, by name.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    sound: str = "binaural"
    folds: dict[str, str] = field(default_factory=dict)
    format: str = FORMAT
    version: int = VERSION
    sample_rate: int = SAMPLE_RATE
    frame_rate: int = FRAME_RATE
    frame_size: tuple[int, int] = FRAME_SIZE

    @property
    def settings(self) -> dict[str, Any]:
        """On what the clips depend."""
        return {"set": self.name, "sound": self.sound, **self.options}


@dataclass(frozen=True)
class Clip:
    """A clip in memory, as preparers make it.

    Attributes:
        id: letters, digits, "_" and "-", after the source's key; see `clip_id`.
        sound: (2, T) left first, or (4, T) W, Y, Z, X; float32 at 16 kHz, nominal full scale +-1; may go beyond.
        frames: JPEG bytes of each frame, one at k / 10 seconds for every k that lies in the sound.
        start: seconds of the source at which the clip begins.
        tags: JSON values the preparer wants to keep, such as a scene or a class.
    """

    id: str
    sound: NDArray[np.float32]
    frames: list[bytes]
    start: float = 0.0
    tags: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClipRow:
    """A line of clips.jsonl.

    Attributes:
        id: of the clip, and the stem of its files.
        source: key of the source it was cut from; no source lies in two splits of a fold.
        source_bytes: size of the source's files.
        start: seconds of the source at which the clip begins.
        duration: seconds: samples / 16000.
        samples: of each channel.
        frames: how many.
        scale: what full scale of the 16 bit file stands for: 1, or the peak where that is higher.
        peak: largest absolute sample.
        rms: of each channel.
        difference: RMS of left minus right over RMS of left plus right, 0 means mono; of ambisonics, the RMS of Y, Z
            and X together over that of W, 0 means no direction.
        sound_sha256, frames_sha256: checksums of both files.
        tags: of the preparer.
    """

    id: str
    source: str
    source_bytes: int
    start: float
    duration: float
    samples: int
    frames: int
    scale: float
    peak: float
    rms: tuple[float, ...]
    difference: float
    sound_sha256: str
    frames_sha256: str
    tags: dict[str, Any]

    @property
    def sound_bytes(self) -> int:
        """Size of the file of sound."""
        return WAV_HEADER + 2 * len(self.rms) * self.samples


@dataclass(frozen=True)
class Unused:
    """A line of unused.jsonl: a source, or the stretch of it named `part`, and why it is not in the set."""

    source: str
    source_bytes: int
    part: str
    reason: str


def safe_key(text: str) -> str:
    """Turn any name into a key of letters, digits, "_" and "-"; different names stay different.

    >>> safe_key("000123"), safe_key("My trip, day 2")
    ('000123', 'My-trip--day-2-c2031521')
    """
    key = re.sub(r"[^A-Za-z0-9_-]", "-", text)[:80]
    return key if key == text else f"{key}-{hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()[:8]}"


def clip_id(key: str, number: int) -> str:
    """Id of clip `number` of a source that is cut into several; "@" never occurs in a key.

    >>> clip_id("trip", 3)
    'trip@0003'
    """
    return f"{key}@{number:04d}"


def encode_jpeg(frame: NDArray[np.uint8]) -> bytes:
    """Encode a frame (H, W, 3); resized to 480x240, its aspect not kept, where it has another size."""
    image = Image.fromarray(frame)
    if frame.shape[:2] != FRAME_SIZE:
        image = image.resize(FRAME_SIZE[::-1], Image.Resampling.BOX if frame.shape[0] > FRAME_SIZE[0] else None)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=JPEG_QUALITY)
    return data.getvalue()


def frame_count(samples: int) -> int:
    """Frames of a clip of that many samples: all k with k / 10 seconds before its end.

    >>> frame_count(160_000), frame_count(160_001)
    (100, 101)
    """
    return -(-samples * FRAME_RATE // SAMPLE_RATE)


def write_clip(folder: Path, clip: Clip, source: str, source_bytes: int) -> ClipRow:
    """Write a clip's two files in `sound` and `frames` of a set's folder; the same clip gives the same bytes and row.

    Raises:
        ValueError: the clip is empty, has neither two nor four channels, is not finite, or has another number of frames
            than its sound needs.
        OSError: the disk is full or not writable.
    """
    sound = np.asarray(clip.sound, dtype=np.float32)
    if sound.ndim != 2 or len(sound) not in CHANNELS.values() or sound.shape[1] == 0 or not np.isfinite(sound).all():
        raise ValueError(f"clip {clip.id}: expected finite (2, T) or (4, T) sound, got {sound.shape}")
    samples = sound.shape[1]
    if len(clip.frames) != frame_count(samples):
        raise ValueError(f"clip {clip.id}: {len(clip.frames)} frames, but its sound needs {frame_count(samples)}")
    peak = float(np.abs(sound).max())
    scale = max(1.0, peak)
    pcm = np.clip(np.rint(sound.T / scale * 32768), -32768, 32767).astype("<i2")
    return ClipRow(
        id=clip.id,
        source=source,
        source_bytes=source_bytes,
        start=round(clip.start, 6),
        duration=samples / SAMPLE_RATE,
        samples=samples,
        frames=len(clip.frames),
        scale=scale,
        peak=round(peak, 7),
        rms=tuple(round(_rms(channel), 7) for channel in sound),
        difference=_difference(sound),
        sound_sha256=_write(folder / "sound" / f"{clip.id}.wav", [_wav_header(*pcm.shape), pcm.tobytes()]),
        frames_sha256=_write(folder / "frames" / f"{clip.id}.mjpeg", [*clip.frames, _index(clip.frames)]),
        tags=clip.tags,
    )


def _rms(signal: NDArray[np.floating[Any]]) -> float:
    return float(np.sqrt(np.square(signal, dtype=np.float64).mean()))


def _difference(sound: NDArray[np.float32]) -> float:
    exact = sound.astype(np.float64)
    if len(sound) == 2:
        difference, mixture = _rms(exact[0] - exact[1]), _rms(exact.sum(0))
    else:
        difference, mixture = _rms(exact[1:]) * 3**0.5, _rms(exact[0])
    return round(difference / max(mixture, 1e-12), 6) if difference else 0.0


def _write(path: Path, pieces: list[bytes]) -> str:
    """Write a file and return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(pieces)
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()


def _wav_header(samples: int, channels: int) -> bytes:
    block = 2 * channels
    size = block * samples
    about = (16, 1, channels, SAMPLE_RATE, block * SAMPLE_RATE, block, 16)
    return struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVEfmt ", *about, b"data", size)


def _index(frames: Sequence[bytes]) -> bytes:
    """Where each frame begins, and the last ends, as 32 bit integers: players of the file pass over it."""
    marks = np.cumsum([0, *map(len, frames)])
    return marks.astype("<u4").tobytes() + INDEX_END
