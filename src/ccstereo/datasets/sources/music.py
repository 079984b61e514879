"""MUSIC-Stereo (PseudoBinaural, CVPR 2021): the videos of MUSIC and its duets that have stereo sound."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ccstereo.datasets.prepared.build import Rejected, Source, Worker, without_copies
from ccstereo.datasets.prepared.cutting import cut_video
from ccstereo.datasets.prepared.format import SAMPLE_RATE, Clip, SetInfo, Unused, safe_key
from ccstereo.datasets.sources.folder import find_videos
from ccstereo.datasets.sources.stereo_kind import delayed_fraction
from ccstereo.errors import DatasetError

SECONDS = 10
LEAST_DIFFERENCE = 0.001  # sum of |left - right| over a clip at full scale +-1, as the paper's supplement has it


def music_set(videos: str | Path, ids: str | Path) -> tuple[list[Source], list[Unused], Worker, SetInfo]:
    """Return what `prepare` takes, the ids that were not found, and files that are in no list or copies of others.

    Args:
        videos: folder of `<id>.<suffix>`, in any folders within.
        ids: a text list, an id a line, or MUSIC's own JSON: {"videos": {class: [ids]}}.

    Raises:
        DatasetError: the folder or list cannot be read, or no id of the list has a video.
    """
    found = {path.stem: path for path in reversed(find_videos(Path(videos)))}
    wanted = read_ids(Path(ids))
    sources = [Source(safe_key(name), (found[name],)) for name in wanted if name in found]
    unused = [Unused(name, 0, "", f"{videos}: holds no video of this id") for name in wanted if name not in found]
    if not sources:
        raise DatasetError(f"{videos}: holds none of the {len(unused)} videos of {ids}; expected <id>.mp4 and the like")
    for name in sorted(found.keys() - set(wanted)):
        unused.append(Unused(safe_key(name), found[name].stat().st_size, found[name].name, f"is not in {ids}"))
    sources, copies = without_copies(sources)
    about = {"licence": "that of each video on YouTube", "source": "PseudoBinaural, CVPR 2021"}
    return sources, unused + copies, music_clips, SetInfo("music-stereo", {"seconds": SECONDS}, about)


def read_ids(path: Path) -> list[str]:
    """Ids of a text list or of MUSIC's JSON, in order.

    Raises:
        DatasetError: the file cannot be read or holds none.
    """
    try:
        text = path.read_text()
        content = json.loads(text) if path.suffix == ".json" else text.split()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as a list of ids ({error})") from error
    if isinstance(content, dict):
        classes = content.get("videos", content)
        content = [name for names in classes.values() for name in names] if isinstance(classes, dict) else []
    if not content or not all(isinstance(name, str) for name in content):
        raise DatasetError(
            f"{path}: holds no ids; expected one a line, or JSON such as {{'videos': {{'flute': [...]}}}}"
        )
    return list(content)


def music_clips(source: Source) -> Iterator[Clip | Rejected]:
    """Cut one video into whole clips of 10 s, and keep those whose channels differ.

    Raises:
        MediaError: it cannot be read, or its sound has not two channels.
    """
    (path,) = source.paths
    for clip in cut_video(path, source.key, SECONDS, least=SECONDS):
        difference = float(np.abs(clip.sound[0].astype(np.float64) - clip.sound[1]).sum())
        if difference > LEAST_DIFFERENCE:
            clip.tags["delayed"] = round(delayed_fraction(clip.sound, SAMPLE_RATE), 3)
            yield clip
        else:
            reason = f"its channels differ by {difference:.2g} in sum, not more than {LEAST_DIFFERENCE}"
            yield Rejected(f"{clip.start:g} s to {clip.start + SECONDS:g} s", reason)
