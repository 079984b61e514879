"""Which files a command line means."""

from pathlib import Path

import pytest

from ccstereo.batch import Input, find_inputs

NAMES = [
    *("b.mp4", "a.MOV", "c.mkv", "c.binaural.mkv", ".hidden.mp4", "notes.txt", "sound.wav", "cover.jpg"),
    *("sub/d.webm", "sub/b.mp4", "sub/.cache/e.mp4", "clip [1080p].mp4"),
]


@pytest.fixture
def clips(tmp_path, monkeypatch):
    for name in NAMES:
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "clips"


def names(found):
    return [each.path.as_posix() for each in found.files]


def test_a_folder_is_its_videos(clips):
    """Sorted; neither hidden files nor results of this program; what is no video by its name is counted."""
    found = find_inputs(["clips"])
    assert names(found) == ["clips/a.MOV", "clips/b.mp4", "clips/c.mkv", "clips/clip [1080p].mp4"]
    assert found.others == 3
    assert {each.below for each in found.files} == {Path()}
    assert found.faults == ()


def test_folders_within_keep_their_place(clips):
    found = find_inputs(["clips"], recursive=True)
    assert [(each.path.name, each.below) for each in found.files if each.below != Path()] == [
        ("b.mp4", Path("sub")),
        ("d.webm", Path("sub")),
    ]
    assert len(found.files) == 6


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("clips/*.mkv", ["clips/c.mkv"]),
        ("clips/*.[mM][pPoO]*", ["clips/a.MOV", "clips/b.mp4", "clips/clip [1080p].mp4"]),
        ("clips/**/b.mp4", ["clips/b.mp4", "clips/sub/b.mp4"]),
        ("clips/clip [1080p].mp4", ["clips/clip [1080p].mp4"]),  # a file of that name is meant
    ],
)
def test_a_pattern_that_no_shell_has_replaced(clips, pattern, expected):
    assert names(find_inputs([pattern])) == expected


def test_a_file_is_taken_once_and_as_it_is(clips):
    """Whatever its name says: it was asked for."""
    (clips / "link.mp4").symlink_to(clips / "b.mp4")
    found = find_inputs(["clips/b.mp4", "clips", "clips/c.binaural.mkv", "clips/notes.txt", "none.mp4"])
    assert names(found).count("clips/b.mp4") == 1
    assert "clips/link.mp4" not in names(found)
    assert names(found)[-3:] == ["clips/c.binaural.mkv", "clips/notes.txt", "none.mp4"]
    assert found.files[0] == Input(Path("clips/b.mp4"), Path(), True)


def test_what_means_no_file(clips):
    found = find_inputs(["empty", "clips/*.avi", "clips/b.mp4"])
    assert names(found) == ["clips/b.mp4"]
    assert found.faults == (
        ("empty", "holds no video to convert; --recursive looks in the folders within, too"),
        ("clips/*.avi", "no file to convert matches"),
    )
    odd = find_inputs(["-", "https://example.org/film.mp4?a=1"])
    assert [reason for _, reason in odd.faults] == ["is no file; convert it alone, with -o FILE"] * 2
    assert find_inputs(["empty"], recursive=True).faults == (("empty", "holds no video to convert"),)
