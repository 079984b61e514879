"""A run that was killed finds again what it had done."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ccstereo.errors import DatasetError
from ccstereo.journal import Journal, check_settings, first_difference, read_journal

SETTINGS = {"model": {"name": "lite", "hop": 0.1}, "size": (120, 240)}


def test_what_was_done_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "journal.jsonl"
    journal = Journal(path, SETTINGS)
    items = [{"id": "a", "score": 0.5}, {"id": "Käse"}, {"id": os.fsdecode(b"caf\xe9")}]
    for item in items:
        journal.append(item)
    assert journal.items == items
    again = Journal(path, SETTINGS)
    assert again.items == items
    assert read_journal(path) == ({"model": {"name": "lite", "hop": 0.1}, "size": [120, 240]}, items)
    again.remove()
    again.remove()
    assert not path.exists()


@pytest.mark.parametrize("cut", [b'{"id": "b", "sc', b'{"id": "b\xc3', b"\0\0\0\0"])
def test_a_line_that_is_not_whole_is_dropped(tmp_path: Path, cut: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, SETTINGS).append({"id": "a"})
    path.write_bytes(path.read_bytes() + cut)
    journal = Journal(path, SETTINGS)
    assert journal.items == [{"id": "a"}]
    journal.append({"id": "c"})  # not behind the half line
    assert Journal(path, SETTINGS).items == [{"id": "a"}, {"id": "c"}]


def test_items_of_a_finished_run(tmp_path: Path) -> None:
    assert Journal(tmp_path / "a.jsonl", SETTINGS, [{"id": 1}]).items == [{"id": 1}]
    assert Journal(tmp_path / "a.jsonl", SETTINGS, [{"id": 2}]).items == [{"id": 1}]  # the journal knows better


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, SETTINGS).append({"id": "a"})
    before = path.read_bytes()
    with pytest.raises(DatasetError, match=r"model\.hop is 0\.1, not 0\.2"):
        Journal(path, SETTINGS | {"model": {"name": "lite", "hop": 0.2}})
    with pytest.raises(DatasetError, match="seed is None, not 1"):
        Journal(path, SETTINGS | {"seed": 1})
    assert path.read_bytes() == before
    check_settings(tmp_path, {"size": [1, 2]}, {"size": (1, 2)})
    assert first_difference(SETTINGS, SETTINGS) == ""


@pytest.mark.parametrize("content", ["", "nonsense\n", '{"model": '])
def test_a_damaged_head(tmp_path: Path, content: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(content)
    with pytest.raises(DatasetError, match="is damaged"):
        Journal(path, SETTINGS)


def test_threads(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl", SETTINGS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: journal.append({"id": k, "text": "x" * 5000}), range(200)))
    assert sorted(item["id"] for item in Journal(journal.path, SETTINGS).items) == list(range(200))
