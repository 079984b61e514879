"""MUSIC-Stereo in small, through the real command line."""

import hashlib
import json
from pathlib import Path

import pytest

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.format import ClipRow
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.splits import split_by_source
from ccstereo.datasets.sources.music import read_ids
from ccstereo.errors import DatasetError


@pytest.mark.parametrize("as_json", [False, True])
def test_prepare(music_raw, tmp_path: Path, as_json: bool, capsys) -> None:
    videos, names = music_raw.videos, music_raw.ids
    ids = tmp_path / ("ids.json" if as_json else "ids.txt")
    ids.write_text(json.dumps({"videos": {"flute": names[:2], "tuba": names[2:]}}) if as_json else "\n".join(names))
    assert main(["prepare", "music", str(videos), "--ids", str(ids), "-o", str(tmp_path / "set"), "--jobs", "1"]) == 0
    made = PreparedSet(tmp_path / "set")
    assert {(row.id, row.duration) for row in made.clips.values()} == {
        ("-aB_c1@0000", 10.0),
        ("-aB_c1@0001", 10.0),
        ("Dxy-2@0000", 10.0),
        ("third6@0000", 10.0),
    }
    lines = [json.loads(line) for line in (made.folder / "unused.jsonl").read_text().splitlines()]
    reasons = {row["source"]: row["reason"] for row in lines}
    (unlisted,) = (source for source, reason in reasons.items() if reason == f"is not in {ids}")
    assert reasons.pop(unlisted)
    assert unlisted.startswith("Dxy-2-webm-")
    assert set(reasons) == {"mono3", "gone4", "short5", "cut7", "Dxy-2"}
    assert "not more than 0.001" in reasons["mono3"]
    assert "no video of this id" in reasons["gone4"]
    assert "holds no clip" in reasons["short5"]
    assert "moov" in reasons["cut7"] or "cut off" in reasons["cut7"]
    assert "id of another source" in reasons["Dxy-2"]
    out, error = capsys.readouterr()
    digest = hashlib.sha256()
    for part in ("train", "val", "test"):
        digest.update(f"[{part}]\n".encode() + (made.folder / "splits" / "default" / f"{part}.txt").read_bytes())
    assert digest.hexdigest() in out
    assert "1 of 3 files sound like ordinary stereo" in error


def test_ids_that_cannot_be_read(tmp_path: Path, music_raw, capsys) -> None:
    for name, content in [("a.json", "{"), ("b.json", "[1, 2]"), ("c.txt", " \n")]:
        (tmp_path / name).write_text(content)
        with pytest.raises(DatasetError, match="ids"):
            read_ids(tmp_path / name)
    (tmp_path / "d.txt").write_text("nobody\n")
    command = ["prepare", "music", str(music_raw.videos), "--ids", str(tmp_path / "d.txt"), "-o", str(tmp_path / "set")]
    assert main(command) == 1
    assert "holds none of the 1 videos" in capsys.readouterr().err


def test_split_by_source() -> None:
    def row(source: int, clip: int) -> ClipRow:
        name = f"{source}@{clip}"
        return ClipRow(name, str(source), 0, 0.0, 1.0, 16_000, 10, 1.0, 0.5, (0.1, 0.1), 0.1, "", "", {})

    rows = [row(source, clip) for source in range(100) for clip in range(1 + source % 3)]
    parts = split_by_source(rows)
    assert parts == split_by_source(rows[::-1])
    sources = {part: {name.split("@")[0] for name in names} for part, names in parts.items()}
    assert [len(sources[part]) for part in ("train", "val", "test")] == [80, 10, 10]
    assert sum(map(len, parts.values())) == len(rows)
    assert sum(map(len, sources.values())) == len(set.union(*sources.values()))
    assert split_by_source(rows, seed=1) != parts
    for count, sizes in [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1]), (10, [8, 1, 1])]:
        few = split_by_source([row(source, 0) for source in range(count)])
        assert [len(few[part]) for part in ("train", "val", "test")] == sizes


@pytest.mark.parametrize(("count", "sizes"), [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1]), (12, [10, 1, 1])])
def test_a_single_source_is_split_by_time(count: int, sizes: list[int]) -> None:
    rows = [
        ClipRow(f"a@{k}", "a", 0, 10.0 * k, 10.0, 160_000, 100, 1.0, 0.5, (0.1, 0.1), 0.1, "", "", {})
        for k in range(count)
    ]
    parts = split_by_source(rows[::-1])
    assert [len(parts[part]) for part in ("train", "val", "test")] == sizes
    assert [name for part in ("train", "val", "test") for name in parts[part]] == [row.id for row in rows]
