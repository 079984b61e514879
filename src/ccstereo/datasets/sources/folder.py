"""Any folder of videos with stereo sound."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ccstereo.datasets.prepared.build import Rejected, Source, Worker, without_copies
from ccstereo.datasets.prepared.cutting import cut_video
from ccstereo.datasets.prepared.format import SAMPLE_RATE, Clip, ClipRow, SetInfo, Unused, safe_key
from ccstereo.datasets.sources.stereo_kind import ORDINARY, balance, delayed_fraction, file_balance
from ccstereo.datasets.sources.surround import SPEAKERS, SurroundRenderer
from ccstereo.errors import DatasetError
from ccstereo.media import probe
from ccstereo.media.names import VIDEO_SUFFIXES
from ccstereo.wording import counted


def folder_set(
    folder: str | Path, seconds: int = 10, surround: bool = False, sofa: Path | None = None
) -> tuple[list[Source], list[Unused], Worker, SetInfo]:
    """Return what `prepare` takes to prepare all videos in and under a folder, and files that are copies of others.

    Args:
        folder: of videos.
        seconds: of a clip.
        surround: render surround sound for two ears; else videos with it are skipped.
        sofa: head that it is rendered with; None is the spherical one.

    Raises:
        DatasetError: there is no such folder, no video in it, or the SOFA file cannot be read.
    """
    folder = Path(folder)
    videos = find_videos(folder)
    if not videos:
        raise DatasetError(f"{folder}: holds no video; expected files such as .mp4, .mkv or .webm")
    sources, copies = without_copies(
        Source(safe_key(path.relative_to(folder).with_suffix("").as_posix()), (path,)) for path in videos
    )
    options: dict[str, object] = {"seconds": seconds}
    if surround:
        SurroundRenderer("5.1", sofa)  # a bad SOFA file is reported at once
        options["surround"] = "spherical head" if sofa is None else sofa.stem
    info = SetInfo("folder", options, {"licence": "that of the videos"})
    return sources, copies, partial(folder_clips, seconds=seconds, surround=surround, sofa=sofa), info


def find_videos(folder: Path) -> list[Path]:
    """Video files in and under a folder, by their suffix, sorted; hidden ones are skipped.

    Raises:
        DatasetError: there is no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give the folder that holds the videos")
    files = (p for p in folder.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
    return sorted(p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def folder_clips(
    source: Source, seconds: int = 10, surround: bool = False, sofa: Path | None = None
) -> Iterator[Clip | Rejected]:
    """Cut one video with true stereo sound into clips; each is tagged with the fraction of its sound that is delayed.

    Surround sound is tagged with its layout.

    Raises:
        DatasetError: its sound is not true stereo.
        MediaError: it cannot be read, or its sound has another number of channels.
    """
    (path,) = source.paths
    audio = probe(path, require_video=True, require_audio=True).audio
    layout = audio.layout if audio and audio.layout in SPEAKERS else None
    if layout and not surround:
        channels = len(SPEAKERS[layout])
        raise DatasetError(
            f"{path}: its sound has {counted(channels, 'channel')}, not 2; --surround renders them for two ears"
        )
    fault = None if layout else file_balance(path).fault
    if fault:
        raise DatasetError(f"{path}: {fault}")
    for clip in cut_video(path, source.key, seconds, render=SurroundRenderer(layout, sofa) if layout else None):
        fault = balance([clip.sound.T], SAMPLE_RATE).fault
        if fault:
            yield Rejected(
                f"{clip.start:g} s to {clip.start + clip.sound.shape[1] / SAMPLE_RATE:g} s", f"{fault} there"
            )
        else:
            if layout:
                clip.tags["rendered"] = layout
            clip.tags["delayed"] = round(delayed_fraction(clip.sound, SAMPLE_RATE), 3)
            yield clip


def ordinary_sources(rows: list[ClipRow]) -> list[str]:
    """Keys of sources that sound like ordinary stereo: less than a tenth of their sound is delayed between the ears."""
    sums: dict[str, tuple[float, float]] = {}
    for row in rows:
        if "delayed" in row.tags:
            delayed, duration = sums.get(row.source, (0.0, 0.0))
            sums[row.source] = (delayed + row.tags["delayed"] * row.duration, duration + row.duration)
    return [key for key, (delayed, duration) in sums.items() if delayed < ORDINARY * duration]
