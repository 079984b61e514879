"""Files appear whole or not at all."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ccstereo import files
from ccstereo.files import PartialFile, atomic_path, sweep, temporary_beside, write_atomic

HOLD = """
import sys
from ccstereo.files import PartialFile
partial = PartialFile(sys.argv[1])
partial.path.write_bytes(b"half")
print(partial.path.name, flush=True)
sys.stdin.read()
"""


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    target.write_text("earlier")
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "earlier"
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".mp4")
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("begun", [True, False])
def test_whatever_stops_it_the_earlier_file_stays(tmp_path: Path, stop: type[BaseException], begun: bool) -> None:
    target = tmp_path / "film.mp4"
    target.write_text("earlier")

    def write() -> None:
        with atomic_path(target) as temporary:
            if begun:
                temporary.write_text("ha")
            raise stop

    with pytest.raises(stop):
        write()
    assert target.read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_a_target_that_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomic(tmp_path / "folder", "text")
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "missing" / "a.txt", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_names_are_short_enough_hidden_and_never_the_same(tmp_path: Path) -> None:
    target = tmp_path / f"{'x' * 250}.mp4"
    names = {temporary_beside(target).name for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) < 64 and name.startswith(".x") and name.endswith(".part.mp4") for name in names)


def test_text_and_bytes(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "Käse\n")
    write_atomic(str(tmp_path / "b"), b"\0\xff")
    assert (tmp_path / "a").read_bytes() == "Käse\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\0\xff"


def test_a_name_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", os.fsdecode(b"caf\xe9.mp4"))
    assert (tmp_path / "a").read_bytes() == rb"caf\udce9.mp4"


@pytest.fixture
def writing(tmp_path: Path):
    """Another process that writes film.mp4, and the name under which it does."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "film.mp4")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        name = process.stdout.readline().strip()
        yield process, tmp_path / name
        process.kill()


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(writing, tmp_path: Path) -> None:
    process, half = writing
    mine = PartialFile(tmp_path / "film.mp4")
    sweep(tmp_path)
    assert half.read_bytes() == b"half"
    process.kill()
    process.wait()
    assert half.exists()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [mine.path]
    mine.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_takes_its_half_files_with_it(writing, tmp_path: Path) -> None:
    process, half = writing
    process.communicate()
    assert process.returncode == 0
    assert not half.exists()


def test_leftovers_of_other_machines_are_swept_after_a_day(tmp_path: Path) -> None:
    names = [".film.0123abcd-0000.part.mp4", ".film.0123abcd.part.mp4"]  # the second is of an earlier release
    kept = [".film.part.mp4", "film.0123abcd-0000.part.mp4", ".film.0123abcd-0000.mp4"]
    for name in names + kept:
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names + kept)
    for name in names + kept:
        os.utime(tmp_path / name, (time.time() - 90_000,) * 2)
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_writing_sweeps_its_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of small files in a folder: looking through it for each would take the square of the time."""
    left = temporary_beside(tmp_path / "a")
    left.touch()
    write_atomic(tmp_path / "b", "text")
    assert not left.exists()
    monkeypatch.setattr(files, "sweep", lambda folder: pytest.fail(f"swept {folder} again"))
    write_atomic(tmp_path / "c", "text")


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there, and no need of them")
def test_without_locks_nothing_young_is_swept(writing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, half = writing
    process.kill()
    process.wait()

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    write_atomic(tmp_path / "new", "text")
    assert half.exists()
    os.utime(half, (time.time() - 90_000,) * 2)
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
