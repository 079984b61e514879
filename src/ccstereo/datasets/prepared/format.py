"""The prepared layout: sound and pictures of clips on disk, cheap to read at random. See docs/data/layout.md.

SET/dataset.json              name, version, rates, sizes, options
SET/clips.jsonl               a line a clip, sorted by id: `ClipRow`
SET/unused.jsonl              a line for everything that could not be used: `Unused`
SET/sound/<id>.wav            16 bit stereo, a header of 44 bytes
SET/frames/<id>.mjpeg         JPEG pictures one after the other, then where each begins
SET/splits/<name>/<part>.txt  ids, a line each; parts are train, val and test
"""

import hashlib
import io
import json
import re
import secrets
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ccstereo.errors import DatasetError

FORMAT = "ccstereo-prepared"
VERSION = 1
SAMPLE_RATE = 16_000  # Hz
FRAME_RATE = 10  # pictures a second
FRAME_SIZE = (240, 480)  # (height, width), as 2.5D Visual Sound and CCStereo
JPEG_QUALITY = 90
SPLITS = ("train", "val", "test")
WAV_HEADER = 44  # bytes
INDEX_END = b"ccjpegs1"  # ends a file of pictures, after their positions
PARTIAL = ".part"  # ends the names of files that are being written


@dataclass(frozen=True)
class SetInfo:
    """What a prepared set is: the content of dataset.json.

    Attributes:
        name: of the set, such as "fairplay".
        options: what it was prepared with, as far as that changes clips; a run with others does not go on with it.
        about: licence, origin and other words for people.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    format: str = FORMAT
    version: int = VERSION
    sample_rate: int = SAMPLE_RATE
    frame_rate: int = FRAME_RATE
    frame_size: tuple[int, int] = FRAME_SIZE


@dataclass(frozen=True)
class Clip:
    """A clip in memory, as preparers make it.

    Attributes:
        id: letters, digits, "_" and "-", after the source's key; see `clip_id`.
        sound: (2, T) float32 at 16 kHz, left first, nominal full scale +-1; may go beyond.
        pictures: JPEG bytes of each picture, one at k / 10 seconds for every k that lies in the sound.
        start: seconds of the source at which the clip begins.
        tags: JSON values the preparer wants to keep, such as a scene or a class.
    """

    id: str
    sound: NDArray[np.float32]
    pictures: list[bytes]
    start: float = 0.0
    tags: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClipRow:
    """A line of clips.jsonl.

    Attributes:
        id: of the clip, and the stem of its files.
        source: key of the source it was cut from; no source lies in two parts of a split.
        source_bytes: size of the source's files.
        start: seconds of the source at which the clip begins.
        duration: seconds.
        samples: of each ear.
        frames: pictures.
        scale: what full scale of the 16 bit file stands for: 1, or the peak where that is higher.
        peak: largest absolute sample.
        rms: of left and right.
        difference: RMS of left minus right over RMS of left plus right; 0 means mono.
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
    rms: tuple[float, float]
    difference: float
    sound_sha256: str
    frames_sha256: str
    tags: dict[str, Any]


