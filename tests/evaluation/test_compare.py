import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.reader import PreparedSet


def command(prepared: PreparedSet, predictions: Path, output: Path, *arguments: str | Path) -> list[str]:
    words = ["evaluate", prepared.folder, "--fold", "one", "--predictions", predictions, "-o", output, "--jobs", 1]
    return [str(word) for word in [*words, *arguments]]


@pytest.fixture
def noisy(prepared, tmp_path):
    """`noisy(name, level)`: a folder of predictions as far from the truth as `level` says."""

    def make(name: str, level: float) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        rng = np.random.default_rng(0)
        for clip in prepared.ids("one", "test"):
            sound = prepared.sound(clip)
            found = (sound + level * rng.standard_normal(sound.shape)).astype(np.float32)
            soundfile.write(folder / f"{clip}.wav", found.T, 16_000, subtype="FLOAT")
        return folder

    return make


def test_a_run_with_itself(prepared, noisy, tmp_path, capsys):
    folder = noisy("some", 0.01)
    assert main(command(prepared, folder, tmp_path / "one")) == 0
    assert main(command(prepared, folder, tmp_path / "two", "--compare", tmp_path / "one")) == 0
    found = json.loads((tmp_path / "two" / "record.json").read_text())["comparison"]
    assert found["with"]["name"] == "some"
    for score in found["scores"].values():
        assert (score["difference"], score["low"], score["high"], score["better"], score["p_value"]) == (0, 0, 0, 0, 1)
    assert "| some (two) against some (one) | difference" in capsys.readouterr().out


def test_the_better_run(prepared, noisy, tmp_path, capsys):
    good, bad = noisy("good", 0.01), noisy("bad", 0.03)
    assert main(command(prepared, bad, tmp_path / "bad-run")) == 0
    assert main(command(prepared, good, tmp_path / "good-run", "--compare", tmp_path / "bad-run")) == 0
    scores = json.loads((tmp_path / "good-run" / "record.json").read_text())["comparison"]["scores"]
    for name, sign in (("stft", -1), ("env", -1), ("snr", 1)):
        assert sign * scores[name]["low"] > 0
        assert sign * scores[name]["high"] > 0
        assert scores[name]["better"] == 1
        assert scores[name]["clips"] == 4
        assert scores[name]["p_value"] == 2 / 2**4  # all clips agree, or all do not
    assert "| good against bad |" in (tmp_path / "good-run" / "summary.md").read_text()
    assert "| STFT ↓ | -0." in capsys.readouterr().out


def test_what_cannot_be_compared(prepared, make_set, noisy, tmp_path, capsys):
    folder = noisy("some", 0.01)
    first = tmp_path / "first"
    assert main(command(prepared, folder, first)) == 0
    other = make_set(tmp_path / "other", {"one": {"test": ["a", "b", "c", "d"]}})
    third = make_set(tmp_path / "third", {"one": {"test": ["d", "a", "c", "b"]}})
    table = third.folder / "clips.jsonl"
    table.write_text(table.read_text().replace('"start": 0.0', '"start": 1.0'))
    capsys.readouterr()
    for there, options, reason in (
        (prepared, ["--wav", "sum"], "its scores.wav is mean, not sum"),
        (prepared, ["--normalize", "peak"], "its scores.normalize is none, not peak"),
        (other, [], "its split.sha256"),
        (third, [], "its dataset.sha256"),
    ):
        assert main(command(there, folder, tmp_path / "second", "--compare", first, *options)) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert reason in error
        assert not (tmp_path / "second").exists()  # said before any work is done
    assert main(command(prepared, folder, tmp_path / "second", "--compare", tmp_path / "nothing")) == 1
    assert "holds no finished evaluation" in capsys.readouterr().err
    (first / "journal.jsonl").write_text("{broken\n")
    assert main(command(prepared, folder, tmp_path / "second", "--compare", first)) == 1
    assert "is damaged" in capsys.readouterr().err
    assert main(command(prepared, folder, tmp_path / "cut")) == 0
    lines = (tmp_path / "cut" / "journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "cut" / "journal.jsonl").write_text("".join(lines[:-1]))
    assert main(command(prepared, folder, tmp_path / "second", "--compare", tmp_path / "cut")) == 1
    assert "cannot be read" in capsys.readouterr().err
