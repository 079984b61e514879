"""Scores what there is of a paper's table, and prints it beside the paper's numbers. Trains nothing."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.errors import DatasetError
from ccstereo.evaluation.report import check_folder, markdown, versions
from ccstereo.evaluation.runs import score
from ccstereo.evaluation.scores import SCORES, Scoring
from ccstereo.evaluation.sets import Ears, PreparedItems
from ccstereo.evaluation.systems import Mono, System, Weights, read_files
from ccstereo.evaluation.tables.rows import PaperRow, PaperTable
from ccstereo.files import write_atomic
from ccstereo.wording import counted

SCORING = Scoring("peak", "mean")  # as the papers' tables were made: see docs/metrics.md
SPLIT = "test"
Means = dict[str, float]


@dataclass(frozen=True)
class Fold:
    """A fold's test split.

    Attributes:
        clips: those that are in the set.
        missing: how many it names that are not.
    """

    clips: PreparedItems
    missing: int


def fill_table(
    table: PaperTable,
    prepared: PreparedSet,
    runs: str | Path,
    output: str | Path,
    *,
    ears: Ears | None = None,
    how: Mapping[str, Any] | None = None,
    jobs: int | None = 1,
    engine: str = "processes",
    progress: Callable[..., None] | None = None,
) -> str:
    """Score every row and fold of which there is something, and write the table.

    RUNS/ROW/FOLD/weights, as `ccstereo train --trainer.default_root_dir RUNS/ROW/FOLD` writes them, or
    RUNS/ROW/FOLD/predictions, see `read_files`, fill a row. OUTPUT gets table.md, table.json, and in ROW/FOLD every
    clip's scores, from which a stopped run resumes.

    Args:
        table: see `read_table`.
        prepared: the set it is of; folds that it lacks are missing.
        runs: folder of trainings and predictions.
        output: folder of the results.
        ears, jobs, engine: see `score`.
        how: more arguments of `Weights`, such as the device.
        progress: called with clips done, their number, and `name`, that of the row and the fold.

    Returns:
        The table in Markdown.

    Raises:
        DatasetError: the set has no fold of the table, a run holds weights and predictions, or see `score`.
    """
    runs, output = Path(runs), Path(output)
    folds = {name: _fold(prepared, name) for name in table.folds if name in prepared.folds()}
    if not folds:
        known = ", ".join(prepared.folds()) or "none"
        raise DatasetError(f"{prepared}: has no fold of table {table.name} ({', '.join(table.folds)}); it has {known}")
    check_folder(output)
    means: dict[str, dict[str, Means]] = {}
    for row in table.rows:
        means[row.name] = {}
        for name, fold in folds.items():
            system = _system(row, row.folder(runs, name), fold.clips, how or {})
            if system is None:
                continue
            found = score(
                {row.name: system},
                fold.clips,
                names=table.scores,
                scoring=SCORING,
                ears=ears,
                jobs=jobs,
                engine=engine,
                keep=output / row.name / name,
                progress=progress and partial(progress, name=f"{row.title}, {name}"),
            )
            means[row.name][name] = {each: float(np.nanmean(found.column(row.name, each))) for each in table.scores}
    text = _text(table, means, folds, prepared.folder, runs)
    content = {
        "table": table.name,
        "dataset": {name: fold.clips.identity() for name, fold in folds.items()},
        "ears": (ears or Ears()).identity(),
        "rows": {row.name: {"paper": row.paper, "folds": means[row.name]} for row in table.rows},
        "versions": versions(),
    }
    write_atomic(output / "table.md", text + "\n")
    write_atomic(output / "table.json", json.dumps(content, indent=1) + "\n")
    return text


def _fold(prepared: PreparedSet, name: str) -> Fold:
    clips = prepared.ids(name, SPLIT)
    missing = len(prepared.listed(name, SPLIT)) - len(clips)
    return Fold(PreparedItems(prepared, f"{name}/{SPLIT}", tuple(clips)), missing)


def _system(row: PaperRow, folder: Path, clips: PreparedItems, how: Mapping[str, Any]) -> System | None:
    """What fills a row, None where there is nothing."""
    if row.system == "mono":
        return Mono()
    weights, predictions = folder / "weights", folder / "predictions"
    if weights.exists() and predictions.exists():
        raise DatasetError(f"{folder}: holds weights and predictions; remove those that are not to be scored")
    if predictions.exists():
        return read_files(predictions, clips)
    if weights.exists():
        return Weights(str(weights), row.hop, row.tdss, name=row.title, **how)
    return None


def _text(
    table: PaperTable, means: Mapping[str, Mapping[str, Means]], folds: Mapping[str, Fold], dataset: Path, runs: Path
) -> str:
    """The table, what is missing of it and how to have it, and where the paper's numbers are from."""
    lines = []
    for row in table.rows:
        found = means[row.name]
        state = f"{len(found)} of {len(table.folds)}" if found else "missing"
        lines.append([row.title, state, *(_cell(row, found, name) for name in table.scores)])
    head = ["here / paper", "folds", *(SCORES[name].heading for name in table.scores)]
    parts = [f"{table.title}. {table.note}", markdown(head, lines)]
    missing = sum(fold.missing for fold in folds.values())
    if missing:
        parts.append(f"The set lacks {counted(missing, 'clip')} of these splits: do not compare with scores of all.")
    parts.append("\n".join(f"- {row.title}: {row.source}" for row in table.rows))
    todo = []
    for row in table.rows:
        fold = next((name for name in folds if name not in means[row.name]), None)
        if fold is not None and row.train:
            todo += [f"# {row.title}, {fold}", *row.commands(dataset, runs, fold)]
    if todo:
        parts.append("\n".join(["How to train the next fold of what is missing:", "", "```sh", *todo, "```"]))
    return "\n\n".join(parts)


def _cell(row: PaperRow, found: Mapping[str, Means], name: str) -> str:
    here = f"{np.mean([means[name] for means in found.values()]):.3f}" if found else "-"
    return f"{here} / {row.paper[name]:.3f}" if name in row.paper else f"{here} / -"
