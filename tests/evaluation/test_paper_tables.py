"""The papers' tables: their configs are whole and true to one another, and every command of theirs can be run."""

import json
import re
import shlex
from pathlib import Path

import pytest

from ccstereo.cli.main import main
from ccstereo.evaluation.scores import SCORES
from ccstereo.evaluation.tables import list_tables, read_table
from ccstereo.evaluation.tables.rows import FOLDER
from ccstereo.models import create_model

pytest.importorskip("yaml")

FOLDS = re.compile(r"(ten-split([1-9]|10)|five-split[1-5]|default|yt-(music|clean)-[123]-val)")


@pytest.mark.parametrize("name", list_tables())
class TestTable:
    def test_rows_are_its_files(self, name: str) -> None:
        table = read_table(name)
        assert {row.name for row in table.rows} == {path.stem for path in (FOLDER / name).glob("*.yaml")} - {"table"}
        assert all(FOLDS.fullmatch(fold) for fold in table.folds)
        assert set(table.scores) <= set(SCORES)
        for row in table.rows:
            assert row.paper.keys() <= set(table.scores)
            assert row.paper
            assert row.source
            assert row.weights in ("", *(other.name for other in table.rows))

    def test_the_papers_numbers_go_together(self, name: str) -> None:
        """What papers call Mag is twice STFT, and WAV 6.7 times: misprints here would show (docs/metrics.md)."""
        for row in read_table(name).rows:
            stft = row.paper["stft"]
            if "mag" in row.paper:  # some are of other code, or of another run
                assert row.paper["mag"] == pytest.approx(2 * stft, rel=0.04)
            if "wav" in row.paper and row.name != "sep-stereo":
                assert row.paper["wav"] == pytest.approx(6.7 * stft, rel=0.04)
            if row.system == "mono" and "phs" in row.paper:
                assert row.paper["phs"] == pytest.approx(1.57, abs=0.003)

    def test_its_trainings_name_configs_and_models_that_are_there(self, name: str) -> None:
        pytest.importorskip("lightning")
        from ccstereo.training.configs import read_configs

        for row in read_table(name).rows:
            for command in row.commands(Path("SET"), Path("RUNS"), "FOLD"):
                words = shlex.split(command)
                assert words[:2] == ["ccstereo", "train"]
                options = read_configs([words[i + 1] for i, word in enumerate(words) if word == "--config"])
                task = options["model"]["init_args"]
                create_model(task["model"], **(task.get("model_config") or {}))
                folder = words[words.index("--trainer.default_root_dir") + 1]
                assert folder.startswith(str(row.folder(Path("RUNS"), "FOLD")))
                assert "{" not in command


def fill(prepared, output: Path, *more: str | Path) -> int:
    return main([str(word) for word in ("evaluate", prepared, "-o", output, "--jobs", "1", *more)])


def test_the_help_and_the_documentation_name_all_tables(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    said = "".join(capsys.readouterr().out.split())  # lines may break at hyphens
    assert [name for name in list_tables() if name not in said] == []
    page = Path(__file__).parents[2] / "docs" / "evaluate.md"
    assert [name for name in list_tables() if f"`{name}`" not in page.read_text()] == []


@pytest.fixture
def five(make_set, tmp_path):
    """A set that has one of the five folds."""
    return make_set(tmp_path / "set", {"five-split2": {"train": ["f"], "val": ["e"], "test": ["a", "b", "gone"]}})


def test_the_mean_is_what_evaluate_gives(five, weights, truths, tmp_path: Path, capsys) -> None:
    """Of weights with and without TDSS, and of predictions; of rows without either the table says "missing"."""
    runs = tmp_path / "runs"
    baseline, contrastive = (runs / row / "five-split2" for row in ("baseline", "contrastive"))
    baseline.mkdir(parents=True)
    (baseline / "weights").symlink_to(weights)
    (contrastive / "predictions").mkdir(parents=True)
    for clip in "ab":
        (truths / f"{clip}.wav").rename(contrastive / "predictions" / f"{clip}.wav")
    assert fill(five.folder, tmp_path / "table", "--paper", "ablation", "--runs", runs) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "table" / "table.md").read_text()
    lines = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ") for line in printed.splitlines()}
    assert lines["+ AVAD"][1:3] == ["missing", "- / 0.908"]
    assert lines["+ L_scl"][1:3] == ["1 of 1", "0.000 / 0.885"]  # the truth itself
    assert "lacks 1 clip" in printed
    assert f"ccstereo train --config ccstereo --config ablation/avad --data.path {five.folder}" in printed
    content = json.loads((tmp_path / "table" / "table.json").read_text())["rows"]
    for row, more in (("baseline", ["--no-tdss"]), ("tdss", [])):
        arguments = ("--weights", weights, "--normalize", "peak", "-q", *more)
        assert fill(five.folder, tmp_path / row, *arguments) == 0
        expected = json.loads((tmp_path / row / "record.json").read_text())["summary"]["prediction"]
        found = content[row]["folds"]["five-split2"]
        assert found == {name: pytest.approx(expected[name]["mean"]) for name in ("stft", "env", "mag", "phs", "snr")}
    assert content["baseline"]["folds"] != content["tdss"]["folds"]


def test_folds_are_averaged_and_what_is_scored_is_kept(make_set, truths, tmp_path: Path, capsys, monkeypatch) -> None:
    folds = {f"ten-split{k}": {"train": ["f"], "val": ["e"], "test": test} for k, test in ((1, ["a"]), (3, ["b", "c"]))}
    prepared = make_set(tmp_path / "set", folds).folder
    assert fill(prepared, tmp_path / "table", "--paper", "fairplay-ten", "--runs", tmp_path / "none") == 0
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "table" / "table.json").read_text())["rows"]["mono"]["folds"]
    mean = (found["ten-split1"]["stft"] + found["ten-split3"]["stft"]) / 2
    assert f"| Mono-Mono | 2 of 10 | {mean:.3f} / 1.155 |" in printed
    assert "| CLUP | missing | - / 0.787 | - / 0.128 | - / 5.244 | - / 7.546 |" in printed
    monkeypatch.setattr("ccstereo.evaluation.systems.Mono.predict", None)  # nothing is scored again
    assert fill(prepared, tmp_path / "table", "--paper", "fairplay-ten", "--runs", tmp_path / "none") == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--paper", "table-9", "--runs", "."], 2, "no table 'table-9'; tables are ablation"),
        (["--paper", "ablation"], 2, "--paper needs --runs"),
        (["--runs", "."], 2, "--runs goes with --paper"),
        (["--paper", "ablation", "--runs", ".", "--no-tdss"], 2, "--paper and --no-tdss exclude each other"),
        (["--paper", "ablation", "--runs", ".", "--mask-bound", "1"], 2, "--paper and --mask-bound exclude"),
        (["--paper", "yt-clean", "--runs", "."], 1, "has no fold of table yt-clean"),
    ],
)
def test_wrong_usage(five, tmp_path: Path, arguments: list[str], status: int, message: str, capsys) -> None:
    try:
        found = fill(five.folder, tmp_path / "table", *arguments)
    except SystemExit as stop:
        found = stop.code
    assert found == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "table").exists()


def test_a_run_that_holds_weights_and_predictions(five, tmp_path: Path, capsys) -> None:
    for name in ("weights", "predictions"):
        (tmp_path / "runs" / "avad" / "five-split2" / name).mkdir(parents=True)
    assert fill(five.folder, tmp_path / "table", "--paper", "ablation", "--runs", tmp_path / "runs") == 1
    assert "holds weights and predictions" in capsys.readouterr().err
