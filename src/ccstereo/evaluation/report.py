"""A run as means with intervals, as a table, as CSV, Parquet and JSON, and as a figure."""

import csv
import io
import platform
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import torch

import ccstereo
from ccstereo.errors import CCStereoError, DatasetError
from ccstereo.evaluation.benchmark.storage import Benchmark
from ccstereo.evaluation.runs import Run
from ccstereo.evaluation.scores import SCORES
from ccstereo.evaluation.systems import System
from ccstereo.files import atomic_path, write_atomic
from ccstereo.metrics.statistics import RESAMPLES, Estimate, estimate, ratio_of_means

if TYPE_CHECKING:
    from ccstereo.viz.style import Figure

RATIOS = {"stft_to_mono": ("stft", "stft_mono")}
"""Scores of a row that are one mean over another."""
NOT_DRAWN = ("wav", "mag", "louder_ear", "own_side")  # look as STFT does, or are 0 or 1


@dataclass(frozen=True)
class RowScore:
    """A row as one system does it.

    Attributes:
        row: its name.
        system: name.
        items: their number.
        scores: estimate by column, and of `RATIOS`; None where a score is defined in no item. "azimuth_error" is a
            median, all others are means.
    """

    row: str
    system: str
    items: int
    scores: dict[str, Estimate | None]


def summarise(run: Run, seed: int = 0) -> list[RowScore]:
    """Rows with every system in turn."""
    found = []
    of = partial(estimate, seed=seed)
    for row in run.rows:
        for system, values in run.scores.items():
            table = {name: run.column(system, name, row) for name in values}
            scores = {name: of(_statistic(name), column) for name, column in table.items()}
            for name, (above, below) in RATIOS.items():
                if {above, below} <= table.keys():
                    scores[name] = of(ratio_of_means, table[above], table[below])
            found.append(RowScore(row, system, len(next(iter(table.values()))), scores))
    return found


def _statistic(name: str) -> Any:
    return np.median if name in SCORES and SCORES[name].median else np.mean


