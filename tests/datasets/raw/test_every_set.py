"""Every set from its raw layout to a score by the real command line, and to the same bytes whatever happens."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.models import load_model
from small import TRAIN_SMALL

TINY = [
    *TRAIN_SMALL,
    *("--trainer.accelerator", "cpu", "--trainer.max_steps", "2", "--trainer.default_root_dir", "out"),
    *("--data.batch_size", "2", "--data.workers", "0", "--data.epoch_size", "4", "--data.validation_size", "2"),
]
FOLDS = {
    "fairplay-ten": "ten-split1",
    "fairplay-five": "five-split3",
    "music": "default",
    "yt-music": "yt-music-1-val",
    "rec-street": "rec-street-2-val",
    "yt-music-foa": "yt-music-1-val",
    "folder": "default",
}
TABLES = {  # of papers, by set
    "fairplay-ten": "fairplay-ten",
    "fairplay-five": "fairplay-five",
    "music": "music-stereo",
    "yt-music": "yt-music",
    "yt-music-foa": "yt-music",
}


@dataclass
class Sets:
    """Raw sets, and what one process prepares of each; made when asked for."""

    request: pytest.FixtureRequest
    folder: Path
    made: dict[str, Path] = field(default_factory=dict)

    def arguments(self, kind: str) -> list[str]:
        """Of `ccstereo prepare`, but for the output."""
        kind, kept = kind.removesuffix("-foa"), kind.endswith("-foa")
        layout = "yt360" if kind in ("yt-music", "rec-street") else kind
        raw = self.request.getfixturevalue(f"{layout}_raw")
        if kind == "music":
            (self.folder / "ids.txt").write_text("\n".join(raw.ids))
            return ["music", str(raw.videos), "--ids", str(self.folder / "ids.txt")]
        if layout == "yt360":
            lists = ["--lists", str(raw.lists), "--set", kind, "--seconds", "1"]
            return ["yt360", str(raw.videos), *lists, "--sound", "foa" if kept else "binaural"]
        return [kind, str(raw), *(["--seconds", "1"] if kind == "folder" else [])]

    def prepared(self, kind: str) -> Path:
        if kind not in self.made:
            assert main(["prepare", *self.arguments(kind), "-o", str(self.folder / kind), "--jobs", "1"]) == 0
            self.made[kind] = self.folder / kind
        return self.made[kind]


@pytest.fixture(scope="module")
def sets(request, tmp_path_factory) -> Sets:
    return Sets(request, tmp_path_factory.mktemp("sets"))


@pytest.mark.parametrize("name", FOLDS)
def test_from_the_raw_layout_to_a_score(sets: Sets, name: str, tmp_path: Path, monkeypatch, capsys) -> None:
    """Prepare with all its quirks, check, train two steps, score the test split with the trained weights."""
    pytest.importorskip("lightning")
    prepared, fold = sets.prepared("fairplay" if name.startswith("fairplay") else name), FOLDS[name]
    assert (prepared / "unused.jsonl").read_text()  # every raw set has files that cannot be used
    assert main(["prepare", "--check", str(prepared)]) == 0
    monkeypatch.chdir(tmp_path)
    arguments = ["--config", "lite-stage", "--data.path", str(prepared), "--data.fold", fold, *TINY]
    assert main(["train", *arguments]) == 0
    weights = tmp_path / "out" / "weights"
    assert all(parameter.isfinite().all() for parameter in load_model(str(weights)).parameters())
    capsys.readouterr()
    arguments = ["--weights", str(weights), "--fold", fold, "--split", "test", "--hop", "0.3", "--jobs", "1"]
    assert main(["evaluate", str(prepared), *arguments, "-o", "scores"]) == 0
    assert "STFT" in capsys.readouterr().out
    with (tmp_path / "scores" / "clips.csv").open() as file:
        scored = {row[next(iter(row))] for row in csv.DictReader(file)}
    assert scored == set(PreparedSet(prepared).ids(fold, "test"))
    if name not in TABLES:
        return
    (tmp_path / "runs" / "ccstereo").mkdir(parents=True)
    weights.parent.rename(tmp_path / "runs" / "ccstereo" / fold)
    assert (
        main(["evaluate", str(prepared), "--paper", TABLES[name], "--runs", "runs", "-o", "table", "--jobs", "1"]) == 0
    )
    rows = {line.split(" | ")[0]: line.split(" | ") for line in capsys.readouterr().out.splitlines()}
    assert re.fullmatch(r"1 of \d+", rows["| CCStereo"][1])
    assert re.fullmatch(r"\d+\.\d{3} / 0\.\d{3}", rows["| CCStereo"][2])
    assert rows["| Mono2Binaural"][1] == "missing"


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be killed so there")
@pytest.mark.parametrize("kind", ["fairplay", "rec-street"])  # and folder, in test_folder.py
def test_the_same_bytes_with_four_processes_and_after_a_kill(sets: Sets, kind: str, tmp_path: Path, tree) -> None:
    whole = tree(sets.prepared(kind))
    command = [sys.executable, "-m", "ccstereo", "prepare", *sets.arguments(kind)]
    subprocess.run([*command, "-o", tmp_path / "four", "--jobs", "4"], check=True, capture_output=True)
    assert tree(tmp_path / "four") == whole
    run = subprocess.Popen([*command, "-o", tmp_path / "killed", "--jobs", "1"], stdout=subprocess.DEVNULL)
    journal, until = tmp_path / "killed" / "journal.jsonl", time.monotonic() + 120
    while not (journal.exists() and journal.read_text().count("\n") >= 2):  # its head and a source
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.002)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "killed" / "dataset.json").exists()
    again = subprocess.run(
        [*command, "-o", tmp_path / "killed", "--jobs", "1"], check=True, capture_output=True, text=True
    )
    assert "done before" in again.stdout
    assert tree(tmp_path / "killed") == whole
