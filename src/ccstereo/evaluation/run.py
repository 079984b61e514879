"""A run on disk: a journal while it lasts, then a table of clips, a summary and a record.

RUN/journal.jsonl     settings, then a line for every clip that is scored; gone when the run is whole
RUN/clips.csv         clip, row, scores; rows are mono, prediction and oracle
RUN/summary.md        what was printed
RUN/record.json       settings, versions, summary; written last
RUN/predictions/      <clip>.wav, where asked for
"""

import csv
import json
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import DatasetError
from ccstereo.evaluation.scores import SCORES

ROWS = ("mono", "prediction", "oracle")
ClipScores: TypeAlias = dict[str, dict[str, float]]
"""Scores of one clip: row -> score -> value, NaN where undefined."""


@dataclass(frozen=True)
class Run:
    """What a run has found.

    Attributes:
        settings: on which the scores depend, JSON values.
        clips: ids, in the order of the split.
        scores: row -> score -> (clips,) values.
        seconds: that scoring took, all attempts together.
        folder: where it is.
    """

    settings: dict[str, Any]
    clips: list[str]
    scores: dict[str, dict[str, NDArray[np.float64]]]
    seconds: float
    folder: Path


class Journal:
    """Clips scored so far, on disk as soon as they are; safe to add to from several threads.

    Args:
        folder: of the run, made if need be.
        settings: of the run.

    Attributes:
        done: scores by clip, those of earlier attempts included.

    Raises:
        DatasetError: the folder holds another run, or something else, or cannot be written.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.path = folder / "journal.jsonl"
        self.done: dict[str, ClipScores] = {}
        self._before = 0.0  # seconds of earlier attempts
        if self.path.is_file():
            self._read(settings)
        elif (folder / "record.json").is_file():
            run = read_run(folder)
            check_settings(folder, run.settings, settings)
            self.done = {clip: _of_clip(run, i) for i, clip in enumerate(run.clips)}
            self._before = run.seconds
        elif folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise DatasetError(f"{folder}: exists and holds no evaluation; choose another folder")
        lines = [settings, *(_line(clip, scores, self._before) for clip, scores in self.done.items())]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, "".join(json.dumps(line) + "\n" for line in lines))  # whose last may be half a line
        except OSError as error:
            raise DatasetError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
        self._begin = time.monotonic()
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """Seconds of this attempt and those before."""
        return self._before + time.monotonic() - self._begin

    def add(self, clip: str, scores: ClipScores) -> None:
        """Append a clip."""
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_line(clip, scores, self.seconds)) + "\n")
            self.done[clip] = scores

    def _read(self, settings: dict[str, Any]) -> None:
        head, *lines = self.path.read_text(encoding="utf-8").splitlines() or [""]
        try:
            check_settings(self.path.parent, json.loads(head), settings)
        except ValueError as error:
            raise DatasetError(f"{self.path}: is damaged; remove it and evaluate again") from error
        for line in lines:
            try:
                item = json.loads(line)
            except ValueError:  # cut off when the run was killed
                break
            self.done[item["clip"]] = {
                row: {name: math.nan if value is None else value for name, value in scores.items()}
                for row, scores in item["scores"].items()
            }
            self._before = item["seconds"]


def collect(folder: Path, settings: dict[str, Any], clips: Sequence[str], journal: Journal) -> Run:
    """Put the scores of a journal in the order of the split."""
    scores = {
        row: {name: np.array([journal.done[clip][row][name] for clip in clips]) for name in SCORES} for row in ROWS
    }
    return Run(settings, list(clips), scores, journal.seconds, folder)


def read_run(folder: str | Path) -> Run:
    """Read a finished run.

    Raises:
        DatasetError: there is none, or its files are damaged.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        settings, seconds = record["settings"], float(record["seconds"])
        with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        clips = [line["clip"] for line in lines if line["row"] == ROWS[0]]
        scores = {
            row: {
                name: np.array([float(line[name] or "nan") for line in lines if line["row"] == row]) for name in SCORES
            }
            for row in ROWS
        }
        if {settings["split"]["clips"]} != {len(v) for columns in scores.values() for v in columns.values()}:
            raise ValueError("clips.csv does not hold the clips that record.json tells of")
    except FileNotFoundError as error:
        unfinished = " (one was begun here: give its command again)" if (folder / "journal.jsonl").exists() else ""
        raise DatasetError(
            f"{folder}: holds no finished evaluation{unfinished}; make one with ccstereo evaluate"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{folder}: its evaluation cannot be read ({error!r}); evaluate again") from error
    return Run(settings, clips, scores, seconds, folder)


def check_settings(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to go on with a run that was begun otherwise.

    Raises:
        DatasetError: naming the first setting that differs.
    """
    difference = first_difference(found, json.loads(json.dumps(wanted)))
    if difference:
        raise DatasetError(f"{folder}: holds a run whose {difference}; choose another folder")


def first_difference(found: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> str:
    """Name the first setting in which two differ.

    >>> first_difference({"a": {"hop": 0.1}}, {"a": {"hop": 0.2}})
    'a.hop is 0.1, not 0.2'
    """
    for key in {**found, **wanted}:
        one, other = found.get(key), wanted.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            deeper = first_difference(one, other, f"{prefix}{key}.")
            if deeper:
                return deeper
        elif one != other:
            return f"{prefix}{key} is {one}, not {other}"
    return ""


def write_whole(path: Path, text: str) -> None:
    """Write a file under a temporary name and rename it."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _of_clip(run: Run, index: int) -> ClipScores:
    return {row: {name: float(values[index]) for name, values in run.scores[row].items()} for row in ROWS}


def _line(clip: str, scores: ClipScores, seconds: float) -> dict[str, Any]:
    plain = {
        row: {name: None if math.isnan(value) else value for name, value in values.items()}
        for row, values in scores.items()
    }
    return {"clip": clip, "seconds": round(seconds, 3), "scores": plain}
