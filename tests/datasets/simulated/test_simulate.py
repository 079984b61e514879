"""The command: a set that all other commands take, the same bytes however it was made."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.media import MediaReader, probe, read_channels
from small import TRAIN_SMALL


def command(files: Path, output: Path, jobs: int) -> list[str]:
    inputs = ["--photos", str(files / "photos"), "--sounds", str(files / "sounds"), "-o", str(output)]
    return [sys.executable, "-m", "ccstereo", "simulate", *inputs, "--seconds", "1", "--clips", "14", "--jobs", jobs]


def test_the_set_is_whole(made: Path, capsys) -> None:
    assert main(["prepare", "--check", str(made)]) == 0
    prepared = PreparedSet(made)
    assert len(prepared.clips) == 14
    assert [len(prepared.ids("default", split)) for split in ("train", "val", "test")] == [10, 2, 2]
    for row in prepared.clips.values():
        assert (row.samples, row.frames) == (16_000, 10)
        mixture = prepared.sound(row.id).sum(0)
        assert float(np.sqrt(np.square(mixture).mean())) == pytest.approx(0.1, rel=1e-3)


def test_nothing_of_a_file_is_in_two_splits(made: Path) -> None:
    homes: dict[str, str] = {}
    for row in PreparedSet(made).clips.values():
        for source in row.tags["sources"]:
            for name in (f"photo {source['photo']}", f"sound {source['sound']}"):
                assert homes.setdefault(name, row.tags["split"]) == row.tags["split"]
    assert set(homes.values()) == {"train", "val", "test"}


def test_the_truth_is_in_frame_and_sound(made: Path) -> None:
    """Patches stand where the tags say, on black; the louder ear is on the side of a single source."""
    prepared = PreparedSet(made)
    sides = 0
    for row in prepared.clips.values():
        sources = row.tags["sources"]
        shown = prepared.frame(row.id, 5).max(-1) > 40
        columns = np.flatnonzero(shown.any(0)) / 480
        edges = [(s["x"][0] - s["width"] / 2, s["x"][0] + s["width"] / 2) for s in sources]
        assert all(any(low - 0.02 < x < high + 0.02 for low, high in edges) for x in columns)
        azimuth = sources[0]["azimuth"][0]
        if len(sources) == 1 and abs(azimuth) > 10:
            left, right = np.square(prepared.sound(row.id)).mean(1)
            assert (left > right) == (azimuth > 0)
            sides += 1
    assert sides >= 1


def test_sheet_and_preview(made: Path) -> None:
    with Image.open(made / "contact-sheet.png") as sheet:
        assert sheet.width > 1000
        middle = np.asarray(sheet.convert("RGB").crop((0, 36, 320, 196)))  # of the first clip
    wanted = Image.fromarray(PreparedSet(made).frame("000000", 5)).resize((320, 160))
    np.testing.assert_array_equal(middle, np.asarray(wanted))
    info = probe(made / "preview.mp4")
    assert info.video is not None
    assert (info.video.width, info.video.height) == (480, 280)
    assert info.duration == pytest.approx(6, abs=0.2)
    sound, _ = read_channels(made / "preview.mp4", 2)
    prepared = PreparedSet(made)
    first = prepared.sound(next(iter(prepared.clips)))
    inner = slice(2000, 14_000)
    assert np.corrcoef(sound.T[:, inner].ravel(), first[:, inner].ravel())[0, 1] > 0.95
    with MediaReader(made / "preview.mp4", frame_size=(280, 480)) as reader:
        frame = next(chunk.frame for chunk in reader if hasattr(chunk, "frame"))
    np.testing.assert_allclose(frame[:240], prepared.frame("000000", 0), atol=60)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be killed so there")
@pytest.mark.timeout(600)  # a dozen processes that import PyTorch, on a machine that may be busy
def test_the_same_bytes_of_four_processes_killed_and_gone_on_with(
    files: Path, made: Path, simulate, tmp_path: Path, tree, capsys
) -> None:
    journal = tmp_path / "set" / "journal.jsonl"
    run = subprocess.Popen(command(files, tmp_path / "set", "4"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 200
    while not (journal.exists() and journal.read_text().count("\n") >= 4):
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.001)
    children = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True).stdout.split()
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    while left := [child for child in children if alive(int(child))]:  # its processes end with it
        assert time.monotonic() < until, [Path(f"/proc/{child}/status").read_text() for child in left]
        time.sleep(0.01)
    assert not (tmp_path / "set" / "dataset.json").exists()
    assert simulate(tmp_path / "set", "--clips", "14") == 0
    assert "of 14 clips done before" in capsys.readouterr().out
    assert tree(tmp_path / "set") == tree(made)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked after does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_set_grows_and_keeps_what_it_has(simulate, tmp_path: Path, tree, capsys) -> None:
    output = tmp_path / "set"
    assert simulate(output, "--clips", "3") == 0
    before = tree(output)
    assert simulate(output, "--clips", "5") == 0
    assert "3 of 5 clips done before" in capsys.readouterr().out
    after = tree(output)
    assert all(after[name] == data for name, data in before.items() if name.startswith(("sound", "frames")))
    for options, words in [(["--seed", "1"], "0, not 1"), (["--clips", "2"], "clips of other sources")]:
        assert simulate(output, "--clips", "5", *options) == 1
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("render", ["hrir", "ambisonic"])
def test_stage_on_backgrounds(simulate, files: Path, tmp_path: Path, render: str) -> None:
    options = ["--recipe", "stage", "--backgrounds", str(files / "backgrounds"), "--render", render, "-q"]
    assert simulate(tmp_path / "set", "--clips", "8", *options) == 0
    prepared = PreparedSet(tmp_path / "set")
    assert {row.tags["render"] for row in prepared.clips.values()} == {render}
    assert all(row.tags["background"] for row in prepared.clips.values())
    for row in prepared.clips.values():
        moves = any(len(source["azimuth"]) > 1 for source in row.tags["sources"])
        films = any(source["photo"] in ("car/drive.mp4", "car/turn") for source in row.tags["sources"])
        assert (len(set(prepared.jpegs(row.id))) > 1) == (moves or films)


def test_legacy_rate_is_noted(simulate, tmp_path: Path) -> None:
    assert simulate(tmp_path / "set", "--clips", "3", "--legacy-hrir-rate", "-q") == 0
    prepared = PreparedSet(tmp_path / "set")
    assert prepared.info.options["legacy_hrir_rate"] is True
    assert all(row.tags["legacy_hrir_rate"] for row in prepared.clips.values())


def test_broken_files_are_reported_and_stop_nothing(copied: Path, tmp_path: Path, capsys) -> None:
    (copied / "photos" / "bell" / "broken.jpg").write_bytes(b"\xff\xd8 and no more")
    soundfile.write(copied / "sounds" / "drum" / "silent.wav", np.zeros(16_000), 16_000)
    (copied / "photos" / "kazoo").mkdir()
    inputs = ["--photos", str(copied / "photos"), "--sounds", str(copied / "sounds")]
    assert (
        main(["simulate", *inputs, "-o", str(tmp_path / "set"), "--seconds", "1", "--clips", "3", "--jobs", "1"]) == 0
    )
    out = capsys.readouterr().out
    assert "3 could not be used" in out
    assert "photos (bell/broken.jpg): cannot be read" in out
    assert "sounds (drum/silent.wav): is silent" in out
    assert "photos (kazoo): is a class without sounds" in out
    lines = (tmp_path / "set" / "unused.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 3


def test_two_steps_of_training(made: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    tiny = [
        *TRAIN_SMALL,
        *("--trainer.accelerator", "cpu", "--trainer.max_steps", "2", "--data.batch_size", "2", "--data.workers", "0"),
        *("--data.epoch_size", "4", "--data.validation_size", "2", "--trainer.default_root_dir", "run"),
    ]
    assert main(["train", "--config", "lite-stage", "--data.path", str(made), *tiny]) == 0
    assert (tmp_path / "run" / "weights" / "model.safetensors").is_file()


def test_shards_are_made_of_it(made: Path, tmp_path: Path) -> None:
    assert main(["shard", str(made), "-o", str(tmp_path / "shards"), "-q"]) == 0
    assert list((tmp_path / "shards").glob("train-*.tar"))


def test_wrong_usage_and_errors(simulate, files: Path, tmp_path: Path, capsys) -> None:
    for options in (["--fps", "11"], ["--seconds", "0.5"], ["--seed", "-1"], ["--render", "stereo"], ["--clips", "0"]):
        with pytest.raises(SystemExit) as stop:
            simulate(tmp_path / "set", *options)
        assert stop.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
    for options, words in [
        (["--photos", str(tmp_path)], "holds no folders"),
        (["--sofa", str(tmp_path / "none.sofa")], "no such SOFA file"),
        (["-o", str(files)], "is no prepared set"),
    ]:
        assert simulate(tmp_path / "set", *options) == 1
        error = capsys.readouterr().err
        assert error.startswith("ccstereo: error: ")
        assert words in error
        assert error.count("\n") == 1
    with pytest.raises(SystemExit) as stop:
        main(["simulate", "--help"])
    assert stop.value.code == 0
    assert "examples:\n  ccstereo simulate" in capsys.readouterr().out
