"""Any folder of videos, through the real command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.media import read_channels, write_video

VIDEOS = 9


@pytest.fixture(scope="module")
def videos(folder_raw: Path) -> Path:
    return folder_raw


@pytest.fixture(scope="module")
def prepared(videos, tmp_path_factory) -> Path:
    """What one process makes of them."""
    output = tmp_path_factory.mktemp("prepared") / "set"
    assert main(["prepare", "folder", str(videos), "-o", str(output), "--seconds", "1", "--jobs", "1"]) == 0
    return output


def command(videos: Path, output: Path, jobs: int) -> list[str]:
    arguments = ["prepare", "folder", str(videos), "-o", str(output), "--seconds", "1", "--jobs", str(jobs)]
    return [sys.executable, "-m", "ccstereo", *arguments]


def test_what_is_used_and_what_is_not(prepared: Path) -> None:
    made = PreparedSet(prepared)
    assert len({row.source for row in made.clips.values()}) == VIDEOS  # day 1/0.mkv comes before day 1/0.mp4
    lengths = sorted({row.duration for row in made.clips.values()})
    assert lengths == [1.0]  # the half second at the end of each is too short
    unused = {}
    for line in (prepared / "unused.jsonl").read_text().splitlines():
        row = json.loads(line)
        unused[row["source"]] = row["reason"]
    assert set(unused) == {"cut", "one", "equal", "left", "page", next(k for k in unused if k.startswith("day-1-0"))}
    assert "moov" in unused["cut"] or "cut off" in unused["cut"]
    assert "1 channel, not 2" in unused["one"]
    assert "channels are equal" in unused["equal"]
    assert "right channel is silent" in unused["left"]
    assert "text file" in unused["page"]


def test_clips_are_the_video(prepared: Path, videos: Path) -> None:
    made = PreparedSet(prepared)
    source, rate = read_channels(videos / "day 1" / "3.mp4", 2)
    ids = [row.id for row in made.clips.values() if row.source.startswith("day-1-3")]
    sound = np.concatenate([made.sound(name) for name in ids], axis=1)
    assert rate == 16_000
    np.testing.assert_allclose(sound, source.T[:, : sound.shape[1]], atol=2 / 32768)
    assert [made.clips[name].start for name in ids] == [0.0, 1.0]
    levels = [float(made.frame(name, k).mean()) for name in ids for k in range(10)]
    np.testing.assert_allclose(levels, (10 * np.arange(20) + 20) % 200, atol=3)


def test_the_split_is_by_file(prepared: Path) -> None:
    made = PreparedSet(prepared)
    parts = {part: made.ids("default", part) for part in ("train", "val", "test")}
    sources = {part: {made.clips[name].source for name in names} for part, names in parts.items()}
    assert [len(sources[part]) for part in parts] == [7, 1, 1]
    assert sum(map(len, parts.values())) == len(made.clips) == len(set().union(*parts.values()))
    assert len(set().union(*sources.values())) == VIDEOS


def test_byte_identical_files_do_not_stand_in_two_splits(make_video, tmp_path: Path, capsys) -> None:
    for number in range(3):
        make_video(tmp_path / "in" / f"{number}.mp4", 1.0, seed=number)
    shutil.copy(tmp_path / "in" / "0.mp4", tmp_path / "in" / "again.mp4")
    assert main(["prepare", "folder", str(tmp_path / "in"), "-o", str(tmp_path / "set"), "--jobs", "1"]) == 0
    assert f"again (again.mp4): is a copy of {tmp_path / 'in' / '0.mp4'}, which is used" in capsys.readouterr().out
    checksums = [row.sound_sha256 for row in PreparedSet(tmp_path / "set").clips.values()]
    assert len(checksums) == len(set(checksums)) == 3


def test_report(videos: Path, prepared: Path, capsys, tree) -> None:
    """Said again when there is nothing to do; the panned file is warned of; the files stay as they are."""
    before = tree(prepared)
    assert main(["prepare", "folder", str(videos), "-o", str(prepared), "--seconds", "1", "--jobs", "2"]) == 0
    out, error = capsys.readouterr()
    assert f"{len(PreparedSet(prepared).clips)} clips" in out
    assert "done before" in out
    assert "sha256" in out
    assert "could not be used" in out
    assert "right channel is silent" in out
    assert "warning: 1 of 9 files sound like ordinary stereo" in error
    assert "day-1-8" in error
    assert tree(prepared) == before
    assert main(["prepare", "--check", str(prepared)]) == 0


def test_the_same_bytes_with_four_processes(videos: Path, prepared: Path, tmp_path: Path, tree) -> None:
    subprocess.run(command(videos, tmp_path / "set", 4), check=True, capture_output=True)
    assert tree(tmp_path / "set") == tree(prepared)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be killed so there")
def test_the_same_bytes_after_a_kill(videos: Path, prepared: Path, tmp_path: Path, tree) -> None:
    output = tmp_path / "set"
    journal = output / "journal.jsonl"
    run = subprocess.Popen(command(videos, output, 2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (journal.exists() and journal.read_text().count("\n") >= 3):
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.002)
    children = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True).stdout.split()
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not (output / "dataset.json").exists()
    while any(alive(int(child)) for child in children):  # its processes end with it
        assert time.monotonic() < until
        time.sleep(0.05)
    with pytest.raises(SystemExit):
        main(["prepare", "folder", str(videos)])
    assert main(["prepare", "--check", str(output)]) == 1
    done = subprocess.run(command(videos, output, 2), check=True, capture_output=True, text=True).stdout
    assert "done before" in done
    assert tree(output) == tree(prepared)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked after does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_check_finds_what_is_wrong(videos: Path, prepared: Path, tmp_path: Path, capsys) -> None:
    subprocess.run(["cp", "-r", prepared, tmp_path / "set"], check=True)
    made = PreparedSet(tmp_path / "set")
    first, second, third, fourth = list(made.clips)[:4]
    data = bytearray(Path(made.where(first, "sound")).read_bytes())
    data[1000] ^= 1
    Path(made.where(first, "sound")).write_bytes(data)
    Path(made.where(second, "frames")).write_bytes(Path(made.where(second, "frames")).read_bytes()[:-1])
    Path(made.where(third, "sound")).unlink()
    (made.folder / "sound" / "stray.wav").write_bytes(b"")
    train = made.folder / "splits" / "default" / "train.txt"
    train.write_text(train.read_text() + made.ids("default", "val")[0] + "\n")
    capsys.readouterr()
    assert main(["prepare", "--check", str(made.folder)]) == 1
    out, error = capsys.readouterr()
    for words in (f"{first}.wav: has another checksum", f"{second}.mjpeg: is cut off", f"{third}.wav: cannot be read"):
        assert words in out
    assert "stray.wav" in out
    assert "is named twice or in two splits" in out
    assert fourth not in out
    assert error.count("\n") == 1
    Path(made.where(second, "frames")).unlink()
    Path(made.where(first, "sound")).unlink()
    assert main(["prepare", "folder", str(videos), "-o", str(made.folder), "--seconds", "1", "--jobs", "1"]) == 0
    assert main(["prepare", "--check", str(made.folder)]) == 0


def test_sound_at_another_rate_and_long_pictures(tmp_path: Path) -> None:
    """44.1 kHz sound keeps its length and place; pictures that end early stand to the end."""
    rate = 44_100
    time_ = np.arange(round(2.2 * rate)) / rate
    sound = np.stack([0.5 * np.sin(2 * np.pi * 440 * time_), 0.5 * np.sin(2 * np.pi * 440 * time_ + 0.5)])
    frames = np.full((18, 48, 96, 3), 99, np.uint8)
    (tmp_path / "in").mkdir()
    write_video(tmp_path / "in" / "a.mp4", frames, sound.astype(np.float32), sample_rate=rate)
    assert main(["prepare", "folder", str(tmp_path / "in"), "-o", str(tmp_path / "set"), "--jobs", "1", "-q"]) == 0
    made = PreparedSet(tmp_path / "set")
    (row,) = made.clips.values()
    assert (row.samples, row.frames) == (35_200, 22)
    at = np.arange(4000, 30_000) / 16_000
    np.testing.assert_allclose(made.sound(row.id)[0, 4000:30_000], 0.5 * np.sin(2 * np.pi * 440 * at), atol=0.03)


@pytest.mark.parametrize("kind", [[], ["folder"], ["fairplay"], ["music"]])
def test_help(kind: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["prepare", *kind, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "examples:\n  ccstereo prepare" in text
    assert not kind or "--jobs N" in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["folder", "x"],
        ["folder", "x", "-o", "y", "--jobs", "0"],
        ["folder", "x", "-o", "y", "--sofa", "z.sofa"],
        ["music", "x"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["prepare", *arguments])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_errors_are_one_line(tmp_path: Path, capsys, make_video) -> None:
    (tmp_path / "empty").mkdir()
    make_video(tmp_path / "mono" / "a.mp4", 1.0, "one")
    output = ["-o", str(tmp_path / "set"), "--jobs", "1"]
    for folder, words in [("none", "no such folder"), ("empty", "no video"), ("mono", "1 channel, not 2")]:
        assert main(["prepare", "folder", str(tmp_path / folder), *output]) == 1
        error = capsys.readouterr().err
        assert error.startswith("ccstereo: error: ")
        assert words in error
        assert error.count("\n") == 1
