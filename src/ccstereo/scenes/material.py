"""What scenes are made of: photos and sounds by class, and backgrounds, split by file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np
import soundfile
import soxr
from PIL import Image, ImageOps

from ccstereo.errors import DatasetError

Split = Literal["train", "val", "test"]
CUTS = (0.75, 0.85)  # of a class's files: training before the first, test after the second
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
SOUND_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3"}
LARGEST_PHOTO = (512, 256)  # (width, height) kept of a photo: no patch of a 480x240 frame is larger
FRAME_RATE = 10.0  # frames a second of a video crop


@dataclass(frozen=True)
class Material:
    """Photos and sounds of one split.

    Attributes:
        name: where it comes from, for reports.
        photos: class -> photos, each (H, W, 3) uint8, or (H, W, 4) where the background shows through; a video crop
            has N of them at `FRAME_RATE`, (N, H, W, C).
        sounds: class -> mono sounds, each (T,) float32 at `sample_rate`.
        backgrounds: photos, each (H, W, 3) uint8.
        sample_rate: Hz.
    """

    name: str
    photos: dict[str, tuple[np.ndarray, ...]]
    sounds: dict[str, tuple[np.ndarray, ...]]
    backgrounds: tuple[np.ndarray, ...]
    sample_rate: int = 16_000

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in alphabetical order."""
        return tuple(sorted(self.photos))


def load_material(folder: str | Path, split: Split, sample_rate: int = 16_000) -> Material:
    """Read `photos/<class>/*`, upright and transparent where they are, `sounds/<class>/*` and `backgrounds/*`.

    Files go to a split by a checksum of their names, class by class, so nothing of a file stands on two sides
    and a file keeps its side on every machine.

    Args:
        folder: the stage's folder.
        split: "train" (75 % of the files), "val" (10 %) or "test" (15 %).
        sample_rate: Hz to which sounds are resampled.

    Raises:
        DatasetError: the folder is missing, or a class has too few photos or sounds to be split.
    """
    folder = Path(folder)
    if not (folder / "photos").is_dir() or not (folder / "sounds").is_dir():
        raise DatasetError(f"{folder}: needs folders photos/<class> and sounds/<class>")
    labels = sorted(path.name for path in (folder / "photos").iterdir() if path.is_dir())
    labels = [label for label in labels if (folder / "sounds" / label).is_dir()]
    if not labels:
        raise DatasetError(f"{folder}: no class has both photos and sounds")
    photos = {
        label: tuple(map(_read_photo, _files(folder / "photos" / label, PHOTO_SUFFIXES, split))) for label in labels
    }
    sounds = {
        label: tuple(_read_sound(f, sample_rate) for f in _files(folder / "sounds" / label, SOUND_SUFFIXES, split))
        for label in labels
    }
    scenery = _files(folder / "backgrounds", PHOTO_SUFFIXES, split)
    backgrounds = tuple(np.ascontiguousarray(_read_photo(path)[..., :3]) for path in scenery)
    return Material(folder.name, photos, sounds, backgrounds, sample_rate)


def split_of(names: Sequence[str], split: Split) -> list[str]:
    """Names of a split: ordered by checksum, then cut. Of three names or more, each split has one at least.

    >>> names = [f"{i:03d}.jpg" for i in range(20)]
    >>> [len(split_of(names, split)) for split in ("train", "val", "test")]
    [15, 2, 3]
    """
    ordered = sorted(names, key=lambda name: (crc32(name.encode()), name))
    count = len(ordered)
    first, second = (round(cut * count) for cut in CUTS)
    if count >= 3:
        first = min(first, count - 2)
        second = min(max(second, first + 1), count - 1)
    return {"train": ordered[:first], "val": ordered[first:second], "test": ordered[second:]}[split]


def read_photo(path: str | Path, largest: tuple[int, int] = LARGEST_PHOTO) -> Image.Image:
    """Read a photo upright, RGB or, where it is transparent in places, RGBA; no larger than (width, height).

    Raises:
        OSError, ValueError, Image.DecompressionBombError: it is no photo, cut off or absurdly large.
    """
    with Image.open(path) as image:
        photo = ImageOps.exif_transpose(image)
        transparent = photo.mode in ("RGBA", "LA", "PA") or "transparency" in photo.info
        photo = photo.convert("RGBA" if transparent else "RGB")
    photo.thumbnail(largest, Image.Resampling.BICUBIC)
    return photo


def _files(folder: Path, suffixes: set[str], split: Split) -> list[Path]:
    names = [path.name for path in folder.iterdir() if path.suffix.lower() in suffixes] if folder.is_dir() else []
    chosen = split_of(names, split)
    if not chosen:
        raise DatasetError(f"{folder}: {len(names)} files are too few for a {split} split")
    return [folder / name for name in chosen]


def _read_photo(path: Path) -> np.ndarray:
    with _reported(path):
        return np.asarray(read_photo(path))


def _read_sound(path: Path, sample_rate: int) -> np.ndarray:
    with _reported(path):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = samples.mean(1)
        return mono if rate == sample_rate else np.asarray(soxr.resample(mono, rate, sample_rate), dtype=np.float32)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # soundfile's errors are RuntimeErrors
        raise DatasetError(f"{path}: cannot be read ({error})") from error
