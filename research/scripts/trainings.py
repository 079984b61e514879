"""What scripts that train several rows with several seeds share: trainings done once, means over seeds, tables."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ccstereo import evaluation


@dataclass(frozen=True)
class Table:
    """A score as its table prints it.

    Attributes:
        title: above the table.
        score: of a row, by name.
        digits: behind the point.
        factor: by which values are multiplied.
    """

    title: str
    score: str
    digits: int
    factor: float = 1.0

    def markdown(self, rows: Sequence[evaluation.RowScore], more: str = "") -> str:
        """The title, with what it is `more`, and a line a system."""
        cells = evaluation.overview(rows, self.score, digits=self.digits, factor=self.factor)
        return f"## {self.title}{more}\n\n{cells}"


DISTANCE = Table("STFT distance over mono's", "stft_to_mono", 3)
SIDES = (Table("Louder ear right, %", "louder_ear", 1, 100.0), Table("Own side right, %", "own_side", 1, 100.0))


def train_once(record: Path, wanted: Mapping[str, Any], train: Callable[[], int]) -> int:
    """Train unless it is done; 0, or the status of what failed.

    Args:
        record: file in the training's folder that keeps `wanted`.
        wanted: JSON values; a training of others is refused.
        train: does it, and gives its exit status.
    """
    folder = record.parent
    if record.exists() and json.loads(record.read_text()) != wanted:
        print(f"{folder}: trained with other options; remove it, or choose another --output", file=sys.stderr)
        return 1
    if (folder / "weights" / "model.safetensors").exists():
        print(f"{folder}: done", flush=True)
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(wanted))
    return train()


def mean_over_seeds(run: evaluation.Run, seeds: Mapping[str, Sequence[str]]) -> evaluation.Run:
    """Replace systems that differ in their training's seed alone by the mean of every item's scores.

    Args:
        run: with all systems.
        seeds: names of the systems of each mean, by the name that it gets. Other systems stay. Intervals over items of
            these means do not hold what another seed would change.
    """
    gone = {name for names in seeds.values() for name in names}
    means = {
        mean: {column: np.mean([run.scores[name][column] for name in names], axis=0) for column in run.scores[names[0]]}
        for mean, names in seeds.items()
    }
    return replace(run, scores={**means, **{name: v for name, v in run.scores.items() if name not in gone}})
