"""Scoring systems on the items of a set: in processes, every score kept as it comes, resumed where it was stopped."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from ccstereo.errors import DatasetError
from ccstereo.evaluation.scores import PLAIN, SCORES, Score, Scoring, columns, score_item
from ccstereo.evaluation.sets import Ears, EvaluationSet, Item
from ccstereo.evaluation.systems import System
from ccstereo.files import atomic_path
from ccstereo.jobs import map_items
from ccstereo.journal import Journal, read_journal
from ccstereo.plugins import load_plugins

JOURNAL = "journal.jsonl"
Progress = Callable[[int, int], None]
Values = dict[str, float]
"""Scores of an item by column, NaN where undefined."""


@dataclass(frozen=True)
class Run:
    """What has been scored.

    Attributes:
        items: row of every item by id, in the order of tables.
        scores: system -> column -> (items,) values, NaN where the truth leaves a score undefined.
        settings: JSON values on which all of it depends.
        seconds: of work, that of all processes and attempts together.
    """

    items: dict[str, str]
    scores: dict[str, dict[str, NDArray[np.float64]]]
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rows(self) -> list[str]:
        """Rows in the order of tables."""
        return list(dict.fromkeys(self.items.values()))

    def column(self, system: str, name: str, row: str | None = None) -> NDArray[np.float64]:
        """Scores of a system, of one row or of all items."""
        values = self.scores[system][name]
        return values if row is None else values[np.array([each == row for each in self.items.values()])]


def score(
    systems: Mapping[str, System],
    items: EvaluationSet,
    *,
    names: Iterable[str] | None = None,
    scoring: Scoring = PLAIN,
    ears: Ears | None = None,
    jobs: int | None = 1,
    engine: str = "processes",
    keep: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    save: tuple[str, Path] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Score systems on all items of a set.

    Args:
        systems: by the names under which their scores are to be found.
        items: a set.
        names: of the scores; those of the set by default. See `ccstereo.evaluation.scores.register_score`.
        scoring: peculiarities of the scores.
        ears: how ambisonics are rendered before they are scored; projection through a spherical head by default.
        jobs: processes, each with one thread of torch: scores depend on their number by rounding at most.
        engine: see `ccstereo.jobs.map_items`.
        keep: folder with a journal, in which every score is kept as it comes, and found again by a later run of the
            same systems on the same set.
        settings: JSON values that a run resumed there must share, besides those of the set and the scores.
        save: name of a system and a folder, into which its predictions are written as <id>.wav.
        progress: called with scores done and their number.

    Raises:
        DatasetError: an item or a prediction cannot be read or is not finite, the folder holds another run or cannot
            be written, or a process died.
        WeightsError: weights cannot be read.
        ValueError: there is no such score.
    """
    chosen = tuple(items.scores if names is None else names)
    if unknown := [name for name in chosen if name not in SCORES]:
        raise ValueError(f"no score {unknown[0]!r}; scores are {', '.join(SCORES)}")
    ears = ears or Ears()
    keys = {name: _key(name, system) for name, system in systems.items()}
    whole = {**settings_of(items, chosen, scoring, ears), **(settings or {})}
    try:
        journal = None if keep is None else Journal(Path(keep) / JOURNAL, whole)
    except OSError as error:
        raise DatasetError(f"{keep}: cannot be written ({error.strerror or error}); choose another folder") from error
    done, seconds = _done(journal.items if journal else [], columns(chosen))
    waiting: list[tuple[str, tuple[str, ...]]] = []
    for item in items.items:
        left = [name for name in systems if (keys[name], item) not in done or _unsaved(save, name, item)]
        if left:
            waiting.append((item, tuple(left)))
    total = len(items.items) * len(systems)
    ready = total - sum(len(left) for _, left in waiting)
    if progress is not None:
        progress(ready, total)
    registered = {name: SCORES[name] for name in chosen}
    task = _Task(dict(systems), items, registered, scoring, ears, save)
    gpu = any(str(getattr(system, "device", "cpu")).startswith("cuda") for system in systems.values())
    for (item, work), found in map_items(task, waiting, jobs, engine, gpu=gpu):
        if found is None:
            raise DatasetError(f"a process died scoring {item}; give the command again")
        scores, spent = found
        for name in work:
            if journal is not None and (keys[name], item) not in done:
                plain = {column: None if math.isnan(value) else value for column, value in scores[name].items()}
                seconds_each = round(spent / len(work), 4)
                journal.append({"system": keys[name], "item": item, "seconds": seconds_each, "scores": plain})
            done[keys[name], item] = scores[name]
        seconds += spent
        ready += len(work)
        if progress is not None:
            progress(ready, total)
    values = {
        name: {column: np.array([done[keys[name], item][column] for item in items.items]) for column in columns(chosen)}
        for name in systems
    }
    return Run(dict(items.items), values, journal.settings if journal else whole, seconds)