@dataclass(frozen=True)
class Unused:
    """A line of unused.jsonl: a source, or the part of it named `part`, and why it is not in the set."""

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


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture (H, W, 3); resized to 480x240, its aspect not kept, where it has another size."""
    image = Image.fromarray(picture)
    if picture.shape[:2] != FRAME_SIZE:
        image = image.resize(FRAME_SIZE[::-1], Image.Resampling.BOX if picture.shape[0] > FRAME_SIZE[0] else None)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=JPEG_QUALITY)
    return data.getvalue()


def frame_count(samples: int) -> int:
    """Pictures of a clip of that many samples: all k with k / 10 seconds before its end.

    >>> frame_count(160_000), frame_count(160_001)
    (100, 101)
    """
    return -(-samples * FRAME_RATE // SAMPLE_RATE)


def write_clip(folder: Path, clip: Clip, source: str, source_bytes: int) -> ClipRow:
    """Write a clip's two files, each under a temporary name and then renamed.

    Args:
        folder: of the set; `sound` and `frames` in it are made if need be.
        clip: the clip.
        source: key of its source.
        source_bytes: size of the source's files.

    Returns:
        Its row of the table. The same clip gives the same bytes and the same row.

    Raises:
        ValueError: the clip is empty, not stereo, not finite, or has another number of pictures than its sound needs.
        OSError: the disk is full or not writable.
    """
    sound = np.asarray(clip.sound, dtype=np.float32)
    if sound.ndim != 2 or len(sound) != 2 or sound.shape[1] == 0 or not np.isfinite(sound).all():
        raise ValueError(f"clip {clip.id}: expected finite (2, T) sound, got {sound.shape}")
    if len(clip.pictures) != frame_count(sound.shape[1]):
        wanted = frame_count(sound.shape[1])
        raise ValueError(f"clip {clip.id}: {len(clip.pictures)} pictures, but its sound needs {wanted}")
    peak = float(np.abs(sound).max())
    scale = max(1.0, peak)
    pcm = np.clip(np.rint(sound.T / scale * 32768), -32768, 32767).astype("<i2")
    heard = sound.astype(np.float64)
    left, right, difference, mixture = (
        float(np.sqrt(np.square(x).mean())) for x in (*heard, heard[0] - heard[1], heard.sum(0))
    )
    return ClipRow(
        id=clip.id,
        source=source,
        source_bytes=source_bytes,
        start=round(clip.start, 6),
        duration=sound.shape[1] / SAMPLE_RATE,
        samples=sound.shape[1],
        frames=len(clip.pictures),
        scale=scale,
        peak=round(peak, 7),
        rms=(round(left, 7), round(right, 7)),
        difference=round(difference / max(mixture, 1e-12), 6) if difference else 0.0,
        sound_sha256=_write(folder / "sound" / f"{clip.id}.wav", [_wav_header(len(pcm)), pcm.tobytes()]),
        frames_sha256=_write(folder / "frames" / f"{clip.id}.mjpeg", [*clip.pictures, _index(clip.pictures)]),
        tags=clip.tags,
    )


def read_info(folder: Path) -> SetInfo:
    """Read dataset.json.

    Raises:
        DatasetError: it is missing, damaged or of a later version.
    """
    path = folder / "dataset.json"
    if not path.is_file():
        unfinished = (
            " (a preparation was not finished here: run it again)" if (folder / "journal.jsonl").exists() else ""
        )
        raise DatasetError(f"{folder}: is no prepared set{unfinished}; make one with ccstereo prepare")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError(f"{content['format']} version {content['version']}")
        return SetInfo(**content | {"frame_size": tuple(content["frame_size"])})
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not readable as {FORMAT} version {VERSION} ({error}); prepare it again") from error


Row = TypeVar("Row", ClipRow, Unused)


def read_lines(path: Path, kind: type[Row]) -> list[Row]:
    """Read a table.

    Raises:
        DatasetError: it is missing or damaged.
    """
    names = {item.name for item in fields(kind)}
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        for row in rows:
            if set(row) != names:
                raise ValueError(f"has columns {sorted(row)}")
        return [kind(**row | ({"rms": tuple(row["rms"])} if "rms" in row else {})) for row in rows]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path}: is missing or damaged ({error}); prepare the set again") from error


def write_lines(path: Path, rows: Iterable[ClipRow | Unused]) -> None:
    """Write a table, a line a row."""
    _write(path, [json.dumps(asdict(row), ensure_ascii=False).encode() + b"\n" for row in rows])


def write_info(folder: Path, info: SetInfo) -> None:
    """Write dataset.json: last, for it says that the set is whole."""
    _write(folder / "dataset.json", [json.dumps(asdict(info), indent=2, ensure_ascii=False).encode() + b"\n"])


def write_fold(folder: Path, name: str, parts: dict[str, list[str]]) -> str:
    """Write a split and return the SHA-256 of its ids, all parts, in their order."""
    digest = hashlib.sha256()
    for part in SPLITS:
        data = "".join(f"{clip}\n" for clip in parts.get(part, [])).encode()
        _write(folder / "splits" / name / f"{part}.txt", [data])
        digest.update(f"[{part}]\n".encode() + data)
    return digest.hexdigest()


def _write(path: Path, pieces: list[bytes]) -> str:
    """Write a file under a temporary name, rename it, and return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def _wav_header(samples: int) -> bytes:
    size = 4 * samples
    head = struct.pack("<4sI8sIHHIIHH", b"RIFF", 36 + size, b"WAVEfmt ", 16, 1, 2, SAMPLE_RATE, 4 * SAMPLE_RATE, 4, 16)
    return head + struct.pack("<4sI", b"data", size)


def _index(pictures: list[bytes]) -> bytes:
    """Where each picture begins, and the last ends, as 32 bit integers: players of the file pass over it."""
    marks = np.cumsum([0, *map(len, pictures)])
    return marks.astype("<u4").tobytes() + INDEX_END
