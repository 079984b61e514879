"""Scores of test files are noted in a ledger; those of validation files are not."""

import json

import pytest

from ccstereo.cli.main import main
from ccstereo.evaluation import make_benchmark
from ccstereo.evaluation.ledger import find_ledger
from ccstereo.models import save_model


@pytest.fixture
def weights(lite, tmp_path) -> str:
    return str(save_model(lite, tmp_path / "runs" / "mine" / "3" / "weights"))


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder deep in a checkout of this project, as the working folder."""
    deep = tmp_path / "checkout" / "src" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "checkout" / "pyproject.toml").write_text('[project]\nname = "ccstereo"\n')
    monkeypatch.chdir(deep)
    return tmp_path / "checkout"


def command(folder, weights, *more) -> list[str]:
    return ["bench", "score", str(folder), "--weights", weights, "--jobs", "1", "--rows", "one", "--hop", "0.5", *more]


def test_a_line_for_every_look_at_test_files(made, weights, checkout, capsys) -> None:
    for _ in range(2):
        assert main(command(made.folder, weights)) == 0
        assert "noted in" in capsys.readouterr().err
    first, second = map(json.loads, (checkout / "research" / "ledger.jsonl").read_text().splitlines())
    assert {**first, "date": ""} == {**second, "date": ""}
    assert first["weights"] == "mine-3"
    assert first["benchmark"] == made.sha256
    assert len(first["sha256"]) == 64
    assert first["date"][4] == "-"
    assert first["rows"]["one"]["scenes"] == 2
    assert first["rows"]["one"]["stft_to_mono"] > 0


def test_another_ledger_or_none(made, weights, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_ledger(tmp_path) is None
    assert main(command(made.folder, weights)) == 0
    assert "no ledger notes it" in capsys.readouterr().err
    assert main(command(made.folder, weights, "--ledger", str(tmp_path / "mine.jsonl"))) == 0
    assert len((tmp_path / "mine.jsonl").read_text().splitlines()) == 1


def test_validation_files_are_for_choosing(made, weights, lite, checkout, tmp_path, capsys) -> None:
    from ccstereo.evaluation import Origin

    val = make_benchmark(tmp_path / "val", Origin(split="val"), rows=["one"], scenes=2, seconds=0.7)
    assert main(command(val.folder, weights)) == 0
    assert not (checkout / "research").exists()
    assert "ledger" not in capsys.readouterr().err
    other = str(save_model(lite, tmp_path / "other"))
    select = ["bench", "select", str(val.folder), "--weights", weights, other, "--jobs", "1", "--hop", "0.5"]
    assert main(select) == 0
    assert "best of 2, mean over rows: mine-3" in capsys.readouterr().out
    assert main(["bench", "select", str(made.folder), "--weights", weights, other]) == 1
    assert "weights are chosen by validation files alone" in capsys.readouterr().err


def test_files_that_cannot_be_written_are_refused_before_the_work(made, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ccstereo.cli.bench._score", lambda *_: pytest.fail("scored"))
    (tmp_path / "file").touch()
    for option in ("--json", "--csv", "--ledger"):
        for place, reason in (("missing/x", "there is no folder missing"), (".", "is a folder")):
            assert main(["bench", "score", str(made.folder), option, place]) == 1
            error = capsys.readouterr().err
            assert error.count("\n") == 1
            assert reason in error
    assert main(["bench", "--json", "missing/x.json"]) == 1
    assert "there is no folder missing" in capsys.readouterr().err
    assert main(["bench", "score", str(made.folder), "-o", "file"]) == 1
    assert "file" in capsys.readouterr().err
