"""Many files through the real command line: what becomes of each, whatever happens to one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ccstereo import plugins
from ccstereo.batch import Batch, Input, Record, Report, plan
from ccstereo.cli.binauralize_many import table, totals
from ccstereo.cli.main import main
from ccstereo.media import probe


@pytest.fixture
def run(weights, tmp_path, monkeypatch, capsys):
    """The command in the folder that holds the videos: its status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        status = main(["binauralize", *map(str, arguments), "--weights", weights, "--backend", "torch"])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


def records(folder="OUT"):
    lines = (Path(folder) / "report.jsonl").read_text().splitlines()
    return {Path(record["input"]).name: record for record in map(json.loads, lines)}


def test_a_folder_becomes_a_folder(folder, run):
    (folder / "notes.txt").write_text("no video")
    status, output, error = run("videos", "-o", "OUT/")
    assert (status, error) == (0, "")
    assert "6 converted (9 s), 0 done before, 0 failed; 1 other file skipped" in output
    for source in sorted(folder.glob("clip*")):
        result = Path("OUT") / f"{source.stem}.binaural{source.suffix}"
        assert probe(result).audio.channels == 2
        record = records()[source.name]
        assert record["state"] == "done"
        assert record["seconds"] == pytest.approx(probe(source).duration, abs=0.05)
        assert record["output_size"] == result.stat().st_size
        assert 0 < record["side_to_mid"] < 1
    assert [path.name for path in Path("OUT").glob(".*") if ".part" in path.name] == []


def test_the_second_run_does_nothing_and_a_new_file_is_added(folder, run):
    (folder / "clip5.mov").rename("later.mov")
    run("videos", "-o", "OUT/", "-q")
    before = {path: path.stat().st_mtime_ns for path in Path("OUT").glob("*.binaural.*")}
    Path("later.mov").rename(folder / "later.mov")
    assert run("videos", "-o", "OUT/", "--dry-run")[1].count("skip ") == 5
    status, output, _ = run("videos", "-o", "OUT/")
    assert status == 0
    assert "1 converted (2 s), 5 done before, 0 failed" in output
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(records()) == 6


def test_what_crashes_fails_alone(folder, run, monkeypatch):
    """A decoder that kills its process, at the first look or later; no memory; no video; no sound; no file."""
    monkeypatch.setenv(plugins.VARIABLE, "tiny_models,crashing")
    for name in ("crash", "header", "large"):
        shutil.copy(folder / "clip0.mp4", folder / f"{name}.mp4")
    (folder / "text.mp4").write_text("no video at all")
    status, output, error = run("videos", "none.mp4", "-o", "OUT", "--jobs", "2")
    assert status == 1
    assert "6 converted (9 s), 0 done before, 5 failed" in output
    reasons = {name: record["error"] for name, record in records().items() if record["error"]}
    assert set(reasons) == {"crash.mp4", "header.mp4", "large.mp4", "text.mp4", "none.mp4"}
    assert "died, twice" in reasons["crash.mp4"]
    assert "died, twice" in reasons["header.mp4"]
    assert "not enough memory" in reasons["large.mp4"]
    assert "text file" in reasons["text.mp4"]
    assert "no such file" in reasons["none.mp4"]
    assert len(error.splitlines()) == 5
    assert all(line.startswith("ccstereo: error: ") for line in error.splitlines())


def test_files_of_ones_own_stay_and_others_are_done(folder, run):
    Path("OUT").mkdir()
    Path("OUT/clip1.binaural.mkv").write_text("mine")
    status, _, error = run("videos", "-o", "OUT", "-q")
    assert status == 1
    assert "clip1.binaural.mkv: exists already; --overwrite replaces it" in error
    assert Path("OUT/clip1.binaural.mkv").read_text() == "mine"
    assert len(records()) == 5
    status, _, error = run("videos", "-o", "OUT", "-q", "--gain", "-3")
    assert error.count("was made with other settings: options.gain is 0.0, not -3.0") == 5
    assert run("videos", "-o", "OUT", "-q", "--gain", "-3", "--overwrite")[0] == 0
    assert probe("OUT/clip1.binaural.mkv").audio.channels == 2


def test_nothing_is_made_where_nothing_is_found(folder, run):
    status, output, error = run("vidoes/*.mp4", "-o", "OUT/")
    assert (status, output, error.count("\n")) == (1, "", 1)
    assert "vidoes/*.mp4" in error
    status, output, _ = run("vidoes/*.mp4", "-o", "OUT/", "--json")
    assert (status, json.loads(output)["state"]) == (1, "failed")
    assert not Path("OUT").exists()


