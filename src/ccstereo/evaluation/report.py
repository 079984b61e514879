"""Tables and record of a run: means with deviation and interval, and two runs compared clip by clip."""

import json
import platform
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

import ccstereo
from ccstereo.errors import DatasetError
from ccstereo.evaluation.run import ROWS, Run, clips_csv, first_difference, write_whole
from ccstereo.evaluation.scores import SCORES
from ccstereo.metrics.statistics import RESAMPLES, PairedComparison, bootstrap_interval, paired_comparison

MUST_AGREE = ("dataset", "split", "scores")  # settings without which two runs cannot be compared


def summarise(run: Run, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, dict[str, dict[str, float | int]]]:
    """Mean, standard deviation and 95 % bootstrap interval over clips: row -> score -> those and the clips counted.

    A score that no clip has is left out.
    """
    return {row: _summary(run.scores[row], seed, resamples) for row in ROWS}


def _summary(scores: dict[str, Any], seed: int, resamples: int) -> dict[str, dict[str, float | int]]:
    known = {name: values for name, values in scores.items() if not np.isnan(values).all()}
    low, high = bootstrap_interval(np.stack(list(known.values()), axis=1), resamples=resamples, seed=seed)
    return {
        name: {
            "clips": int(np.sum(~np.isnan(values))),
            "mean": float(np.nanmean(values)),
            "deviation": float(np.nanstd(values, ddof=1)) if np.sum(~np.isnan(values)) > 1 else 0.0,
            "low": float(low[i]),
            "high": float(high[i]),
        }
        for i, (name, values) in enumerate(known.items())
    }


def summary_table(run: Run, summary: dict[str, dict[str, dict[str, float | int]]]) -> str:
    """A summary as Markdown: floor, prediction and ceiling beside each other, a line a score."""
    bound = run.settings["oracle"]["mask_bound"]
    heads = [
        "Mono-Mono",
        run.settings["prediction"]["name"],
        f"oracle ({f'mask to {bound:g}' if bound else 'any mask'})",
    ]
    lines = [f"| mean ± deviation [95 % interval] | {' | '.join(heads)} |", "|---|---|---|---|"]
    for name, score in SCORES.items():
        if score.main and name in summary["mono"]:
            cells = [_cell(summary[row][name]) for row in ROWS]
            lines.append(f"| {score.title} {_arrow(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def check_comparable(other: Run, settings: dict[str, Any]) -> None:
    """Refuse to compare a run with these settings to one of other clips or scores.

    Raises:
        DatasetError: naming the first difference.
    """
    one, two = ({key: found[key] for key in MUST_AGREE} for found in (other.settings, settings))
    difference = first_difference(one, two)
    if difference:
        raise DatasetError(f"{other.folder}: cannot be compared with, for it has {difference} here")


def comparison(run: Run, other: Run, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, PairedComparison]:
    """Compare the predictions of two runs clip by clip: score -> this run against the other.

    Raises:
        DatasetError: they are not of the same data set, clips and scores.
    """
    check_comparable(other, run.settings)
    return {
        name: paired_comparison(
            run.scores["prediction"][name],
            other.scores["prediction"][name],
            higher_is_better=score.higher_is_better,
            resamples=resamples,
            seed=seed,
        )
        for name, score in SCORES.items()
    }


def comparison_table(run: Run, other: Run, compared: dict[str, PairedComparison]) -> str:
    """A comparison as Markdown, a line a score."""
    names = [each.settings["prediction"]["name"] for each in (run, other)]
    if names[0] == names[1]:
        names = [f"{name} ({each.folder.name})" for name, each in zip(names, (run, other), strict=True)]
    lines = [f"| {names[0]} against {names[1]} | difference [95 % interval] | better clips | p |", "|---|---|---|---|"]
    for name, found in compared.items():
        if SCORES[name].main and found.clips:
            gap = f"{found.difference:+.4g} [{found.low:+.4g}, {found.high:+.4g}]"
            lines.append(
                f"| {SCORES[name].title} {_arrow(name)} | {gap} | {100 * found.better:.0f} % | {found.p_value:.2g} |"
            )
    return "\n".join(lines)


def finish(run: Run, other: Run | None = None, seed: int = 0, about: dict[str, Any] | None = None) -> str:
    """Write the table of clips, the summary and the record of a run, and end its journal.

    Args:
        run: all of it.
        other: a run to compare with.
        seed: of the bootstrap and the test.
        about: more for the record, such as device and batch size.

    Returns:
        The summary in Markdown.

    Raises:
        DatasetError: the runs cannot be compared, or the folder cannot be written.
    """
    compared = comparison(run, other, seed) if other else None
    summary = summarise(run, seed)
    tables = [_headline(run), summary_table(run, summary)]
    if compared and other:
        tables.append(comparison_table(run, other, compared))
    text = "\n\n".join(tables)
    record = {
        "settings": run.settings,
        "seconds": round(run.seconds, 3),
        "seed": seed,
        "resamples": RESAMPLES,
        "versions": versions(),
        **(about or {}),
        "summary": summary,
    }
    if compared and other:
        record["comparison"] = {
            "with": other.settings["prediction"],
            "scores": {name: asdict(found) for name, found in compared.items() if found.clips},
        }
    try:
        write_whole(run.folder / "clips.csv", clips_csv(run))
        write_whole(run.folder / "summary.md", text + "\n")
        write_whole(run.folder / "record.json", json.dumps(record, indent=1) + "\n")
        (run.folder / "journal.jsonl").unlink(missing_ok=True)
    except OSError as error:
        raise DatasetError(f"{run.folder}: cannot be written ({error.strerror}); what is scored is kept") from error
    return text


def versions() -> dict[str, str]:
    """Versions of what computed the scores."""
    return {
        "ccstereo": ccstereo.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _headline(run: Run) -> str:
    split, dataset, scores = run.settings["split"], run.settings["dataset"], run.settings["scores"]
    levels = "each side divided by its peak" if scores["normalize"] == "peak" else "levels as they are"
    return f"{split['clips']} clips of {dataset['name']}, {split['name']}; {levels}, WAV the {scores['wav']} over ears"


def _cell(found: dict[str, float | int]) -> str:
    return f"{found['mean']:.4g} ± {found['deviation']:.2g} [{found['low']:.4g}, {found['high']:.4g}]"


def _arrow(name: str) -> str:
    return "↑" if SCORES[name].higher_is_better else "↓"
