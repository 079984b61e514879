"""Systems side by side: one score of all of them, row by row, and what each gains on the one before."""

from collections.abc import Mapping, Sequence

import numpy as np

from ccstereo.benchmark.report import Estimate, RowScore, cell, estimate
from ccstereo.benchmark.run import Scores
from ccstereo.benchmark.scores import NAMES, SceneScore
from ccstereo.benchmark.storage import Benchmark


def mean_over_seeds(runs: Sequence[Scores]) -> Scores:
    """Mean of every scene's scores over trainings that differ in their seed alone.

    Args:
        runs: scores of the same scenes, one or more.

    Returns:
        Scores by scene. Intervals over scenes of these means do not hold what another seed would change.
    """
    return {
        scene: SceneScore(**{name: float(np.mean([getattr(run[scene], name) for run in runs])) for name in NAMES})
        for scene in runs[0]
    }


def overview(rows: Sequence[RowScore], score: str, *, digits: int = 3, factor: float = 1.0) -> str:
    """One score as a Markdown table: a line a system, a column a row of the benchmark, 95 % intervals.

    Args:
        rows: of `summarise`.
        score: attribute of `RowScore`; rows in which it has no meaning are left out.
        digits: behind the point.
        factor: of all values, 100 for per cent.
    """
    found = {(row.system, row.row): getattr(row, score) for row in rows}
    return _table(found, digits, factor)


def gains(
    benchmark: Benchmark, systems: Mapping[str, Scores], pairs: Sequence[tuple[str, str]], *, digits: int = 3
) -> str:
    """What changes from one system to another on the same scenes, as a Markdown table with 95 % intervals.

    Args:
        benchmark: scored on.
        systems: scores by system's name.
        pairs: names, the one before and the one after.
        digits: behind the point.

    Returns:
        Mean STFT distance after minus before, over mono's: below zero is a gain. Scenes are resampled in pairs.
    """
    found: dict[tuple[str, str], Estimate | None] = {}
    for before, after in pairs:
        for row in benchmark.rows:
            ids = [scene.id for scene in benchmark.scenes if scene.row == row and scene.id in systems[before]]
            old, new = (np.array([systems[name][scene].stft for scene in ids]) for name in (before, after))
            mono = np.array([systems[before][scene].stft_mono for scene in ids])
            found[f"{before} → {after}", row] = estimate(
                lambda change, mono: change.mean(-1) / mono.mean(-1), new - old, mono
            )
    return _table(found, digits, 1.0)


def _table(found: Mapping[tuple[str, str], Estimate | None], digits: int, factor: float) -> str:
    lines = list(dict.fromkeys(line for line, _ in found))
    columns = [c for c in dict.fromkeys(c for _, c in found) if any(found.get((line, c)) for line in lines)]
    cells = [[line, *(cell(found.get((line, column)), digits, factor) for column in columns)] for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in [["system", *columns], ["---"] * (len(columns) + 1), *cells])
