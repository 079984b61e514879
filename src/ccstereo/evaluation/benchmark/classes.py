"""One row of a benchmark by the class of what sounds."""

from dataclasses import replace

import numpy as np

from ccstereo.errors import DatasetError
from ccstereo.evaluation.benchmark.storage import Benchmark
from ccstereo.evaluation.runs import Run


def by_class(run: Run, benchmark: Benchmark, row: str = "one") -> Run:
    """The scores of a row's scenes in which one source sounds, under its class in the place of the row.

    Raises:
        DatasetError: nothing of such a row has been scored.
    """
    labels = {}
    for scene in benchmark.scenes:
        sounding = [source.label for source in scene.sources if not source.silent]
        if scene.row == row and scene.id in run.items and len(sounding) == 1:
            labels[scene.id] = sounding[0]
    if not labels:
        raise DatasetError(f"{benchmark.folder}: no scene of row {row!r} in which one source sounds was scored")
    order = sorted(labels, key=lambda scene: (labels[scene], scene))
    places = {scene: place for place, scene in enumerate(run.items)}
    chosen = np.array([places[scene] for scene in order])
    scores = {
        system: {name: values[chosen] for name, values in columns.items()} for system, columns in run.scores.items()
    }
    return replace(run, items={scene: labels[scene] for scene in order}, scores=scores)
