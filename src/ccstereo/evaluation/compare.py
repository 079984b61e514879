"""Systems side by side: paired differences, one score of all systems, and the choice among weights."""

from collections.abc import Mapping, Sequence

import numpy as np

from ccstereo.errors import DatasetError
from ccstereo.evaluation.benchmark.storage import Benchmark
from ccstereo.evaluation.report import RowScore, cell, markdown
from ccstereo.evaluation.runs import Run
from ccstereo.evaluation.scores import SCORES
from ccstereo.metrics.statistics import PairedComparison, paired_comparison


def comparison(run: Run, other: Run, seed: int = 0) -> dict[str, PairedComparison]:
    """Compare the predictions of two runs item by item: score -> this run against the other."""
    return {
        name: paired_comparison(
            run.column("prediction", name),
            other.column("prediction", name),
            higher_is_better=SCORES[name].higher_is_better if name in SCORES else False,
            seed=seed,
        )
        for name in run.scores["prediction"]
    }


def comparison_table(names: tuple[str, str], compared: Mapping[str, PairedComparison]) -> str:
    """A comparison as Markdown, a line a score."""
    lines = []
    for name, found in compared.items():
        if name in SCORES and found.clips:
            values = (found.difference, found.low, found.high)
            gap, low, high = (f"{value:+.{SCORES[name].digits + 1}f}" for value in values)
            better = f"{100 * found.better:.0f} % of {found.clips}"
            lines.append([SCORES[name].heading, f"{gap} [{low}, {high}]", better, f"{found.p_value:.4f}"])
    head = [f"{names[0]} against {names[1]}", "difference [95 % interval]", "better clips", "p"]
    return markdown(head, lines)


def overview(rows: Sequence[RowScore], score: str, *, digits: int = 3, factor: float = 1.0) -> str:
    """One score as a Markdown table: a line a system, a column a row of the benchmark, 95 % intervals.

    Rows in which the score is defined nowhere are skipped; `factor` is 100 for per cent.
    """
    found = {(row.system, row.row): row.scores[score] for row in rows}
    lines = list(dict.fromkeys(line for line, _ in found))
    columns = [c for c in dict.fromkeys(c for _, c in found) if any(found.get((line, c)) for line in lines)]
    cells = [[line, *(cell(found.get((line, column)), digits, factor) for column in columns)] for line in lines]
    return markdown(["system", *columns], cells)


def check_selection(benchmark: Benchmark) -> None:
    """Refuse to choose weights by files that only their final score may see.

    Raises:
        DatasetError: the benchmark is not made of validation files.
    """
    if benchmark.split != "val":
        raise DatasetError(
            f"{benchmark.folder}: is made of {benchmark.split} files; weights are chosen by validation files alone: "
            "make a benchmark with ccstereo bench make --split val"
        )


def select(rows: Sequence[RowScore], systems: Sequence[str], score: str = "stft_to_mono") -> dict[str, float]:
    """Mean of a score, of which lower is better, over all rows of a benchmark, by system, the best first."""
    means = {
        system: float(np.mean([found.value for row in rows if row.system == system and (found := row.scores[score])]))
        for system in systems
    }
    return dict(sorted(means.items(), key=lambda each: each[1]))