def settings_of(
    items: EvaluationSet, names: Iterable[str], scoring: Scoring, ears: Ears | None = None
) -> dict[str, Any]:
    """JSON values in which runs must agree that are compared."""
    return {
        **items.identity(),
        "scores": {**asdict(scoring), "names": list(names)},
        "ears": (ears or Ears()).identity(),
    }


def read_scores(path: Path, items: Mapping[str, str], systems: Iterable[str]) -> Run:
    """Read what a journal of `score` holds of some systems, by the names under which their scores were kept.

    All items, given as id -> row, must be there.

    Raises:
        DatasetError: the journal is damaged.
        KeyError: a score is missing.
    """
    settings, lines = read_journal(path)
    names = columns(settings["scores"]["names"])
    done, seconds = _done(lines, names)
    by_name = {key.rpartition("#")[0]: key for key, _ in done}
    scores = {
        name: {column: np.array([done[by_name[name], item][column] for item in items]) for column in names}
        for name in systems
    }
    return Run(dict(items), scores, settings, seconds)


@dataclass(frozen=True)
class _Task:
    """Scores an item: some systems, named in the work."""

    systems: dict[str, System]
    items: EvaluationSet
    scores: dict[str, Score]
    scoring: Scoring
    ears: Ears
    save: tuple[str, Path] | None

    def __call__(self, work: tuple[str, tuple[str, ...]]) -> tuple[dict[str, Values], float]:
        load_plugins()  # one's own models, which a new process does not know
        SCORES.update(self.scores)  # nor one's own scores
        item, names = work
        begin, threads = time.monotonic(), torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                read = self.items.read(item, self.ears)
                pred = torch.stack([self._predict(name, read) for name in names])
                found = score_item(pred, read, self.scores, self.scoring)
        finally:
            torch.set_num_threads(threads)
        scores = {name: {column: values[i].item() for column, values in found.items()} for i, name in enumerate(names)}
        return scores, time.monotonic() - begin

    def _predict(self, name: str, item: Item) -> Tensor:
        """Both ears (2, T) of a prediction."""
        system = self.systems[name]
        sound = system.predict(item)
        if sound.shape[-1] != item.ears.shape[-1] or len(sound) not in (2, 4):
            shapes = f"{tuple(sound.shape)}, but its truth {tuple(item.sound.shape)}"
            raise DatasetError(f"the prediction of {item.id} by {system.name} is {shapes}")
        if not bool(sound.isfinite().all()):
            raise DatasetError(
                f"the prediction of {item.id} by {system.name} holds NaN or infinite samples; nothing can be scored "
                "with it"
            )
        if self.save is not None and self.save[0] == name:
            with atomic_path(self.save[1] / f"{item.id}.wav") as path:
                soundfile.write(path, sound.numpy().T, item.sample_rate, subtype="FLOAT")
        return self.ears.render(sound, item.sample_rate)


def _key(name: str, system: System) -> str:
    """Name of a system's lines in a journal."""
    identity = json.dumps(system.identity(), sort_keys=True)
    return f"{name}#{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def _done(lines: list[dict[str, Any]], names: list[str]) -> tuple[dict[tuple[str, str], Values], float]:
    """Scores by system's key and item, and the seconds that they took."""
    done = {
        (line["system"], line["item"]): {
            name: math.nan if line["scores"][name] is None else float(line["scores"][name]) for name in names
        }
        for line in lines
    }
    return done, sum(line["seconds"] for line in lines)


def _unsaved(save: tuple[str, Path] | None, name: str, item: str) -> bool:
    return save is not None and save[0] == name and not (save[1] / f"{item}.wav").is_file()
