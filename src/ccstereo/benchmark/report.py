"""Rows of a benchmark: means with intervals, as a table, as JSON and as CSV."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ccstereo.benchmark.run import Scores
from ccstereo.benchmark.scores import NAMES
from ccstereo.benchmark.storage import Benchmark
from ccstereo.benchmark.systems import System
from ccstereo.evaluation.report import versions

RESAMPLES = 5_000


@dataclass(frozen=True)
class Estimate:
    """A value over scenes, its 95 % bootstrap interval, and the number of scenes where the score has a meaning."""

    value: float
    low: float
    high: float
    scenes: int


@dataclass(frozen=True)
class RowScore:
    """A row as one system does it.

    Attributes:
        row: its name.
        system: name.
        scenes: their number.
        stft_to_mono: mean STFT distance over mono's mean STFT distance.
        stft, snr, louder_ear, own_side: means; louder_ear and own_side in [0, 1].
        azimuth_error: median, degrees.

    A score that has no meaning in any scene is None.
    """

    row: str
    system: str
    scenes: int
    stft_to_mono: Estimate | None
    stft: Estimate | None
    snr: Estimate | None
    louder_ear: Estimate | None
    own_side: Estimate | None
    azimuth_error: Estimate | None


def estimate(statistic: Callable[..., Any], *columns: np.ndarray, seed: int = 0) -> Estimate | None:
    """Percentile bootstrap over scenes (Efron 1979).

    Args:
        statistic: of one value a scene, or several, over the last axis.
        columns: each (n,) scores by scene; scenes with a nan are left out.
        seed: of the resampling.

    >>> estimate(lambda x: x.mean(-1), np.array([1.0, 3.0, np.nan]))
    Estimate(value=2.0, low=1.0, high=3.0, scenes=2)
    """
    table = np.stack(columns)
    table = table[:, ~np.isnan(table).any(0)]
    count = table.shape[1]
    if count == 0:
        return None
    drawn = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    low, high = np.quantile(statistic(*(column[drawn] for column in table)), [0.025, 0.975])
    return Estimate(float(statistic(*table)), float(low), float(high), count)


def summarise(benchmark: Benchmark, scores: Mapping[str, Scores], seed: int = 0) -> list[RowScore]:
    """Rows with every system in turn.

    Args:
        benchmark: scored on.
        scores: what `score_benchmark` gave, by system's name.
        seed: of the intervals.
    """
    rows = []
    scored = next(iter(scores.values()))
    for row in benchmark.rows:
        ids = [scene.id for scene in benchmark.scenes if scene.row == row and scene.id in scored]
        for system, found in scores.items():
            if ids:
                columns = {name: np.array([getattr(found[scene], name) for scene in ids]) for name in NAMES}
                rows.append(_row(row, system, columns, seed))
    return rows


def table(rows: Sequence[RowScore]) -> str:
    """Rows as a Markdown table: means with 95 % intervals."""
    head = "| scenes | system | STFT / mono's | SNR, dB | louder ear right, % | own side right, % | azimuth error |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = [
            f"{row.row} ({row.scenes})",
            row.system,
            cell(row.stft_to_mono, 3),
            cell(row.snr, 1),
            cell(row.louder_ear, 1, 100),
            cell(row.own_side, 1, 100),
            cell(row.azimuth_error, 1, unit="°"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def headline(benchmark: Benchmark) -> str:
    """What was scored on, in one line."""
    settings = benchmark.settings
    made_of = f"{settings['material']['name']} ({settings['material']['split']} files), {settings['head']['name']}"
    return f"{made_of}, {settings['seconds']:g} s a scene; checksum {benchmark.sha256[:16]}"


def record(benchmark: Benchmark, systems: Sequence[System], rows: Sequence[RowScore], seed: int = 0) -> dict[str, Any]:
    """All of it as JSON values, with what it depends on."""
    return {
        "benchmark": {"sha256": benchmark.sha256, **benchmark.settings},
        "systems": [{"name": system.name, **system.identity()} for system in systems],
        "rows": [asdict(row) for row in rows],
        "intervals": {"level": 0.95, "resamples": RESAMPLES, "seed": seed},
        "versions": versions(),
    }


def scenes_csv(benchmark: Benchmark, systems: Sequence[System], scores: Sequence[Scores]) -> str:
    """Every scene's scores as CSV, empty where a score has no meaning."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["system", "row", "scene", *NAMES])
    for system, found in zip(systems, scores, strict=True):
        for scene in benchmark.scenes:
            if scene.id in found:
                values = [getattr(found[scene.id], name) for name in NAMES]
                writer.writerow([system.name, scene.row, scene.id, *("" if v != v else repr(v) for v in values)])
    return text.getvalue()


def _row(row: str, system: str, columns: dict[str, np.ndarray], seed: int) -> RowScore:
    def mean(name: str) -> Estimate | None:
        return estimate(lambda values: values.mean(-1), columns[name], seed=seed)

    return RowScore(
        row=row,
        system=system,
        scenes=len(columns["stft"]),
        stft_to_mono=estimate(
            lambda stft, mono: stft.mean(-1) / mono.mean(-1), columns["stft"], columns["stft_mono"], seed=seed
        ),
        stft=mean("stft"),
        snr=mean("snr"),
        louder_ear=mean("louder_ear"),
        own_side=mean("own_side"),
        azimuth_error=estimate(lambda values: np.median(values, -1), columns["azimuth_error"], seed=seed),
    )


def cell(found: Estimate | None, digits: int, factor: float = 1.0, unit: str = "") -> str:
    """Print a value and its interval, "-" for none."""
    if found is None:
        return "-"
    value, low, high = (f"{factor * number:.{digits}f}" for number in (found.value, found.low, found.high))
    return f"{value}{unit} [{low}, {high}]"
