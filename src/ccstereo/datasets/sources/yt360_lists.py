"""The lists of the 360 degree YouTube sets: ids, official folds, projections, and the files that go with them.

They are those of spatialaudiogen (github.com/pedro-morgado/spatialaudiogen): `meta/subsets/*.lst`, and
`scraping/video_formats.txt` with the projections as they were taken to be in 2018.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from ccstereo.datasets.prepared.build import Folds, Source
from ccstereo.datasets.prepared.format import ClipRow, Unused, safe_key
from ccstereo.errors import DatasetError
from ccstereo.media import Projection
from ccstereo.media.names import VIDEO_SUFFIXES
from ccstereo.media.spherical.projection import Kind

SETS = {"rec-street": "REC-Street", "yt-all": "YT-All", "yt-clean": "YT-Clean", "yt-music": "YT-Music"}
_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_SOUND_SUFFIXES = frozenset((".m4a", ".webm", ".opus", ".ogg", ".mka", ".mp4", ".mkv", ".wav", ".flac"))
# spatialaudiogen's download.py and its preprocess.py keep video and sound in two files.
_VIDEO_NAME = re.compile(r"([A-Za-z0-9_-]{11})(?:\.video|-video)")
_SOUND_NAME = re.compile(r"([A-Za-z0-9_-]{11})(?:\.audio(?:\.f\d+)?|-ambix)")
_KINDS: tuple[Kind, ...] = get_args(Kind)


def youtube_id(path: Path) -> str:
    """The YouTube id that a file's name holds, or all of the name.

    >>> youtube_id(Path("-076WPWoCRE.webm")), youtube_id(Path("A walk [kZB3KMhqqyI].mp4"))
    ('-076WPWoCRE', 'kZB3KMhqqyI')
    """
    bracketed = re.search(r"\[([A-Za-z0-9_-]{11})\]$", path.stem)
    return bracketed[1] if bracketed else path.stem


def find_sources(raw: Path, wanted: Sequence[str]) -> tuple[list[Source], list[Unused]]:
    """Files of the wanted ids in and under a folder, and what is missing or in no list.

    A source is one file with video and sound (see `youtube_id`), or two: `<id>.video.mp4` with
    `<id>.audio.f338.webm`, as spatialaudiogen's scripts download them, or `<id>-video.mp4` with `<id>-ambix.m4a`, as
    they prepare them.
    """
    files: dict[str, list[Path]] = {}
    sounds: dict[str, Path] = {}
    for path in sorted(raw.rglob("*")):
        suffix = path.suffix.lower()
        if path.name.startswith(".") or suffix not in VIDEO_SUFFIXES | _SOUND_SUFFIXES or not path.is_file():
            continue
        if sound := _SOUND_NAME.fullmatch(path.stem):
            sounds.setdefault(sound[1], path)
        elif suffix in VIDEO_SUFFIXES:
            apart = _VIDEO_NAME.fullmatch(path.stem)
            files.setdefault(apart[1] if apart else youtube_id(path), []).append(path)
    sources, unused = [], []
    for video in wanted:
        for path in files.get(video, []):
            two = _VIDEO_NAME.fullmatch(path.stem) and video in sounds
            sources.append(Source(video, (path, sounds[video]) if two else (path,)))
        if video not in files:
            reason = f"{sounds[video].name} is there, but no video" if video in sounds else "is not in the folder"
            unused.append(Unused(video, 0, "", reason))
    for name in sorted(files.keys() - set(wanted)):
        for path in files[name]:
            unused.append(Unused(safe_key(name), path.stat().st_size, path.name, "is in none of the lists"))
    return sources, unused


def read_list(lists: str | Path, name: str, split: str = "") -> list[str]:
    """Read the ids of an official list.

    Args:
        lists: folder of the lists, or the one above.
        name: a key of `SETS`.
        split: "" for all of the set, or "train.1", "test.3" and so on.

    Raises:
        DatasetError: there is no such list, or it holds something other than ids.
    """
    folder = Path(lists)
    folder = folder / "subsets" if (folder / "subsets").is_dir() else folder
    path = folder / f"{SETS[name]}{'.' if split else ''}{split}.lst"
    try:
        found = path.read_text().split()
    except OSError as error:
        raise DatasetError(f"{path}: no such list; give the folder meta/subsets of spatialaudiogen") from error
    odd = [video for video in found if not _ID.fullmatch(video)]
    if odd or not found:
        raise DatasetError(f"{path}: expected YouTube ids, found {odd[0] if odd else 'nothing'}; get the file again")
    return list(dict.fromkeys(found))


def read_projections(path: Path) -> dict[str, Projection]:
    """Read a list of projections: lines of an id, a kind, and where the two eyes are, if there are two.

    Kinds are those of `Projection` or "ER", eyes "mono", "top-bottom" and "left-right"; spatialaudiogen's "STEREO" is
    top-bottom for ER, and left-right, turned, for EAC. Numbers, as of formats, are passed over.

    Raises:
        DatasetError: the file cannot be read, or a line is not like that.
    """
    found = {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a list of projections ({error})") from error
    for line in filter(None, map(str.strip, lines)):
        video, *words = line.split()
        words = ["equirectangular" if word.lower() == "er" else word.lower() for word in words if not word.isdigit()]
        kinds = [kind for word in words for kind in _KINDS if kind == word]
        eyes = [word for word in words if word not in _KINDS]
        if len(kinds) != 1 or eyes not in ([], ["mono"], ["stereo"], ["top-bottom"], ["left-right"]):
            raise DatasetError(f"{path}: expected lines such as '03UPyfDYf4g equal-area top-bottom', found {line!r}")
        (kind,) = kinds
        if eyes in (["left-right"], ["stereo"]) and kind == "eac":
            found[video] = Projection(kind, "left-right", turned=True)
        elif eyes == ["left-right"]:
            found[video] = Projection(kind, "left-right")
        else:
            found[video] = Projection(kind, "top-bottom" if eyes in (["top-bottom"], ["stereo"]) else "mono")
    return found


def yt360_folds(lists: str | Path, names: Sequence[str] = tuple(SETS)) -> Callable[[list[ClipRow]], Folds]:
    """Return a function that makes the official folds, "yt-music-1" and so on, from the table.

    They have no validation split. "yt-music-1-val" is the same with a tenth of those training videos that are there put
    aside for it, at least one of two.
    """
    return partial(_folds, lists=lists, names=names)


def _folds(rows: list[ClipRow], lists: str | Path, names: Sequence[str]) -> Folds:
    clips: dict[str, list[str]] = {}
    for row in rows:
        clips.setdefault(row.source, []).append(row.id)
    folds: Folds = {}
    for name in names:
        for number in (1, 2, 3):
            train, test = (read_list(lists, name, f"{split}.{number}") for split in ("train", "test"))
            ranked = sorted(clips.keys() & train, key=lambda video: hashlib.sha256(video.encode()).digest())
            aside = set(ranked[: max(len(ranked) // 10, int(len(ranked) > 1))])
            official = {"train": train, "val": [], "test": test}
            kept = [video for video in train if video not in aside]
            held = {"train": kept, "val": [video for video in train if video in aside], "test": test}
            for label, chosen in ((f"{name}-{number}", official), (f"{name}-{number}-val", held)):
                found = {split: [c for v in ids for c in clips.get(v, [])] for split, ids in chosen.items()}
                if any(found.values()):  # a set may hold videos of other lists alone
                    folds[label] = found
    return folds
