"""Checking a prepared set: every file, checksum, table and split."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from ccstereo.datasets.prepared.format import INDEX_END, SAMPLE_RATE, SPLITS, WAV_HEADER, ClipRow, frame_count
from ccstereo.datasets.prepared.reader import PreparedSet


def check_set(folder: str | Path, progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Read a whole set and list what is wrong with it, a line each; an empty list means that it is as it was written.

    Args:
        folder: of the set.
        progress: called with clips checked and their number.

    Raises:
        DatasetError: the folder holds no prepared set, or one whose tables cannot be read.
    """
    prepared = PreparedSet(folder)
    faults = []
    rows = list(prepared.clips.values())
    if [row.id for row in rows] != sorted({row.id for row in rows}):
        faults.append("clips.jsonl: is not sorted by id; prepare the set again")
    for number, row in enumerate(rows):
        faults += _check_clip(prepared, row)
        if progress:
            progress(number + 1, len(rows))
    for kind, suffix in (("sound", ".wav"), ("frames", ".mjpeg")):
        for path in sorted((prepared.folder / kind).glob("*")):
            if path.suffix != suffix or path.stem not in prepared.clips:
                faults.append(f"{kind}/{path.name}: belongs to no clip; remove it")
    for split in prepared.folds():
        faults += _check_split(prepared, split)
    return faults


def _check_clip(prepared: PreparedSet, row: ClipRow) -> list[str]:
    if row.samples < 1 or row.frames != frame_count(row.samples) or row.duration * SAMPLE_RATE != row.samples:
        return [
            f"clips.jsonl: {row.id}: {row.samples} samples, {row.frames} pictures and {row.duration} s do not agree"
        ]
    faults = []
    for path, wanted in (
        (prepared.sound_path(row.id), row.sound_sha256),
        (prepared.frames_path(row.id), row.frames_sha256),
    ):
        name = path.relative_to(prepared.folder)
        try:
            data = path.read_bytes()
        except OSError as error:
            faults.append(f"{name}: cannot be read ({error.strerror}); prepare the set again")
            continue
        size = len(data) if path.suffix == ".mjpeg" else WAV_HEADER + 4 * row.samples
        if len(data) != size or (path.suffix == ".mjpeg" and not data.endswith(INDEX_END)):
            faults.append(f"{name}: is cut off or has another length; remove it and prepare the set again")
        elif hashlib.sha256(data).hexdigest() != wanted:
            faults.append(f"{name}: has another checksum than when it was written; remove it and prepare the set again")
    return faults


def _check_split(prepared: PreparedSet, split: str) -> list[str]:
    """No id twice in a split, at least one clip that is there, and no source in two parts, if there are several."""
    faults = []
    seen: set[str] = set()
    homes: dict[str, str] = {}
    several = len({row.source for row in prepared.clips.values()}) > 1
    for part in SPLITS:
        path = prepared.folder / "splits" / split / f"{part}.txt"
        if not path.is_file():
            faults.append(f"splits/{split}/{part}.txt: is missing; prepare the set again")
            continue
        for name in path.read_text().split():
            if name in seen:
                faults.append(f"splits/{split}/{part}.txt: {name} is there twice or in two parts")
            seen.add(name)
            if several and name in prepared.clips and homes.setdefault(prepared.clips[name].source, part) != part:
                faults.append(f"splits/{split}/{part}.txt: {name} is of a source that another part holds, too")
    if not seen & prepared.clips.keys():
        faults.append(f"splits/{split}: names no clip of the set")
    return faults