def cell(found: Estimate | None, digits: int, factor: float = 1.0, unit: str = "", items: int = 0) -> str:
    """Print a value and its interval, "-" for none, and of how many items where that is not all of `items`.

    >>> cell(Estimate(0.5, 0.25, 1.0, 9), 2, items=12)
    '0.50 [0.25, 1.00] of 9'
    """
    if found is None:
        return "-"
    value, low, high = (f"{factor * number:.{digits}f}" for number in (found.value, found.low, found.high))
    return f"{value}{unit} [{low}, {high}]" + (f" of {found.count}" if items and found.count < items else "")


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of cells."""
    return "\n".join(
        [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(line)} |" for line in lines)]
    )


def rows_table(rows: Sequence[RowScore]) -> str:
    """Rows of a stage benchmark as a Markdown table, a line a row and system: means with 95 % intervals."""
    head = "scenes | system | STFT / mono's | SNR, dB | louder ear right, % | own side right, % | azimuth error"
    lines = []
    for row in rows:
        of = row.scores
        line = [
            f"{row.row} ({row.items})",
            row.system,
            cell(of["stft_to_mono"], 3),
            cell(of["snr"], 1),
            cell(of["louder_ear"], 1, 100, items=row.items),
            cell(of["own_side"], 1, 100, items=row.items),
            cell(of["azimuth_error"], 1, unit="°", items=row.items),
        ]
        lines.append(line)
    return markdown(head.split(" | "), lines)


def scores_table(run: Run, rows: Sequence[RowScore], titles: Mapping[str, str]) -> str:
    """A run of one row, its summary and the titles of systems as Markdown: a line a score, systems side by side."""
    return markdown(*scores_lines(run, rows, titles))


def scores_lines(run: Run, rows: Sequence[RowScore], titles: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """The head and the lines of that table, cell by cell."""
    lines = []
    of = {row.system: row.scores for row in rows}
    for name in run.settings["scores"]["names"]:
        cells = []
        for system in titles:
            found, values = of[system][name], run.column(system, name)
            if found is not None:
                digits, spread = SCORES[name].digits, deviation(values)
                items = f" of {found.count}" if found.count < len(values) else ""
                interval = f"[{found.low:.{digits}f}, {found.high:.{digits}f}]"
                cells.append(f"{found.value:.{digits}f} ± {spread:.{digits}f} {interval}{items}")
        if cells:
            lines.append([SCORES[name].heading, *cells])
    return ["mean ± deviation [95 % interval]", *titles.values()], lines


def deviation(values: np.ndarray) -> float:
    """Standard deviation over the items in which a score is defined."""
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else 0.0


def headline(benchmark: Benchmark) -> str:
    """What was scored on, in one line."""
    settings = benchmark.settings
    made_of = f"{settings['material']['name']} ({settings['material']['split']} files), {settings['head']['name']}"
    return f"{made_of}, {settings['seconds']:g} s a scene; checksum {benchmark.sha256[:16]}"


def record(benchmark: Benchmark, systems: Mapping[str, System], rows: Sequence[RowScore]) -> dict[str, Any]:
    """All of a benchmark's table as JSON values, with what it depends on."""
    return {
        "benchmark": {"sha256": benchmark.sha256, **benchmark.settings},
        "systems": [{"name": name, **system.identity()} for name, system in systems.items()],
        "rows": [
            {
                "row": row.row,
                "system": row.system,
                "scenes": row.items,
                **{name: found and asdict(found) for name, found in row.scores.items()},
            }
            for row in rows
        ],
        "intervals": {"level": 0.95, "resamples": RESAMPLES, "seed": 0},
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of what computed the scores."""
    return {
        "ccstereo": ccstereo.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }


Columns = dict[str, list[Any]]


def scene_columns(run: Run) -> Columns:
    """Every scene's scores, system by system."""
    names = list(next(iter(run.scores.values())))
    return {
        "system": [system for system in run.scores for _ in run.items],
        "row": list(run.items.values()) * len(run.scores),
        "scene": list(run.items) * len(run.scores),
        **{name: np.concatenate([run.scores[system][name] for system in run.scores]).tolist() for name in names},
    }


def clip_columns(run: Run) -> Columns:
    """Every clip's scores, clip by clip; rows are the systems' roles (mono, prediction, oracle)."""
    names = list(next(iter(run.scores.values())))
    return {
        "clip": [item for item in run.items for _ in run.scores],
        "row": list(run.scores) * len(run.items),
        **{name: np.stack([run.scores[system][name] for system in run.scores], 1).ravel().tolist() for name in names},
    }


def csv_text(columns: Columns) -> str:
    """Columns as CSV, empty where a score is undefined."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [["" if value != value else value for value in line] for line in zip(*columns.values(), strict=True)]
    )
    return text.getvalue()


def check_table(path: Path) -> None:
    """Refuse, before any work is done, a table that could not be written at its end.

    Raises:
        DatasetError: the suffix is unknown, or its library is not installed.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise DatasetError(f"{path}: tables are written as .csv or .parquet, by the file's suffix")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise DatasetError(f"{path}: Parquet needs pyarrow: pip install 'ccstereo[parquet]', or write .csv")


def check_output(path: Path) -> None:
    """Refuse, before any work is done, a file that could not be written at its end.

    Raises:
        CCStereoError: there is no such folder, it cannot be written to, or the path is a folder.
    """
    parent = path.absolute().parent
    if not parent.is_dir():
        raise CCStereoError(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise CCStereoError(f"{path}: is a folder; give the name of a file")
    try:
        tempfile.TemporaryFile(dir=parent).close()
    except OSError as error:
        raise CCStereoError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def check_folder(path: Path) -> None:
    """Make a folder that results go to, before any work is done.

    Raises:
        DatasetError: it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error


def write_table(path: Path, run: Run) -> None:
    """Write the table of clips, a line a clip and row (mono, prediction, oracle).

    Args:
        path: .csv leaves scores that are undefined empty, .parquet (needs pyarrow) has them null.
        run: the scores.

    Raises:
        DatasetError: see `check_table`; or the file cannot be written.
    """
    check_table(path)
    try:
        if path.suffix.lower() == ".csv":
            write_atomic(path, csv_text(clip_columns(run)))
            return
        import pyarrow
        from pyarrow import parquet

        columns = {name: pyarrow.array(values, from_pandas=True) for name, values in clip_columns(run).items()}
        with atomic_path(path) as temporary:
            parquet.write_table(pyarrow.table(columns), temporary)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def draw(run: Run, rows: Sequence[RowScore], titles: Mapping[str, str], path: Path, title: str = "") -> None:
    """Draw every item's scores of a run of one row, systems beside each other, as .png, .svg or .pdf.

    Raises:
        DatasetError: the file cannot be written.
        ImportError: matplotlib is not installed.
    """
    from ccstereo.viz import save_figure

    try:
        with atomic_path(path) as temporary:
            save_figure(distributions(run, rows, titles, title), temporary)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def distributions(run: Run, rows: Sequence[RowScore], titles: Mapping[str, str], title: str = "") -> "Figure":
    """Every item's scores of a run of one row, systems beside each other, as a figure."""
    from ccstereo.viz import plot_scores

    of = {row.system: row.scores for row in rows}
    names = [name for name in run.settings["scores"]["names"] if name not in NOT_DRAWN and of[next(iter(of))][name]]
    panels = {
        SCORES[name].heading: {titles[system]: run.column(system, name) for system in run.scores} for name in names
    }
    ends = {
        SCORES[name].heading: {
            titles[system]: (found.low, found.high) for system in run.scores if (found := of[system][name])
        }
        for name in names
    }
    return plot_scores(panels, ends, title=title)
