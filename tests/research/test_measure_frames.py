"""research/scripts/measure_frames.py: a benchmark with frames as a video has them."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ccstereo.scenes import render_frames, sample_scene, synthetic_material

SCRIPT = Path(__file__).parents[2] / "research" / "scripts" / "measure_frames.py"
SCRIPT_NAMES = runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def moving() -> np.ndarray:
    """Twelve frames of a scene that moves."""
    material = synthetic_material("test")
    return render_frames(sample_scene(material, 3, duration=1.2, sources=2, moving=True), material)


def away(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("kind", SCRIPT_NAMES["FRAMES"])
def test_every_frame_stays_in_its_place_and_is_hardly_another(moving, kind) -> None:
    change = SCRIPT_NAMES["FRAMES"][kind]
    changed = change(moving)
    assert changed.dtype == np.uint8
    assert len(changed) == len(moving)
    assert change(moving[:1]).shape == (1, *changed.shape[1:])  # one that stands still stays one
    if changed.shape != moving.shape:
        assert changed.shape[1:] == (720, 1280, 3)
        return
    assert (away(changed, moving) == 0) == (kind == "as they are")
    # Each is nearer to its own scene's moment than to one a second away, but for what all frames lost alike.
    lost = (changed.astype(float) - moving).mean((0, 3), keepdims=True)
    assert away(changed[0], moving[0] + lost[0]) < away(changed[0], moving[-1] + lost[0])


def test_a_codec_told_to_save_more_loses_more(moving) -> None:
    h264 = SCRIPT_NAMES["h264"]
    assert 0 < away(h264(moving, 15), moving) < away(h264(moving, 30), moving) < away(h264(moving, 45), moving) < 40


def test_what_is_no_benchmark_is_one_line(tmp_path) -> None:
    run = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "holds no benchmark" in run.stderr


def test_the_table_has_a_line_of_each_kind_of_frames(made) -> None:
    command = [sys.executable, SCRIPT, made.folder, "--rows", "one", "--scenes", "1"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines() if line.startswith("| one")]
    assert [line[:2] for line in lines] == [["one (1)", kind] for kind in SCRIPT_NAMES["FRAMES"]]
    assert len({line[2] for line in lines}) > 1
