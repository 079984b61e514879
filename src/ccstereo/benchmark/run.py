"""Scoring systems on a benchmark: scenes shared out to processes, what is scored kept at once where asked for."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import nan
from pathlib import Path
from typing import Any

import torch

from ccstereo.benchmark.rendering import SceneFacts
from ccstereo.benchmark.scores import NAMES, SceneScore, score_scene
from ccstereo.benchmark.storage import Benchmark, read_ears, read_scene
from ccstereo.benchmark.systems import System
from ccstereo.errors import DatasetError
from ccstereo.evaluation.run import write_whole
from ccstereo.jobs.processes import map_items

Scores = dict[str, SceneScore]
"""Scores by scene's id."""


def score_benchmark(
    benchmark: Benchmark,
    systems: Sequence[System],
    *,
    rows: Sequence[str] | None = None,
    jobs: int = 1,
    keep: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Scores]:
    """Score systems on every scene; every scene's checksum is checked as it is read.

    Args:
        benchmark: what to score on.
        systems: what to score.
        rows: some of the benchmark's; all by default.
        jobs: processes, each with one thread of torch: scores depend on their number by rounding at most.
        keep: folder in which every system's scores are kept as they come, and found again by a later run with the
            same benchmark and the same weights, run in the same way.
        progress: called with scores done and their number.

    Returns:
        A system's scores by scene, in the benchmark's order.

    Raises:
        DatasetError: a scene is not what was made, or the folder cannot be written.
        WeightsError: weights cannot be read.
    """
    scenes = [scene for scene in benchmark.scenes if rows is None or scene.row in rows]
    journals = [_Journal(keep, benchmark, system) for system in systems]
    items = [
        (number, scene) for number, journal in enumerate(journals) for scene in scenes if scene.id not in journal.scores
    ]
    total = len(scenes) * len(systems)
    task = _Task(benchmark.folder, benchmark.sample_rate, tuple(systems))
    for number, ((system, scene), score) in enumerate(map_items(task, items, jobs)):
        if score is None:
            raise DatasetError(f"{benchmark.folder}: a process died scoring {scene.id}; give the command again")
        journals[system].add(scene.id, score)
        if progress is not None:
            progress(total - len(items) + number + 1, total)
    return [{scene.id: journal.scores[scene.id] for scene in scenes} for journal in journals]


@dataclass(frozen=True)
class _Task:
    folder: Path
    sample_rate: int
    systems: tuple[System, ...]

    def __call__(self, item: tuple[int, SceneFacts]) -> SceneScore:
        system, facts = item
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                sound, frames = read_scene(self.folder, facts)
                sources = torch.from_numpy(sound)
                predicted = self.systems[system].predict(sources.sum(0), frames, self.sample_rate)
                responses, azimuths = (torch.from_numpy(array).float() for array in read_ears(self.folder))
                return score_scene(predicted, sources, facts, self.sample_rate, (responses, azimuths))
        finally:
            torch.set_num_threads(threads)


class _Journal:
    """A system's scores, a line a scene; in memory alone without a folder."""

    def __init__(self, folder: str | Path | None, benchmark: Benchmark, system: System) -> None:
        self.scores: Scores = {}
        self.path: Path | None = None
        if folder is None:
            return
        identity = {"benchmark": benchmark.sha256, **system.identity()}
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
        plain = re.sub(r"[^\w.-]+", "-", system.name).strip("-.")[-60:]
        self.path = Path(folder) / f"{plain}-{key}.jsonl"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_file():
                self.scores = _read(self.path)
            else:
                _append(self.path, identity)
        except OSError as error:
            raise DatasetError(f"{folder}: scores cannot be kept there ({error})") from error

    def add(self, scene: str, score: SceneScore) -> None:
        self.scores[scene] = score
        if self.path is not None:
            values = {name: None if value != value else value for name, value in asdict(score).items()}
            _append(self.path, {"scene": scene, **values})


def _append(path: Path, values: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")


def _read(path: Path) -> Scores:
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:  # cut off when the run was killed: the next line must not join what is left
        write_whole(path, whole)
    found = {}
    for line in whole.splitlines()[1:]:
        values = json.loads(line)
        score = {name: nan if values[name] is None else values[name] for name in NAMES}
        found[values["scene"]] = SceneScore(**score)
    return found
