"""research/splits: the list of the stage's files was written before training, and nothing stands on two sides."""

import csv
import runpy
from collections import defaultdict
from pathlib import Path

RESEARCH = Path(__file__).parents[2] / "research"
LIST = RESEARCH / "splits" / "stage33.csv"


def rows() -> list[dict[str, str]]:
    with LIST.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_nothing_stands_on_two_sides() -> None:
    for name in ("file", "sha256", "group"):
        sides = defaultdict(set)
        for row in rows():
            sides[row[name]].add(row["split"])
        assert {key: found for key, found in sides.items() if len(found) > 1} == {}


def test_every_class_is_in_every_split() -> None:
    classes = defaultdict(set)
    for row in rows():
        kind, label, *_ = row["file"].split("/")
        classes[row["split"], kind].add(label)
    assert set(classes) == {
        (s, k) for s in ("train", "val", "test", "final") for k in ("photos", "sounds", "backgrounds")
    }
    labels = classes["train", "photos"]
    assert len(labels) == 33
    assert all(classes[split, "photos"] == labels for split in ("val", "test", "final"))
    assert all(classes[split, "sounds"] == labels for split in ("train", "test", "final"))
    assert labels - classes["val", "sounds"] == {"speaker"}  # of its four voices two train


def test_voices_are_on_one_side() -> None:
    sides = {
        row["file"].rpartition("_")[2]: row["split"] for row in rows() if row["file"].startswith("sounds/speaker/")
    }
    assert sides == {"lucas.ogg": "train", "theo.ogg": "train", "nicolas.ogg": "test", "yweweler.ogg": "final"}


def test_the_files_are_those_of_the_list(shared: Path) -> None:
    script = runpy.run_path(str(RESEARCH / "scripts" / "make_splits.py"))
    assert script["check"](LIST, [shared / "stage", shared / "stage2"]) == []


def test_a_changed_or_missing_file_is_named(tmp_path: Path) -> None:
    script = runpy.run_path(str(RESEARCH / "scripts" / "make_splits.py"))
    (tmp_path / "photos/cat").mkdir(parents=True)
    for name in "ab":
        (tmp_path / f"photos/cat/{name}.jpg").write_text(name)
    checksum = script["sha256"](tmp_path / "photos/cat/a.jpg")
    listed = tmp_path / "list.csv"
    listed.write_text(f"file,sha256\nphotos/cat/a.jpg,{checksum}\nphotos/cat/b.jpg,0\nphotos/cat/c.jpg,0\n")
    assert [fault.rpartition("/")[2] for fault in script["check"](listed, [tmp_path])] == [
        "c.jpg: is not in any of the folders",
        "b.jpg: has another checksum",
    ]