def test_a_dry_run_says_all_and_touches_nothing(folder, run):
    (folder / "sub").mkdir()
    shutil.copy(folder / "clip0.mp4", folder / "sub" / "deep.mp4")
    (folder / "text.mp4").write_text("no video at all")
    (folder / "notes.txt").write_text("no video")
    status, output, error = run("videos", "-o", "OUT", "--recursive", "--dry-run")
    assert (status, error) == (1, "")
    assert "convert videos/sub/deep.mp4 to OUT/sub/deep.binaural.mp4 (1.0 s)" in output
    assert output.count("convert ") == 7
    assert "fail    videos/text.mp4: videos/text.mp4: is a text file" in output
    assert output.endswith("skip    1 other file, no videos by name\n")
    assert not Path("OUT").exists()


def test_json_has_a_line_a_file(folder, run):
    (folder / "text.mp4").write_text("no video at all")
    for state in ("planned", "done", "skipped"):
        extra = ["--dry-run"] if state == "planned" else []
        status, output, _ = run("videos/clip0.mp4", "videos/text.mp4", "-o", "OUT", "--json", *extra)
        assert status == 1
        found = {Path(line["input"]).name: line for line in map(json.loads, output.splitlines())}
        assert (found["clip0.mp4"]["state"], found["text.mp4"]["state"]) == (state, "failed")
        assert found["clip0.mp4"]["seconds"] == pytest.approx(1.0, abs=0.05)


def test_a_file_into_a_folder(folder, run):
    """Its name ends in a slash, or the folder is there."""
    Path("there").mkdir()
    for name in ("new/", "there"):
        status, output, _ = run("videos/clip0.mp4", "-o", name, "--dry-run")
        assert (status, output) == (0, f"convert videos/clip0.mp4 to {Path(name)}/clip0.binaural.mp4 (1.0 s)\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a.mp4", "b.mp4"], "several files, folders and patterns need -o FOLDER"),
        (["*.mp4"], "several files, folders and patterns need -o FOLDER"),
        (["a.mp4", "b.mp4", "-o", "c.mp4"], "need a folder, not a file"),
    ],
)
def test_wrong_usage(run, arguments, reason, capsys):
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2
    assert reason in capsys.readouterr().err


def test_ctrl_c_ends_all_and_keeps_what_is_done(folder, weights, tmp_path):
    """Status 130, whole results with their lines, no half file, no process that works on."""
    for k in range(40):
        shutil.copy(folder / "clip5.mov", folder / f"more{k}.mov")
    command = [
        sys.executable,
        "-m",
        "ccstereo",
        "binauralize",
        "videos",
        "-o",
        "OUT/",
        "--weights",
        weights,
        "--backend",
        "torch",
        "-q",
    ]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
    try:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            [*command, "--jobs", "2"],
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    out = tmp_path / "OUT"
    with process:
        while not list(out.glob("[!.]*.binaural.*")):
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip().splitlines()[-1].startswith("ccstereo: interrupted")
    assert "Traceback" not in error
    found = {path.name for path in out.glob("[!.]*.binaural.*")}
    assert 0 < len(found) < 46
    states = [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]
    assert {Path(line["output"]).name for line in states if line["state"] == "done"} <= found
    assert len(states) == 46
    assert [path.name for path in out.iterdir() if ".part" in path.name] == []
    deadline = time.monotonic() + 20
    while lives(process.pid):  # what counts resources of processes ends a little after them
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lives(group):
    """Whether any process of a group runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_progress_is_in_seconds_of_all_files(folder, weights, tmp_path):
    seen = []
    report = Report(tmp_path / "OUT")
    batch = Batch({"weights": weights, "backend": "torch"})
    jobs = plan([Input(path) for path in sorted(folder.glob("clip*"))], report, batch.settings())
    assert [record.state for _, record in batch.convert(jobs, report, progress=lambda *both: seen.append(both))] == [
        "done"
    ] * 6
    assert seen[-1][0] == seen[-1][1] == pytest.approx(9.0, abs=0.2)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_table():
    long = "a-very-long-name-" * 4 + ".mp4"
    found = [
        Record("a.mp4", "OUT/a.binaural.mp4", "done", 12.34, 6.0, 2.06, 0.2, notes=["skipped"]),
        Record(long, "OUT/b.mp4", "skipped", 100.0, 10.0, 10.0, 0.15),
        Record("c.mp4", "", "failed", error="c.mp4: is empty"),
    ]
    lines = table(found).splitlines()
    assert lines[1].split() == ["a.mp4", "12.3", "2.1", "0.20", "OUT/a.binaural.mp4", "(1", "note)"]
    assert lines[2].startswith("...")
    assert lines[2].split()[1:] == ["100.0", "10.0", "0.15", "done", "before"]
    assert lines[3].split() == ["c.mp4", "failed"]
    assert totals(found) == "1 converted (12 s), 1 done before, 1 failed"
