"""Scoring a prepared set: a system next to mono (the floor) and the oracle (the ceiling), in a folder of its own.

RUN/journal.jsonl     settings, then the scores of every clip and system, on disk as soon as they are there
RUN/clips.csv         clip, row, scores; rows are mono, prediction and oracle
RUN/summary.md        what was printed
RUN/record.json       settings, versions, summary; written last
RUN/predictions/      <clip>.wav, where asked for
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ccstereo.errors import DatasetError
from ccstereo.evaluation.compare import comparison, comparison_table
from ccstereo.evaluation.report import (
    RowScore,
    check_folder,
    clip_columns,
    csv_text,
    deviation,
    scores_table,
    summarise,
    versions,
)
from ccstereo.evaluation.runs import JOURNAL, Progress, Run, read_scores, score, settings_of
from ccstereo.evaluation.scores import PLAIN, Scoring
from ccstereo.evaluation.sets import Ears, PreparedItems
from ccstereo.evaluation.systems import Mono, Oracle, System
from ccstereo.files import write_atomic
from ccstereo.journal import first_difference
from ccstereo.metrics.statistics import RESAMPLES
from ccstereo.wording import counted

ROLES = ("mono", "prediction", "oracle")
CEILING = Oracle()
MUST_AGREE = ("dataset", "split", "scores", "ears")  # settings without which two runs cannot be compared


def evaluate(
    clips: PreparedItems,
    system: System,
    output: str | Path,
    *,
    oracle: Oracle = CEILING,
    names: Iterable[str] | None = None,
    scoring: Scoring = PLAIN,
    ears: Ears | None = None,
    jobs: int | None = 1,
    engine: str = "processes",
    save_predictions: bool = False,
    compare: Run | None = None,
    progress: Progress | None = None,
) -> Run:
    """Score a system on all clips, or resume where an earlier attempt was stopped; `finish` writes the tables.

    Args:
        clips: of a prepared set.
        system: what is scored.
        output: folder of the run.
        oracle: the ceiling.
        names, scoring, ears, jobs, engine, progress: see `score`.
        save_predictions: whether to write the predictions to `output`/predictions.
        compare: an earlier run that must be of the same clips and scores.

    Raises:
        DatasetError: the output holds something else or another run, or cannot be written; the runs cannot be
            compared; or see `score`.
    """
    output = Path(output)
    if output.is_file() or (output.is_dir() and any(output.iterdir()) and not (output / JOURNAL).is_file()):
        raise DatasetError(f"{output}: exists and holds no evaluation; choose another folder")
    chosen = list(clips.scores if names is None else names)
    if compare is not None:
        settings = settings_of(clips, chosen, scoring, ears)
        one, two = ({key: found.get(key) for key in MUST_AGREE} for found in (compare.settings, settings))
        if difference := first_difference(one, two):
            raise DatasetError(f"the run to compare with is another: its {difference}")
    folder = output / "predictions"
    if save_predictions:
        for stale in folder.glob(".*.part.wav"):  # of an attempt that was killed
            stale.unlink()
        check_folder(folder)
    return score(
        dict(zip(ROLES, (Mono(), system, oracle), strict=True)),
        clips,
        names=chosen,
        scoring=scoring,
        ears=ears,
        jobs=jobs,
        engine=engine,
        keep=output,
        settings={
            "prediction": {"name": system.name, **system.identity()},
            "oracle": {"mask_bound": None if math.isinf(oracle.bound) else oracle.bound, "hop": oracle.hop},
        },
        save=("prediction", folder) if save_predictions else None,
        progress=progress,
    )


def read_run(folder: str | Path) -> Run:
    """Read a finished run.

    Raises:
        DatasetError: there is none, or its files are damaged.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        split = record["settings"]["split"]["name"]
        return read_scores(folder / JOURNAL, dict.fromkeys(record["clips"], split), ROLES)
    except FileNotFoundError as error:
        unfinished = " (one was begun here: give its command again)" if (folder / JOURNAL).exists() else ""
        raise DatasetError(
            f"{folder}: holds no finished evaluation{unfinished}; make one with ccstereo evaluate"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{folder}: its evaluation cannot be read ({error!r}); evaluate again") from error


def finish(
    run: Run,
    output: str | Path,
    *,
    other: Run | None = None,
    other_name: str = "",
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
) -> str:
    """Write the table of clips, the summary and the record of a run; return the summary in Markdown.

    Args:
        run: all of it.
        output: its folder.
        other, other_name: a run to compare with, and its folder's name, by which two of one system are distinguished.
        seed: of the bootstrap and the test.
        about: more for the record, such as device and batch size.

    Raises:
        DatasetError: the folder cannot be written.
    """
    output = Path(output)
    rows = summarise(run, seed)
    scoring = run.settings["scores"]
    peaks = "each side divided by its peak" if scoring["normalize"] == "peak" else "no sound divided by its peak"
    headline = f"{clips_of(run)}; {peaks}, WAV the {scoring['wav']} over ears"
    text = f"{headline}\n\n{scores_table(run, rows, titles(run))}"
    content: dict[str, Any] = {
        "settings": run.settings,
        "clips": list(run.items),
        "seconds": round(run.seconds, 3),
        "seed": seed,
        "resamples": RESAMPLES,
        "versions": versions(),
        **(about or {}),
        "summary": {row.system: _summary(run, row) for row in rows},
    }
    if other is not None:
        compared = comparison(run, other, seed=seed)
        names = (titles(run)["prediction"], titles(other)["prediction"])
        if names[0] == names[1]:
            names = (f"{names[0]} ({output.name})", f"{names[1]} ({other_name})")
        text += f"\n\n{comparison_table(names, compared)}"
        scores = {name: asdict(found) for name, found in compared.items() if found.clips}
        content["comparison"] = {"with": other.settings["prediction"], "scores": scores}
    try:
        write_atomic(output / "clips.csv", csv_text(clip_columns(run)))
        write_atomic(output / "summary.md", text + "\n")
        write_atomic(output / "record.json", json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise DatasetError(f"{output}: cannot be written ({error.strerror}); what is scored is kept") from error
    return text


def clips_of(run: Run) -> str:
    """How many clips of what a run is of."""
    split, dataset = run.settings["split"], run.settings["dataset"]
    return f"{counted(split['clips'], 'clip')} of {dataset['name']}, {split['name']}"


def titles(run: Run) -> dict[str, str]:
    """What people call the systems of a run."""
    bound = run.settings["oracle"]["mask_bound"]
    ceiling = f"oracle, mask within {bound:g}" if bound else "oracle, any mask"
    return {"mono": "Mono-Mono", "prediction": run.settings["prediction"]["name"], "oracle": ceiling}


def _summary(run: Run, row: RowScore) -> dict[str, dict[str, float]]:
    return {
        name: {
            "mean": found.value,
            "deviation": deviation(run.column(row.system, name)),
            "low": found.low,
            "high": found.high,
            "clips": found.count,
        }
        for name, found in row.scores.items()
        if found is not None
    }
