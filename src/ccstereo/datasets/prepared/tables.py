"""The tables of a prepared set: dataset.json, clips.jsonl, unused.jsonl, and the lists of its folds."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from ccstereo.datasets.prepared.format import FORMAT, READABLE, SPLITS, ClipRow, SetInfo, Unused
from ccstereo.errors import DatasetError
from ccstereo.files import write_atomic

Row = TypeVar("Row", ClipRow, Unused)


def read_info(folder: Path) -> SetInfo:
    """Read dataset.json.

    Raises:
        DatasetError: it is missing, damaged or of a later version.
    """
    path = folder / "dataset.json"
    if not path.is_file():
        unfinished = " (a preparation was not finished: run it again)" if (folder / "journal.jsonl").exists() else ""
        raise DatasetError(f"{folder}: is no prepared set{unfinished}; make one with ccstereo prepare")
    try:
        return info_of(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        versions = " or ".join(map(str, READABLE))
        raise DatasetError(
            f"{path}: not readable as {FORMAT} version {versions} ({error}); prepare it again"
        ) from error


def info_of(content: dict[str, Any]) -> SetInfo:
    """Make of JSON what it was.

    Raises:
        ValueError, KeyError, TypeError: it is something else, or of a later version.
    """
    if content["format"] != FORMAT or content["version"] not in READABLE:
        raise ValueError(f"{content['format']} version {content['version']}")
    return SetInfo(**content | {"frame_size": tuple(content["frame_size"])})


def write_info(folder: Path, info: SetInfo) -> None:
    """Write dataset.json: last, for it says that the set is whole."""
    write_atomic(folder / "dataset.json", json.dumps(asdict(info), indent=2, ensure_ascii=False) + "\n")


def row_of(kind: type[Row], content: dict[str, Any]) -> Row:
    """Make of a line of JSON the row it was.

    Raises:
        ValueError: it has other columns.
    """
    if set(content) != {item.name for item in fields(kind)}:
        raise ValueError(f"has columns {sorted(content)}")
    return kind(**content | ({"rms": tuple(content["rms"])} if "rms" in content else {}))


def read_lines(path: Path, kind: type[Row]) -> list[Row]:
    """Read a table.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        return [row_of(kind, json.loads(line)) for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(f"{path}: is missing or damaged ({error}); prepare the set again") from error


def write_lines(path: Path, rows: Iterable[ClipRow | Unused]) -> None:
    """Write a table, a line a row."""
    write_atomic(path, "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows))


def write_fold(folder: Path, name: str, splits: dict[str, list[str]]) -> str:
    """Write a fold and return the SHA-256 of its ids, all splits, in their order."""
    digest = hashlib.sha256()
    (folder / "splits" / name).mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        content = "".join(f"{clip}\n" for clip in splits.get(split, []))
        write_atomic(folder / "splits" / name / f"{split}.txt", content)
        digest.update(f"[{split}]\n{content}".encode())
    return digest.hexdigest()


def remove_folds(folder: Path, names: Iterable[str]) -> None:
    """Remove folds that an earlier preparation wrote; those that a user wrote are not among them."""
    for name in names:
        shutil.rmtree(folder / "splits" / name, ignore_errors=True)
