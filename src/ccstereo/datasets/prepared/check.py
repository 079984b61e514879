"""Checking a prepared set, or shards of one: every file, checksum, table and fold."""

import hashlib
from collections.abc import Callable

from ccstereo.datasets.prepared.format import CHANNELS, INDEX_END, SAMPLE_RATE, SPLITS, ClipRow, frame_count
from ccstereo.datasets.prepared.reader import SUFFIXES, Kind, PreparedSet
from ccstereo.errors import DatasetError


def check_set(prepared: PreparedSet, progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Read a whole set and list what is wrong with it, a line each; an empty list means that it is as it was written.

    Args:
        prepared: the set.
        progress: called with clips checked and their number.
    """
    faults = []
    rows = list(prepared.clips.values())
    if [row.id for row in rows] != sorted({row.id for row in rows}):
        faults.append("clips.jsonl: is not sorted by id; prepare the set again")
    for number, row in enumerate(rows):
        faults += check_row(row, prepared.info.sound) or _check_files(prepared, row)
        if progress:
            progress(number + 1, len(rows))
    for kind, suffix in SUFFIXES.items():
        for path in sorted((prepared.folder / kind).glob("*")):
            if path.suffix != suffix or path.stem not in prepared.clips:
                faults.append(f"{kind}/{path.name}: belongs to no clip; remove it")
    for fold in prepared.folds():
        faults += _check_fold(prepared, fold)
    return faults


def check_row(row: ClipRow, sound: str) -> list[str]:
    """List what in a row of the table contradicts itself, or the set's kind of sound."""
    samples = round(row.duration * SAMPLE_RATE)  # seconds times a rate need not be whole in floating point
    if row.samples < 1 or row.frames != frame_count(row.samples) or samples != row.samples:
        found = f"{row.samples} samples, {row.frames} frames and {row.duration} s"
        return [f"clips.jsonl: {row.id}: {found} do not agree; prepare the set again"]
    if len(row.rms) != CHANNELS[sound]:
        return [f"clips.jsonl: {row.id}: {len(row.rms)} channels in a set of {sound} sound; prepare the set again"]
    return []


def _check_files(prepared: PreparedSet, row: ClipRow) -> list[str]:
    faults = []
    checksums: dict[Kind, str] = {"sound": row.sound_sha256, "frames": row.frames_sha256}
    for kind, wanted in checksums.items():
        name = prepared.where(row.id, kind)
        try:
            data = prepared.read(row.id, kind)
        except DatasetError as error:
            faults.append(str(error))
            continue
        whole = len(data) == row.sound_bytes if kind == "sound" else data.endswith(INDEX_END)
        if not whole:
            faults.append(f"{name}: is cut off or has another length; {prepared.mend}")
        elif hashlib.sha256(data).hexdigest() != wanted:
            faults.append(f"{name}: has another checksum than when it was written; {prepared.mend}")
    return faults


def _check_fold(prepared: PreparedSet, fold: str) -> list[str]:
    """No id twice in a fold, at least one clip that is there, and no source in two splits, if there are several."""
    faults = []
    named: set[str] = set()
    homes: dict[str, str] = {}
    several = len({row.source for row in prepared.clips.values()}) > 1
    for split in SPLITS:
        name = f"splits/{fold}/{split}.txt"
        try:
            ids = prepared.listed(fold, split)
        except DatasetError:
            faults.append(f"{name}: is missing; prepare the set again")
            continue
        for clip in ids:
            if clip in named:
                faults.append(f"{name}: {clip} is named twice or in two splits")
            named.add(clip)
            if several and clip in prepared.clips and homes.setdefault(prepared.clips[clip].source, split) != split:
                faults.append(f"{name}: {clip} is of a source that another split holds, too")
    if not named & prepared.clips.keys():
        faults.append(f"splits/{fold}: names no clip of the set")
    return faults
