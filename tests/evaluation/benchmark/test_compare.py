"""Systems side by side: means over seeds, one score of all, paired changes, the choice among weights."""

from dataclasses import replace

import numpy as np
import pytest

from ccstereo.errors import DatasetError
from ccstereo.evaluation import (
    Mono,
    Oracle,
    Run,
    check_selection,
    gains,
    mean_over_seeds,
    overview,
    score,
    select,
    summarise,
)


def test_the_mean_over_seeds_is_taken_scene_by_scene() -> None:
    seeds = {
        "1": {"stft": np.array([1.0, 2.0]), "azimuth_error": np.array([np.nan, 4.0])},
        "2": {"stft": np.array([2.0, 4.0]), "azimuth_error": np.array([np.nan, 8.0])},
        "mono": {"stft": np.array([9.0, 9.0]), "azimuth_error": np.array([9.0, 9.0])},
    }
    found = mean_over_seeds(Run({"a": "one", "b": "one"}, seeds), {"ours": ["1", "2"]}).scores
    assert list(found) == ["ours", "mono"]
    assert found["ours"]["stft"].tolist() == [1.5, 3.0]
    assert found["ours"]["azimuth_error"][1] == 6.0
    assert np.isnan(found["ours"]["azimuth_error"][0])


def test_overview_and_gains(made) -> None:
    systems = {"mono": Mono(), "papers": Oracle(), "ours": Oracle(3.0)}
    run = score(systems, made.only(["one", "two"]))
    rows = summarise(run)
    lines = overview(rows, "stft_to_mono").splitlines()
    assert lines[0] == "| system | one | two |"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| mono", "| papers", "| ours"]
    assert lines[2].endswith("| 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] |")
    assert overview(rows, "azimuth_error", digits=1).splitlines()[0] == "| system | one |"  # two have no azimuth
    assert "100.0 [100.0, 100.0]" in overview(rows, "own_side", digits=1, factor=100.0).splitlines()[4]

    changed = gains(run, [("mono", "papers"), ("papers", "ours")]).splitlines()
    assert changed[0] == "| system | one | two |"
    value = {row.row: row.scores["stft_to_mono"].value for row in rows if row.system == "papers"}
    assert changed[2].startswith("| mono → papers | ")
    assert float(changed[2].split(" | ")[1].split()[0]) == pytest.approx(value["one"] - 1, abs=6e-4)
    assert list(select(rows, ["mono", "papers", "ours"])) == ["ours", "papers", "mono"]


def test_weights_are_not_chosen_by_test_files(made) -> None:
    with pytest.raises(DatasetError, match="made of test files; weights are chosen by validation files alone"):
        check_selection(made)
    settings = {**made.settings, "material": {**made.settings["material"], "split": "val"}}
    check_selection(replace(made, settings=settings))
