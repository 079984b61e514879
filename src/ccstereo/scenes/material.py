"""What scenes are made of: photos and sounds by class, and backgrounds, split by file."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args
from zlib import crc32

import numpy as np
import soundfile
import soxr
from PIL import Image, ImageOps

from ccstereo.errors import DatasetError

Split = Literal["train", "val", "test", "final"]
LISTED = "splits.csv"
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
        photos: class -> photos, each (H, W, 3) uint8, or (H, W, 4) where the background shows through, as in cut-outs;
            a video crop has N of them at `FRAME_RATE`, (N, H, W, C).
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

    Where there is a `splits.csv` with columns file and split, it says which split each file belongs to, and a class
    that has no photos or no sounds in a split is not in it. Else files go to a split by a checksum of their names,
    class by class, so that nothing of a file stands on two sides and a file keeps its side on every machine.
    `cutouts/<class>/NAME.png` are photos, too, of the split of `photos/<class>/NAME.*`.

    Args:
        folder: the stage's folder.
        split: "train" (75 % of the files where no list says more), "val" (10 %) or "test" (15 %); "final" only by a
            list.
        sample_rate: Hz to which sounds are resampled.

    Raises:
        DatasetError: the folder is missing, a class has too few photos or sounds to be split, or the list does not fit
            the files.
    """
    folder = Path(folder)
    if not (folder / "photos").is_dir() or not (folder / "sounds").is_dir():
        raise DatasetError(f"{folder}: needs folders photos/<class> and sounds/<class>")
    labels = sorted(path.name for path in (folder / "photos").iterdir() if path.is_dir())
    labels = [label for label in labels if (folder / "sounds" / label).is_dir()]
    if not labels:
        raise DatasetError(f"{folder}: no class has both photos and sounds")
    listed = _read_list(folder / LISTED) if (folder / LISTED).is_file() else None
    files = {
        kind: {label: _files(folder, f"{kind}/{label}", suffixes, split, listed) for label in labels}
        for kind, suffixes in (("photos", PHOTO_SUFFIXES), ("sounds", SOUND_SUFFIXES))
    }
    scenery = _files(folder, "backgrounds", PHOTO_SUFFIXES, split, listed)
    labels = [label for label in labels if files["photos"][label] and files["sounds"][label]]
    if not labels or not scenery:
        raise DatasetError(f"{folder / LISTED}: has no class or no background in the {split} split")
    with ThreadPoolExecutor() as pool:  # decoding holds no lock
        photos = {label: tuple(pool.map(_read_photo, _with_cutouts(files["photos"][label]))) for label in labels}
        read_sound = partial(_read_sound, sample_rate=sample_rate)
        sounds = {label: tuple(pool.map(read_sound, files["sounds"][label])) for label in labels}
        backgrounds = tuple(np.ascontiguousarray(photo[..., :3]) for photo in pool.map(_read_photo, scenery))
    return Material(folder.name, photos, sounds, backgrounds, sample_rate)


def load_whole(folder: str | Path, sample_rate: int = 16_000) -> Material:
    """Read the photos and sounds of all classes of a folder, whatever their split; without backgrounds.

    Raises:
        DatasetError: the folder is missing, no class has both, or a file cannot be read.
    """
    folder = Path(folder)
    photos, sounds = (
        {
            path.name: sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes)
            for path in folder.glob(f"{kind}/*")
        }
        for kind, suffixes in (("photos", PHOTO_SUFFIXES), ("sounds", SOUND_SUFFIXES))
    )
    labels = sorted(label for label in photos if photos[label] and sounds.get(label))
    if not labels:
        raise DatasetError(f"{folder}: no class has both photos/<class>/* and sounds/<class>/*")
    return Material(
        folder.name,
        {label: tuple(map(_read_photo, photos[label])) for label in labels},
        {label: tuple(_read_sound(file, sample_rate) for file in sounds[label]) for label in labels},
        (),
        sample_rate,
    )


def split_of(names: Sequence[str], split: Split) -> list[str]:
    """Names of a split: ordered by checksum, then cut. Of three names or more, each of three splits has one at least.

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
    sides: dict[str, list[str]] = {"train": ordered[:first], "val": ordered[first:second], "test": ordered[second:]}
    return sides.get(split, [])


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


def _files(folder: Path, kind: str, suffixes: set[str], split: Split, listed: Mapping[str, str] | None) -> list[Path]:
    """Files of a split in a folder of the stage; of a list there may be none."""
    inner = folder / kind
    names = [path.name for path in inner.iterdir() if path.suffix.lower() in suffixes] if inner.is_dir() else []
    if listed is None:
        chosen = split_of(names, split)
        if not chosen and split == "final":
            raise DatasetError(f"{folder}: has no final split, which a {LISTED} would have to name")
        if not chosen:
            raise DatasetError(f"{inner}: {len(names)} files are too few for a {split} split")
        return [inner / name for name in chosen]
    unknown = sorted(name for name in names if f"{kind}/{name}" not in listed)
    if unknown:
        raise DatasetError(f"{inner / unknown[0]}: {folder / LISTED} does not say which split it belongs to")
    return [inner / name for name in sorted(names) if listed[f"{kind}/{name}"] == split]


def _read_list(path: Path) -> dict[str, str]:
    """Split of every file by its place in the folder."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            listed = {row["file"]: row["split"] for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{path}: cannot be read ({error!r}); it needs columns file and split") from error
    if wrong := sorted(set(listed.values()) - set(get_args(Split))):
        raise DatasetError(f"{path}: no split is named {wrong[0]!r}; there are {', '.join(get_args(Split))}")
    return listed


def _with_cutouts(photos: Sequence[Path]) -> list[Path]:
    """Photos, and what was cut out of them."""
    cut = [photo.parents[2] / "cutouts" / photo.parent.name / f"{photo.stem}.png" for photo in photos]
    return [*photos, *(path for path in cut if path.is_file())]


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
