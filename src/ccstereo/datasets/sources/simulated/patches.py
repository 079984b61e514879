"""What is pasted into the picture: a photo, or the pictures of a video crop at 10 a second."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ccstereo.datasets.prepared.cutting import VIDEO_SUFFIXES
from ccstereo.datasets.prepared.format import FRAME_RATE
from ccstereo.errors import DatasetError
from ccstereo.media import probe, read_frames
from ccstereo.scenes.material import LARGEST_SIDE, PICTURE_SUFFIXES, with_alpha_if_any

LONGEST = 60.0  # seconds of a video that are used, from its beginning: what comes later would have to be decoded to


PATCH_SIZE = (2 * LARGEST_SIDE, LARGEST_SIDE)  # (width, height) that a patch of a frame can need


def read_photo(path: Path, largest: tuple[int, int] = PATCH_SIZE) -> Image.Image:
    """Read a picture upright, RGB or, where it is transparent in places, RGBA; no larger than (width, height).

    Raises:
        OSError, ValueError, Image.DecompressionBombError: it is no picture, cut off or absurdly large.
    """
    with Image.open(path) as image:
        image.draft("RGB", (2 * max(largest), 2 * max(largest)))  # a JPEG need not be decoded at full size
        picture = with_alpha_if_any(ImageOps.exif_transpose(image))
    picture.thumbnail(largest, Image.Resampling.LANCZOS)
    return picture


def read_patch(path: Path, count: int, fps: float = FRAME_RATE, begin: float = 0.0) -> tuple[list[Image.Image], float]:
    """Read what a source shows during a clip.

    A video that is shorter than the clip is played forwards and backwards in turn, so that nothing jumps.

    Args:
        path: a picture; a video; or a folder of pictures, 10 a second, in the order of the numbers in their names.
        count: pictures of the clip, 10 a second.
        fps: pictures a second at which a video is read, at most 10; each stands until the next.
        begin: from where of a longer video, 0 (its start) to 1 (as late as it lasts to the end of the clip).

    Returns:
        One picture, or `count` of them, all of one size; and the seconds at which they begin in the video.

    Raises:
        DatasetError, MediaError, OSError: the file cannot be read.
    """
    if not is_video(path):
        return [read_photo(path)], 0.0
    shown = (np.arange(count) / FRAME_RATE * fps + 1e-9).astype(int)  # which picture of the video, read at `fps`
    held = min(_length(path, fps), round(LONGEST * fps))
    first = round(begin * max(0, held - int(shown[-1]) - 1))
    # 0 1 2 3 2 1 0 1 ...: a triangle wave over the pictures there are
    turn = max(1, 2 * held - 2)
    index = (first + shown) % turn
    index = np.minimum(index, turn - index) if held > 1 else index * 0
    pictures = dict(zip(np.unique(index).tolist(), _read(path, np.unique(index).tolist(), fps), strict=True))
    return [pictures[i] for i in index.tolist()], first / fps


def check_patch(path: Path) -> None:
    """Read all of a file that `read_patch` may ever read.

    Raises:
        As `read_patch` does.
    """
    if not is_video(path):
        read_photo(path)
        return
    for _ in _read(path, list(range(min(_length(path, FRAME_RATE), round(LONGEST * FRAME_RATE)))), FRAME_RATE):
        pass


def is_video(path: Path) -> bool:
    """Whether a patch moves: a video, or a folder of pictures."""
    return path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES


def _length(path: Path, fps: float) -> int:
    """Pictures that a video gives at `fps` a second, at least one."""
    seconds = len(_numbered(path)) / FRAME_RATE if path.is_dir() else probe(path, require_video=True).duration
    return max(1, int(seconds * fps + 1e-6))


def _read(path: Path, wanted: list[int], fps: float) -> Iterator[Image.Image]:
    """Pictures of a video at the rising positions `wanted`, at `fps` a second, all of one size."""
    if path.is_dir():
        files = _numbered(path)
        first = read_photo(files[0])
        for index in wanted:
            picture = read_photo(files[min(int(index / fps * FRAME_RATE + 1e-9), len(files) - 1)])
            yield picture.convert(first.mode).resize(first.size)
        return
    video = probe(path, require_video=True).video
    assert video is not None  # as required
    scale = min(1.0, PATCH_SIZE[0] / video.width, PATCH_SIZE[1] / video.height)
    size = (max(1, round(video.height * scale)), max(1, round(video.width * scale)))
    kept = set(wanted)
    for index, frame in enumerate(read_frames(path, wanted[-1] + 1, frame_rate=fps, frame_size=size, threads=1)):
        if index in kept:
            yield Image.fromarray(frame)


def _numbered(folder: Path) -> list[Path]:
    """Pictures of a folder, 2.jpg before 10.jpg."""
    files = [p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith(".")]
    if not files:
        raise DatasetError(f"{folder}: holds no picture")
    return sorted(files, key=lambda p: ([int(number) for number in re.findall(r"\d+", p.stem)], p.name))
