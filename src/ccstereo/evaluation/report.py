"""Tables, figure and record of a run: means with deviation and interval, and two runs compared clip by clip."""

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

import ccstereo
from ccstereo.errors import DatasetError
from ccstereo.evaluation.run import ROWS, Run, first_difference, write_whole
from ccstereo.evaluation.scores import SCORES
from ccstereo.evaluation.tables import clips_csv
from ccstereo.metrics.statistics import RESAMPLES, PairedComparison, bootstrap_interval, paired_comparison

DRAWN = ("stft", "env", "phs", "snr", "mrstft", "spl", "ild", "itd")  # WAV and Mag look as STFT does
MUST_AGREE = ("dataset", "split", "scores")  # settings without which two runs cannot be compared
Summary: TypeAlias = dict[str, dict[str, dict[str, float]]]
"""Row -> score -> "mean", "deviation", "low" and "high" end of the 95 % interval, and number of "clips" counted."""


def summarise(run: Run, seed: int = 0, resamples: int = RESAMPLES) -> Summary:
    """Mean, standard deviation and 95 % bootstrap interval over clips; a score that no clip has is left out."""
    return {row: _summarise_row(run.scores[row], seed, resamples) for row in ROWS}


def _summarise_row(scores: dict[str, NDArray[np.float64]], seed: int, resamples: int) -> dict[str, dict[str, float]]:
    known = {name: values for name, values in scores.items() if not np.isnan(values).all()}
    low, high = bootstrap_interval(np.stack(list(known.values()), axis=1), resamples=resamples, seed=seed)
    counts = {name: int(np.sum(~np.isnan(values))) for name, values in known.items()}
    return {
        name: {
            "mean": float(np.nanmean(values)),
            "deviation": float(np.nanstd(values, ddof=1)) if counts[name] > 1 else 0.0,
            "low": float(low[i]),
            "high": float(high[i]),
            "clips": counts[name],
        }
        for i, (name, values) in enumerate(known.items())
    }


def summary_table(run: Run, summary: Summary) -> str:
    """A summary as Markdown: floor, prediction and ceiling beside each other, a line a score."""
    lines = [f"| mean ± deviation [95 % interval] | {' | '.join(_titles(run).values())} |", "|---|---|---|---|"]
    for name, score in SCORES.items():
        if score.main and name in summary["mono"]:
            cells = []
            for row in ROWS:
                values = (summary[row][name][key] for key in ("mean", "deviation", "low", "high"))
                mean, deviation, low, high = (f"{value:.{score.digits}f}" for value in values)
                cells.append(f"{mean} ± {deviation} [{low}, {high}]")
            lines.append(f"| {_title(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def check_comparable(other: Run, settings: dict[str, Any]) -> None:
    """Refuse to compare a run with these settings to one of other clips or scores.

    Raises:
        DatasetError: naming the first difference.
    """
    one, two = ({key: found[key] for key in MUST_AGREE} for found in (other.settings, settings))
    difference = first_difference(one, two)
    if difference:
        raise DatasetError(f"{other.folder}: cannot be compared with: its {difference}")


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
            values = (found.difference, found.low, found.high)
            gap, low, high = (f"{value:+.{SCORES[name].digits + 1}f}" for value in values)
            better, p = f"{100 * found.better:.0f} %", f"{found.p_value:.4f}"
            lines.append(f"| {_title(name)} | {gap} [{low}, {high}] | {better} | {p} |")
    return "\n".join(lines)


def draw(run: Run, summary: Summary, path: Path) -> None:
    """Draw every clip's scores, mono and oracle beside the prediction, as the file its suffix names.

    Raises:
        DatasetError: the file cannot be written.
        ImportError: matplotlib is not installed.
    """
    from ccstereo.viz import plot_scores, save_figure

    titles = _titles(run)
    shown = [name for name in DRAWN if name in summary["mono"]]
    panels = {_title(name): {titles[row]: run.scores[row][name] for row in ROWS} for name in shown}
    ends = {
        _title(name): {titles[row]: (summary[row][name]["low"], summary[row][name]["high"]) for row in ROWS}
        for name in shown
    }
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        save_figure(plot_scores(panels, ends), temporary)
        temporary.replace(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


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
    compared = comparison(run, other, seed) if other else {}
    summary = summarise(run, seed)
    text = f"{_headline(run)}\n\n{summary_table(run, summary)}"
    record = {
        "settings": run.settings,
        "seconds": round(run.seconds, 3),
        "seed": seed,
        "resamples": RESAMPLES,
        "versions": versions(),
        **(about or {}),
        "summary": summary,
    }
    if other:
        text += f"\n\n{comparison_table(run, other, compared)}"
        scores = {name: asdict(found) for name, found in compared.items() if found.clips}
        record["comparison"] = {"with": other.settings["prediction"], "scores": scores}
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


def _titles(run: Run) -> dict[str, str]:
    """What people call the rows."""
    bound = run.settings["oracle"]["mask_bound"]
    oracle = f"oracle, mask within {bound:g}" if bound else "oracle, any mask"
    return {"mono": "Mono-Mono", "prediction": run.settings["prediction"]["name"], "oracle": oracle}


def _title(score: str) -> str:
    return f"{SCORES[score].title} {'↑' if SCORES[score].higher_is_better else '↓'}"
