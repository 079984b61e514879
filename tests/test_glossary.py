"""tools/glossary.py: planted words are found, and those that are allowed are not."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "glossary.py"
NAMES = runpy.run_path(str(TOOL))


def words(text: str, path: str = "src/ccstereo/media/some.py") -> list[tuple[int, str]]:
    return [(found.number, found.text) for found in NAMES["find_words"](text, Path(path))]


@pytest.mark.parametrize(
    "planted",
    [
        *(
            "the picture",
            "PICTURE_SIZE",
            "PictureSize",
            "What is heard.",
            "a network hears",
            "told = 1",
            "it tells why",
        ),
        *("treble_gain", "drawn scenes", "drawn_share", "room_share", "a share of the frames", "--data.spread 2.4"),
        *("config.level", "--width 0.7", "it makes do with half", "and goes on with it", "is left out", "train_part"),
        *("what it has seen", "a listener to sounds", "footage", "variety", "the simulation's truth"),
    ],
)
def test_a_planted_word_is_found(planted) -> None:
    assert len(words(f"nothing here\n{planted}\n")) == 1
    assert words(f"nothing here\n{planted}\n")[0][0] == 2


@pytest.mark.parametrize(
    "fine",
    [
        *("unseen photos", "withdrawn", "drawn from a normal distribution", "Look up", "sharing memory", "spread over"),
        *("processes share memory", "a frame of the video", "leading zeros", "frame.pict_type"),
    ],
)
def test_words_of_the_field_pass(fine) -> None:
    assert words(fine) == []


def test_a_word_may_stand_where_it_is_allowed_and_nowhere_else() -> None:
    line = "a listener who stands in a room"
    assert words(line, "src/ccstereo/scenes/acoustics/rooms.py") == []
    assert words(line, "src/ccstereo/models/lite.py") == [(1, "listener")]


def test_every_allowed_line_has_a_reason_and_files() -> None:
    for rule in NAMES["ALLOWED"]:
        assert rule.reason
        assert list(TOOL.parents[1].glob(rule.files)), rule.files


def test_the_command_prints_where_and_what_to_say(tmp_path) -> None:
    file = tmp_path / "planted.md"
    file.write_text("x\nwhat is heard\n")
    run = subprocess.run([sys.executable, TOOL, file], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stdout.startswith(f'{file}:2: "heard": say input')
    file.write_text("the input\n")
    assert subprocess.run([sys.executable, TOOL, file], check=False).returncode == 0
