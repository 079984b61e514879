"""What is pasted into a frame: a photo, or the frames of a video crop at 10 a second."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ccstereo.datasets.prepared.format import FRAME_RATE
from ccstereo.errors import DatasetError
from ccstereo.media import probe, read_frames
from ccstereo.media.names import VIDEO_SUFFIXES
from ccstereo.scenes.material import LARGEST_PHOTO, PHOTO_SUFFIXES, read_photo

LONGEST = 60.0  # seconds of a video that are used, from its beginning: what comes later would have to be decoded to


def read_patch(path: Path, count: int, fps: float = FRAME_RATE, begin: float = 0.0) -> tuple[NDArray[np.uint8], float]:
    """Read what a source shows during a clip.

    A video that is shorter than the clip runs forwards and backwards in turn, so that nothing jumps.

    Args:
        path: a photo; a video; or a folder of frames, 10 a second, in the order of the numbers in their names.
        count: frames of the clip, 10 a second.
        fps: frames a second at which a video is read, at most 10; each stands until the next.
        begin: from where of a longer video, 0 (its start) to 1 (as late as it lasts to the end of the clip).

    Returns:
        (H, W, C) of a photo, or (count, H, W, C) of a video, C 3 or, where transparent, 4; and the seconds at which
        the frames begin in the video.

    Raises:
        DatasetError, MediaError, OSError: the file cannot be read.
    """
    if not is_video(path):
        return np.asarray(read_photo(path)), 0.0
    shown = (np.arange(count) / FRAME_RATE * fps + 1e-9).astype(int)  # which frame of the video, read at `fps`
    held = min(_length(path, fps), round(LONGEST * fps))
    first = round(begin * max(0, held - int(shown[-1]) - 1))
    # 0 1 2 3 2 1 0 1 ...: a triangle wave over the frames there are
    turn = max(1, 2 * held - 2)
    index = (first + shown) % turn
    index = np.minimum(index, turn - index) if held > 1 else index * 0
    needed, place = np.unique(index, return_inverse=True)
    return np.stack(list(_read(path, needed.tolist(), fps)))[place], first / fps


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
    """Whether a patch moves: a video, or a folder of frames."""
    return path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES


def _length(path: Path, fps: float) -> int:
    """Frames that a video gives at `fps` a second, at least one."""
    seconds = len(_numbered(path)) / FRAME_RATE if path.is_dir() else probe(path, require_video=True).duration
    return max(1, int(seconds * fps + 1e-6))


def _read(path: Path, wanted: list[int], fps: float) -> Iterator[NDArray[np.uint8]]:
    """Frames of a video at the rising positions `wanted`, at `fps` a second, all of one size."""
    if path.is_dir():
        files = _numbered(path)
        first = read_photo(files[0])
        for index in wanted:
            photo = read_photo(files[min(int(index / fps * FRAME_RATE + 1e-9), len(files) - 1)])
            yield np.asarray(photo.convert(first.mode).resize(first.size))
        return
    video = probe(path, require_video=True).video
    assert video is not None  # as required
    scale = min(1.0, LARGEST_PHOTO[0] / video.width, LARGEST_PHOTO[1] / video.height)
    size = (max(1, round(video.height * scale)), max(1, round(video.width * scale)))
    kept = set(wanted)
    for index, frame in enumerate(read_frames(path, wanted[-1] + 1, frame_rate=fps, frame_size=size, threads=1)):
        if index in kept:
            yield frame


def _numbered(folder: Path) -> list[Path]:
    """Frames of a folder, 2.jpg before 10.jpg."""
    files = [p for p in folder.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES and not p.name.startswith(".")]
    if not files:
        raise DatasetError(f"{folder}: holds no photo")
    return sorted(files, key=lambda p: ([int(number) for number in re.findall(r"\d+", p.stem)], p.name))
