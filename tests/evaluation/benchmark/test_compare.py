"""Systems side by side: one score of all, the choice among weights."""

from dataclasses import replace

import pytest

from ccstereo.errors import DatasetError
from ccstereo.evaluation import (
    Mono,
    Oracle,
    check_selection,
    overview,
    score,
    select,
    summarise,
)


def test_overview_and_choice(made) -> None:
    systems = {"mono": Mono(), "papers": Oracle(), "ours": Oracle(3.0)}
    run = score(systems, made.only(["one", "two"]))
    rows = summarise(run)
    lines = overview(rows, "stft_to_mono").splitlines()
    assert lines[0] == "| system | one | two |"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| mono", "| papers", "| ours"]
    assert lines[2].endswith("| 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] |")
    assert overview(rows, "azimuth_error", digits=1).splitlines()[0] == "| system | one |"  # two have no azimuth
    assert "100.0 [100.0, 100.0]" in overview(rows, "own_side", digits=1, factor=100.0).splitlines()[4]
    assert list(select(rows, ["mono", "papers", "ours"])) == ["ours", "papers", "mono"]


def test_weights_are_not_chosen_by_test_files(made) -> None:
    with pytest.raises(DatasetError, match="made of test files; weights are chosen by validation files alone"):
        check_selection(made)
    settings = {**made.settings, "material": {**made.settings["material"], "split": "val"}}
    check_selection(replace(made, settings=settings))
