"""Folds by source: clips of one recording never lie in two splits, unless there is no other recording."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from ccstereo.datasets.prepared.format import SPLITS, ClipRow
from ccstereo.errors import DatasetError

_POINTER = b"version https://git-lfs.github.com/spec/"


def split_by_source(rows: Sequence[ClipRow], seed: int = 0) -> dict[str, list[str]]:
    """Divide clips 80-10-10 into train, val and test, by their source.

    Sources are ordered by a hash of their key, so that the fold is the same on every machine and hardly changes when
    sources are added. Of three sources or more every split gets one; two are train and val. The clips of a single
    source are divided by time, the last ones for test, the ones before for val: two clips are train and val, one is
    train.

    Args:
        rows: of the table.
        seed: of another fold.
    """
    clips: dict[str, list[str]] = {}
    for row in rows:
        clips.setdefault(row.source, []).append(row.id)
    if len(clips) == 1:
        return _by_time(sorted(rows, key=lambda row: row.start))
    order = sorted(clips, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())
    tenth = max(1, round(len(order) / 10))
    val = order[:tenth] if len(order) > 1 else []
    test = order[tenth : 2 * tenth] if len(order) > 2 else []
    train = order[len(val) + len(test) :]
    chosen = dict(zip(SPLITS, (train, val, test), strict=True))
    return {split: sorted(clip for key in keys for clip in clips[key]) for split, keys in chosen.items()}


def _by_time(rows: Sequence[ClipRow]) -> dict[str, list[str]]:
    names = [row.id for row in rows]
    tenth = max(1, round(len(names) / 10))
    test = tenth if len(names) > 2 else 0
    val = tenth if len(names) > 1 else 0
    kept = len(names) - val - test
    return {"train": names[:kept], "val": names[kept : kept + val], "test": names[kept + val :]}


def numbers_in(path: Path) -> list[str]:
    """Read the clip numbers of a split of a FAIR-Play fold: a text list, or an HDF5 file of the authors' paths.

    Args:
        path: `.txt` with a name such as `000383.mp3` a line, or `.h5` with a data set `audio` of paths.

    Returns:
        Numbers of six digits, in the order of the file.

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
