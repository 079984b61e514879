"""Files appear whole or not at all."""

import os
from pathlib import Path

import pytest

from ccstereo.files import atomic_path, temporary_beside, write_atomic


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
