"""FAIR-Play (2.5D Visual Sound, CVPR 2019): 1,871 clips of 10 s, recorded in a music room with a pair of ears."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ccstereo.datasets.prepared.build import Folds, Source, Worker
from ccstereo.datasets.prepared.cutting import fit_frames, resample
from ccstereo.datasets.prepared.format import (
    FRAME_RATE,
    FRAME_SIZE,
    SPLITS,
    Clip,
    ClipRow,
    SetInfo,
    Unused,
    encode_jpeg,
    frame_count,
)
from ccstereo.datasets.prepared.splits import numbers_in, require_content
from ccstereo.datasets.sources.download import Archive
from ccstereo.errors import DatasetError
from ccstereo.media import probe, read_channels, read_frames

CLIPS = 1871
# The names are those that public scripts fetch; the archives' checksums are not published: see `fetch_archives`.
BASE_URL = "https://dl.fbaipublicfiles.com/FAIR-Play/"
ARCHIVES = (
    Archive("splits.tar.gz", gigabytes=0.01),
    Archive("audios.tar.gz", gigabytes=3.2),
    Archive("videos.tar.gz", gigabytes=106.0),
)
_SOUNDS = ("binaural_audios", "audios", "audio")
_MISSING = 5  # pictures that may be missing at the end of a clip; the last one stands for them


def fairplay_set(raw: str | Path) -> tuple[list[Source], list[Unused], Worker, SetInfo]:
    """Return what `prepare` takes, and the sounds without pictures.

    Args:
        raw: folder of `binaural_audios/NNNNNN.wav` with `videos/NNNNNN.mp4`, `frames/NNNNNN.mp4/*.png` or
            `frames/NNNNNN/*.jpg`; extracted frames are taken before videos.

    Raises:
        DatasetError: there is no such folder, or none of these in it.
    """
    raw = Path(raw)
    sounds = [path for path in _inside(raw, _SOUNDS, "*.wav") if re.fullmatch(r"\d{6}", path.stem)]
    if not sounds:
        raise DatasetError(f"{raw}: holds no binaural_audios/NNNNNN.wav; give FAIR-Play's folder, or use --download")
    pictures = {path.stem: path for path in _inside(raw, ("videos",), "*.mp4")}
    pictures |= {path.stem: path for path in _inside(raw, ("frames",), "*") if path.is_dir()}
    sources, unused = [], []
    for sound in sounds:
        if sound.stem in pictures:
            sources.append(Source(sound.stem, (sound, pictures[sound.stem])))
        else:
            unused.append(Unused(sound.stem, sound.stat().st_size, "", f"{raw}: has no video or frames of this number"))
    about = {"licence": "CC BY 4.0", "source": "https://github.com/facebookresearch/FAIR-Play"}
    return sources, unused, fairplay_clip, SetInfo("fairplay", {}, about)


def fairplay_clip(source: Source) -> Iterator[Clip]:
    """Make the clip of one number.

    Raises:
        DatasetError: a file is a Git LFS pointer, or pictures are missing.
        MediaError: a file cannot be read, or the sound has not two channels.
    """
    sound_path, picture_path = source.paths
    require_content(sound_path)
    sound, rate = read_channels(sound_path, 2)
    sound = resample(sound, rate)
    count = frame_count(len(sound))
    if picture_path.is_dir():
        pictures = _read_frames(picture_path, count)
    else:
        require_content(picture_path)
        pictures = _read_video(picture_path, count)
    yield Clip(source.key, sound.T, fit_frames(pictures, len(sound)))


def _read_video(path: Path, count: int) -> list[bytes]:
    duration = probe(path, require_video=True).duration
    if duration * FRAME_RATE < count - _MISSING:
        raise DatasetError(f"{path}: lasts {duration:.2f} s, its sound {count / FRAME_RATE:g} s; get it again")
    shown: NDArray[np.uint8] | None = None
    pictures: list[bytes] = []
    for picture in read_frames(path, count, frame_rate=FRAME_RATE, frame_size=FRAME_SIZE, threads=1):
        pictures.append(pictures[-1] if picture is shown else encode_jpeg(picture))
        shown = picture
    return pictures


def _read_frames(folder: Path, count: int) -> list[bytes]:
    """Frames extracted at 10 a second: the lowest number is the first, whether that is 0 or 1, padded or not."""
    numbered = {int(p.stem): p for p in folder.iterdir() if p.suffix in (".png", ".jpg", ".jpeg") and p.stem.isdigit()}
    order = sorted(numbered)
    if len(order) < count - _MISSING:
        raise DatasetError(f"{folder}: holds {len(order)} frames, but its sound needs {count}; extract them again")
    if order != list(range(order[0], order[0] + len(order))):
        gap = next(number for number in range(order[0], order[-1]) if number not in numbered)
        raise DatasetError(f"{folder}: frame {gap} is missing; extract the frames again")
    pictures = []
    for number in order[:count]:
        require_content(numbered[number])
        with Image.open(numbered[number]) as image:
            pictures.append(encode_jpeg(np.asarray(image.convert("RGB"), dtype=np.uint8)))
    return pictures


def fairplay_folds(folders: list[Path]) -> tuple[Folds, list[Unused]]:
    """Read FAIR-Play's splits: `ten-split1` ... from HDF5 files, `five-split1` ... from text lists.

    Args:
        folders: each holds `<split>/{train,val,test}.h5` or `.txt`.

    Returns:
        The splits by name, with all their numbers, and the files that could not be used.
    """
    splits: Folds = {}
    unused: list[Unused] = []
    for path in sorted({file.parent for folder in folders for file in folder.glob("*/train.*")}):
        for suffix, series in ((".h5", "ten"), (".txt", "five")):
            files = {part: path / f"{part}{suffix}" for part in SPLITS}
            if not files["train"].exists():
                continue
            try:
                parts = {part: numbers_in(file) for part, file in files.items()}
                numbers = [number for part in parts.values() for number in part]
                if len(set(numbers)) < len(numbers):
                    raise DatasetError(f"{path}: its parts share clips; get the split again")
                splits[f"{series}-{path.name}"] = parts
            except (OSError, DatasetError) as error:
                unused.append(Unused(f"{series}-{path.name}", 0, "split", str(error)))
    return splits, unused


def only_present(splits: Folds) -> Callable[[list[ClipRow]], Folds]:
    """Keep splits that name at least one clip of the table; numbers that are not there stay in their lists."""
    return partial(_only_present, splits)


def _only_present(splits: Folds, rows: list[ClipRow]) -> Folds:
    ids = {row.id for row in rows}
    return {name: parts for name, parts in splits.items() if any(ids & set(part) for part in parts.values())}


def _inside(raw: Path, names: tuple[str, ...], pattern: str) -> list[Path]:
    """What is in folders of these names in `raw`, or one folder further in, as archives unpack."""
    if not raw.is_dir():
        raise DatasetError(f"{raw}: no such folder; give FAIR-Play's folder, or use --download")
    folders = [folder for name in names for folder in (raw / name, *raw.glob(f"*/{name}")) if folder.is_dir()]
    return sorted(path for folder in folders[:1] for path in folder.glob(pattern))
