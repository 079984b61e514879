"""Runs that are killed, interrupted or begun otherwise."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from ccstereo.cli.main import main
from ccstereo.evaluation.runs import _Task


def command(prepared, output: Path, *arguments) -> list[str]:
    return [str(w) for w in ["evaluate", prepared.folder, "--fold", "one", "-o", output, "--jobs", "1", *arguments]]


def files(folder: Path) -> dict[str, object]:
    """All that a run wrote, without the seconds it took; of sounds the samples, as .wav files hold the time of day."""
    record = json.loads((folder / "record.json").read_text())
    del record["seconds"], record["jobs"]
    found: dict[str, object] = {"record.json": record}
    for path in folder.rglob("*"):
        if path.suffix == ".wav":
            found[path.name] = soundfile.read(path)[0].tolist()
        elif path.is_file() and path.suffix not in (".json", ".jsonl"):
            found[path.name] = path.read_bytes()
    return found


@pytest.fixture
def stopping(monkeypatch):
    """Has the second clip that is scored raise what it is given."""

    def stop(error: BaseException) -> None:
        score, begun = _Task.__call__, []

        def failing(self, work):
            begun.append(work)
            if len(begun) == 2:
                raise error
            return score(self, work)

        monkeypatch.setattr(_Task, "__call__", failing)

    return stop


def test_a_killed_run_resumes_to_the_same_files(prepared, weights, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = ("--weights", weights, "--save-predictions", "-q")
    assert main(command(prepared, whole, *options)) == 0
    process = subprocess.Popen([sys.executable, "-m", "ccstereo", *command(prepared, broken, *options, "--hop", "0.1")])
    journal, deadline = broken / "journal.jsonl", time.monotonic() + 120
    while not journal.is_file() or len(journal.read_text().splitlines()) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (broken / "record.json").exists()
    done = journal.read_text()
    assert main(command(prepared, broken, *options)) == 0
    assert files(broken) == files(whole)
    assert 1 <= done.count("\n") <= 13  # three systems a clip


def test_what_is_scored_is_not_scored_again(prepared, truths, tmp_path, stopping, monkeypatch, capsys):
    stopping(RuntimeError("the disk fell down"))
    run = tmp_path / "run"
    assert main(command(prepared, run, "--predictions", truths)) == 1
    assert "the disk fell down" in capsys.readouterr().err
    journal = run / "journal.jsonl"
    done = {json.loads(line)["item"] for line in journal.read_text().splitlines()[1:]}
    assert done == {"d"}
    with journal.open("a") as file:
        file.write(
            '{"system": "mono#1", "item": "a", "seconds": 3, "scor'
        )  # as a kill in the middle of a write leaves it
    monkeypatch.undo()
    scored = []
    score = _Task.__call__
    monkeypatch.setattr(_Task, "__call__", lambda self, work: scored.append(work[0]) or score(self, work))
    assert main(command(prepared, run, "--predictions", truths)) == 0
    assert set(scored) == {"a", "b", "c"}
    assert main(command(prepared, tmp_path / "whole", "--predictions", truths)) == 0
    assert files(run) == files(tmp_path / "whole")


def test_a_finished_run_is_not_scored_again(prepared, truths, tmp_path, stopping):
    run = tmp_path / "run"
    assert main(command(prepared, run, "--predictions", truths)) == 0
    before = files(run)
    stopping(AssertionError())
    assert main(command(prepared, run, "--predictions", truths)) == 0
    assert files(run) == before


def test_predictions_asked_for_later_are_made(prepared, weights, tmp_path):
    run = tmp_path / "run"
    assert main(command(prepared, run, "--weights", weights)) == 0
    before = (run / "clips.csv").read_bytes()
    assert main(command(prepared, run, "--weights", weights, "--save-predictions")) == 0
    assert sorted(p.name for p in (run / "predictions").iterdir()) == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert (run / "clips.csv").read_bytes() == before


def test_the_number_of_jobs_changes_nothing(prepared, weights, tmp_path):
    for jobs in (1, 3):
        assert main(command(prepared, tmp_path / str(jobs), "--weights", weights, "--jobs", jobs)) == 0
    assert files(tmp_path / "1") == files(tmp_path / "3")


def test_interrupt(prepared, weights, tmp_path):
    """Ctrl-C: status 130, one line, and what was being scored is kept."""
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "ccstereo", *command(prepared, run, "--weights", weights, "--hop", "0.01", "-q")],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not (run / "journal.jsonl").is_file():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert "interrupted" in error
    assert len((run / "journal.jsonl").read_text().splitlines()) <= 10
    assert not (run / "record.json").exists()


def test_other_settings_are_another_run(prepared, truths, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(command(prepared, run, "--predictions", truths)) == 0
    before = files(run)
    capsys.readouterr()
    assert main(command(prepared, run, "--predictions", truths, "--wav", "sum")) == 1
    assert (
        "was begun with other settings: scores.wav is mean, not sum; choose another folder" in capsys.readouterr().err
    )
    assert main(command(prepared, run, "--predictions", truths, "--split", "val")) == 1
    shutil.copy(truths / "a.wav", truths / "b.wav")
    sizes = {path.stat().st_size for path in truths.iterdir()}
    if len(sizes) == 1:
        assert main(command(prepared, run, "--predictions", truths)) == 1
        assert "prediction.sha256" in capsys.readouterr().err
    assert files(run) == before


def test_a_folder_of_something_else_is_left_alone(prepared, truths, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    (tmp_path / "file").touch()
    for name in ("mine", "file"):
        assert main(command(prepared, tmp_path / name, "--predictions", truths)) == 1
        assert "choose another folder" in capsys.readouterr().err
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.jsonl").write_text("{broken\n")
    assert main(command(prepared, tmp_path / "run", "--predictions", truths)) == 1
    assert "is damaged" in capsys.readouterr().err
