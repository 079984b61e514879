"""Frames as a video has them: `bench score --frames`."""

import numpy as np
import pytest

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.cli.main import main
from ccstereo.evaluation.frames import CHANGES, frame_change
from ccstereo.scenes import render_frames, sample_scene, synthetic_material

EXAMPLES = [example for _, examples in CHANGES.values() for example in examples.split(", ")]


@pytest.fixture(scope="module")
def moving() -> np.ndarray:
    """Twelve frames of a scene that moves."""
    material = synthetic_material("test")
    return render_frames(sample_scene(material, 3, duration=1.2, sources=2, moving=True), material)


def away(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("change", ["", *EXAMPLES])
def test_every_frame_stays_in_its_place_and_is_hardly_another(moving, change) -> None:
    found = frame_change(change)(moving)
    assert found.dtype == np.uint8
    assert len(found) == len(moving)
    assert frame_change(change)(moving[:1]).shape == (1, *found.shape[1:])  # one that stands still stays one
    if found.shape != moving.shape:
        assert found.shape[1:] == (720, 1280, 3)
        return
    assert (away(found, moving) == 0) == (not change)
    # Each is nearer to its own scene's moment than to one a second away, but for what all frames lost alike.
    lost = (found.astype(float) - moving).mean((0, 3), keepdims=True)
    assert away(found[0], moving[0] + lost[0]) < away(found[0], moving[-1] + lost[0])


def test_a_codec_that_saves_more_loses_more(moving) -> None:
    lost = [away(frame_change(f"h264 {crf}")(moving), moving) for crf in (15, 30, 45)]
    assert 0 < lost[0] < lost[1] < lost[2] < 40


@pytest.mark.parametrize(
    "change", ["sepia", "h264", "h264 best", "blur", "blur -1", "grey 2", "h264 33 wide", "jpeg 4 4x4"]
)
def test_what_is_no_change(change) -> None:
    with pytest.raises(ValueError, match="such are: h264 33"):
        frame_change(change)


def test_the_table_has_lines_of_each_change(made, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["bench", "score", str(made.folder), "--rows", "one", "--jobs", "1", "--hop", "0.5"]
    assert main([*command, "--frames", "blur 8", "grey"]) == 0
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| one")]
    weights = DEFAULT_WEIGHTS
    assert [line[1] for line in lines[1:4]] == [weights, f"{weights}, blur 8", f"{weights}, grey"]
    assert len({line[2] for line in lines[1:4]}) > 1
    with pytest.raises(SystemExit) as stop:
        main([*command, "--frames", "sepia"])
    assert stop.value.code == 2
    assert "no change of frames 'sepia'" in capsys.readouterr().err
