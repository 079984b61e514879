"""FAIR-Play (2.5D Visual Sound, CVPR 2019): 1,871 clips of 10 s, recorded in a music room with a pair of ears."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ccstereo.datasets.prepared.build import Folds, Source, Worker
from ccstereo.datasets.prepared.cutting import FrameEncoder, fit_frames, resample
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
    safe_key,
)
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
_POINTER = b"version https://git-lfs.github.com/spec/"
_SOUNDS = ("binaural_audios", "audios", "audio")
_MISSING = 5  # frames that may be missing at the end of a clip; the last one stands for them


def fairplay_set(raw: str | Path) -> tuple[list[Source], list[Unused], Worker, SetInfo]:
    """Return what `prepare` takes, and sounds without frames or frames without sound.

    Args:
        raw: folder of `binaural_audios/NNNNNN.wav` with `videos/NNNNNN.mp4`, `frames/NNNNNN.mp4/*.png` or
            `frames/NNNNNN/*.jpg`; extracted frames are preferred to videos.

    Raises:
        DatasetError: there is no such folder, or none of these in it.
    """
    raw = Path(raw)
    sounds = [path for path in _inside(raw, _SOUNDS, "*.wav") if re.fullmatch(r"\d{6}", path.stem)]
    if not sounds:
        raise DatasetError(f"{raw}: holds no binaural_audios/NNNNNN.wav; give FAIR-Play's folder, or use --download")
    frames = {path.stem: path for path in _inside(raw, ("videos",), "*.mp4")}
    frames |= {path.stem: path for path in _inside(raw, ("frames",), "*") if path.is_dir()}
    sources, unused = [], []
    for sound in sounds:
        if sound.stem in frames:
            sources.append(Source(sound.stem, (sound, frames[sound.stem])))
        else:
            unused.append(Unused(sound.stem, sound.stat().st_size, "", f"{raw}: has no video or frames of this number"))
    for number in sorted(frames.keys() - {sound.stem for sound in sounds}):
        unused.append(Unused(safe_key(number), 0, frames[number].name, f"{raw}: has no sound of this number"))
    about = {"licence": "CC BY 4.0", "source": "https://github.com/facebookresearch/FAIR-Play"}
    return sources, unused, fairplay_clip, SetInfo("fairplay", {}, about)


def fairplay_clip(source: Source) -> Iterator[Clip]:
    """Make the clip of one number.

    Raises:
        DatasetError: a file is a Git LFS pointer, or frames are missing.
        MediaError: a file cannot be read, or the sound has not two channels.
    """
    sound_path, frames_path = source.paths
    require_content(sound_path)
    sound, rate = read_channels(sound_path, 2)
    sound = resample(sound, rate)
    count = frame_count(len(sound))
    if frames_path.is_dir():
        frames = _read_frames(frames_path, count)
    else:
        require_content(frames_path)
        frames = _read_video(frames_path, count)
    yield Clip(source.key, sound.T, fit_frames(frames, len(sound)))


def _read_video(path: Path, count: int) -> list[bytes]:
    duration = probe(path, require_video=True).duration
    if duration * FRAME_RATE < count - _MISSING:
        raise DatasetError(f"{path}: lasts {duration:.2f} s, its sound {count / FRAME_RATE:g} s; get it again")
    frames = read_frames(path, count, frame_rate=FRAME_RATE, frame_size=FRAME_SIZE, threads=1)
    return list(map(FrameEncoder(), frames))


def _read_frames(folder: Path, count: int) -> list[bytes]:
    """Frames extracted at 10 a second: the lowest number is the first, whether that is 0 or 1, padded or not."""
    files = [path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
    numbered = {int(found[0]): path for path in files if (found := re.search(r"\d+$", path.stem))}
    order = sorted(numbered)
    if len(order) < count - _MISSING:
        names = "expected 000001.png, 1.jpg, frame0001.jpg and so on, 10 a second"
        raise DatasetError(f"{folder}: holds {len(order)} frames of the {count} that its sound needs; {names}")
    if order != list(range(order[0], order[0] + len(order))):
        gap = next(number for number in range(order[0], order[-1]) if number not in numbered)
        raise DatasetError(f"{folder}: frame {gap} is missing; extract the frames again")
    frames = []
    for number in order[:count]:
        require_content(numbered[number])
        with Image.open(numbered[number]) as image:
            frames.append(encode_jpeg(np.asarray(image.convert("RGB"), dtype=np.uint8)))
    return frames


def fairplay_folds(folders: list[Path]) -> tuple[Folds, list[Unused]]:
    """Read FAIR-Play's folds: `ten-split1` ... from HDF5 files, `five-split1` ... from text lists.

    Args:
        folders: each holds `<fold>/{train,val,test}.h5` or `.txt`.

    Returns:
        The folds by name, with all their numbers, and the files that could not be used.
    """
    folds: Folds = {}
    unused: list[Unused] = []
    for path in sorted({file.parent for folder in folders for file in folder.glob("*/train.*")}):
        for suffix, series in ((".h5", "ten"), (".txt", "five")):
            files = {split: path / f"{split}{suffix}" for split in SPLITS}
            if not files["train"].exists():
                continue
            try:
                splits = {split: numbers_in(file) for split, file in files.items()}
                numbers = [number for split in splits.values() for number in split]
                if len(set(numbers)) < len(numbers):
                    raise DatasetError(f"{path}: one clip is in two splits; get the files again")
                folds[f"{series}-{path.name}"] = splits
            except (OSError, DatasetError) as error:
                unused.append(Unused(f"{series}-{path.name}", 0, "fold", str(error)))
    return folds, unused


def numbers_in(path: Path) -> list[str]:
    """Read the clip numbers, of six digits, of a split of a fold, in the order of the file.

    That is a `.txt` with a name such as `000383.mp3` a line, or the authors' `.h5` with a data set `audio` of paths.

    Raises:
        DatasetError: the file is a Git LFS pointer, cannot be read, holds no numbers, or one of them twice.
    """
    require_content(path)
    names = path.read_text().split() if path.suffix == ".txt" else _paths_in(path)
    found = [re.search(r"(\d{6})\.\w+$", name) for name in names]
    if not names or None in found:
        odd = next((name for name, match in zip(names, found, strict=True) if match is None), "nothing")
        raise DatasetError(f"{path}: expected names such as 000383.mp3, found {odd}; get the file again")
    numbers = [match[1] for match in found if match]
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise DatasetError(f"{path}: names {twice} more than once; get the file again")
    return numbers


def require_content(path: Path) -> None:
    """Raise DatasetError if a file is the pointer that Git leaves where Git LFS has not fetched the file."""
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise DatasetError(f"{path}: is a Git LFS pointer, not the file itself; fetch it with git lfs pull")


def _paths_in(path: Path) -> list[str]:
    try:
        import h5py  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise DatasetError(f"{path}: reading HDF5 needs h5py; pip install 'ccstereo[data]'") from error
    try:
        with h5py.File(path, "r") as file:
            return [name.decode() if isinstance(name, bytes) else str(name) for name in file["audio"][:]]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not an HDF5 file with a data set 'audio' ({error}); get it again") from error


def only_present(folds: Folds) -> Callable[[list[ClipRow]], Folds]:
    """Keep folds that name at least one clip of the table; numbers that are not there stay in their lists."""

    def present(rows: list[ClipRow]) -> Folds:
        ids = {row.id for row in rows}
        return {name: splits for name, splits in folds.items() if any(ids & set(s) for s in splits.values())}

    return present


def _inside(raw: Path, names: tuple[str, ...], pattern: str) -> list[Path]:
    """What is in folders of these names in `raw`, or one folder further in, as archives unpack."""
    if not raw.is_dir():
        raise DatasetError(f"{raw}: no such folder; give FAIR-Play's folder, or use --download")
    folders = [folder for name in names for folder in (raw / name, *raw.glob(f"*/{name}")) if folder.is_dir()]
    return sorted(path for folder in folders[:1] for path in folder.glob(pattern))
