"""Any folder of videos with stereo sound."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ccstereo.datasets.cutting import VIDEO_SUFFIXES, cut_video
from ccstereo.datasets.layout import SAMPLE_RATE, Clip, ClipRow, SetInfo, safe_key
from ccstereo.datasets.prepare import Rejected, Source, Splits, Worker
from ccstereo.datasets.splits import split_by_source
from ccstereo.datasets.stereo_kind import ORDINARY, balance, delayed_share, file_balance
from ccstereo.errors import DatasetError


def folder_set(folder: str | Path, seconds: int = 10) -> tuple[list[Source], Worker, SetInfo]:
    """Return what `prepare` takes to prepare all videos in and under a folder.

    Raises:
        DatasetError: there is no such folder, or no video in it.
    """
    folder = Path(folder)
    videos = find_videos(folder)
    if not videos:
        raise DatasetError(f"{folder}: holds no video; expected files such as .mp4, .mkv or .webm")
    sources = [Source(safe_key(path.relative_to(folder).with_suffix("").as_posix()), (path,)) for path in videos]
    info = SetInfo("folder", {"seconds": seconds}, {"licence": "that of the videos"})
    return sources, partial(folder_clips, seconds=seconds), info


def find_videos(folder: Path) -> list[Path]:
    """Video files in and under a folder, by their suffix, sorted; hidden ones are left out.

    Raises:
        DatasetError: there is no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give the folder that holds the videos")
    files = (p for p in folder.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
    return sorted(p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def folder_clips(source: Source, seconds: int = 10) -> Iterator[Clip | Rejected]:
    """Cut one video with true stereo sound into clips; each is tagged with its share of delayed sound.

    Raises:
        DatasetError: its sound is not true stereo.
        MediaError: it cannot be read, or its sound has not two channels.
    """
    (path,) = source.paths
    fault = file_balance(path).fault
    if fault:
        raise DatasetError(f"{path}: {fault}")
    for clip in cut_video(path, source.key, seconds):
        fault = balance([clip.sound.T], SAMPLE_RATE).fault
        if fault:
            yield Rejected(
                f"{clip.start:g} s to {clip.start + clip.sound.shape[1] / SAMPLE_RATE:g} s", f"{fault} there"
            )
        else:
            clip.tags["delayed"] = round(delayed_share(clip.sound, SAMPLE_RATE), 3)
            yield clip


def folder_splits(rows: list[ClipRow]) -> Splits:
    """One split, "default", by file."""
    return {"default": split_by_source(rows)}


def ordinary_sources(rows: list[ClipRow]) -> list[str]:
    """Keys of sources that sound like ordinary stereo: less than a tenth of their sound is delayed between the ears."""
    sums: dict[str, tuple[float, float]] = {}
    for row in rows:
        if "delayed" in row.tags:
            share, duration = sums.get(row.source, (0.0, 0.0))
            sums[row.source] = (share + row.tags["delayed"] * row.duration, duration + row.duration)
    return [key for key, (share, duration) in sums.items() if share < ORDINARY * duration]
