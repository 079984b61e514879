"""`ccstereo simulate cut-out`: photos without their backgrounds, in a folder of the same layout and splits."""

import sys

import numpy as np
import pytest
import soundfile
from PIL import Image

from ccstereo.cli.main import main
from ccstereo.scenes.cut_out import foreground
from ccstereo.scenes.material import load_material

pytest.importorskip("cv2")


def disc(height: int = 90, width: int = 120) -> np.ndarray:
    """A red disc of a third of the height on a bluish, noisy ground."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 60, (height, width, 3)).astype(np.uint8) + np.array([0, 60, 120], dtype=np.uint8)
    y, x = np.ogrid[:height, :width]
    picture[(y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 3) ** 2] = (220, 30, 20)
    return picture


def test_what_stands_in_front_is_kept_and_nothing_else() -> None:
    alpha = foreground(disc())
    assert alpha.shape == (90, 120)
    assert alpha[45, 60] == 255
    assert not alpha[:10].any()
    assert (alpha > 127).mean() == pytest.approx(np.pi * 30**2 / (90 * 120), rel=0.05)
    assert ((alpha > 0) & (alpha < 255)).any()  # a soft outline


def test_a_picture_of_nothing_stays_whole() -> None:
    assert foreground(np.full((60, 60, 3), 90, np.uint8)) is None


def test_a_stage_becomes_a_stage_with_the_same_splits(tmp_path, capsys) -> None:
    stage, out = tmp_path / "stage", tmp_path / "cut"
    for folder in ("photos/cat", "sounds/cat", "backgrounds"):
        (stage / folder).mkdir(parents=True)
    for i in range(3):
        Image.fromarray(disc(60 + i, 80)).save(stage / f"photos/cat/{i}.jpg", quality=95)
        Image.new("RGB", (60, 30)).save(stage / f"backgrounds/{i}.png")
        soundfile.write(stage / f"sounds/cat/{i}.wav", np.full(16_000, 0.1), 16_000)
    assert main(["simulate", "cut-out", str(stage), "-o", str(out), "--jobs", "1"]) == 0
    assert "3 of 3 photos cut out" in capsys.readouterr().out
    for split in ("train", "val", "test"):
        (whole,), (cut,) = (load_material(folder, split).photos["cat"] for folder in (stage, out))
        assert cut.shape == (*whole.shape[:2], 4)
        assert np.abs(cut[..., :3].astype(int) - whole).max() <= 2
        assert len(load_material(out, split).sounds["cat"]) == 1


def test_one_line_says_what_is_wrong(tmp_path, capsys, monkeypatch) -> None:
    command = ["simulate", "cut-out", str(tmp_path), "-o", str(tmp_path / "cut"), "--jobs", "1"]
    assert main(command) == 1
    assert capsys.readouterr().err == f"ccstereo: error: {tmp_path}: has no photos/<class>/*\n"
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "0.jpg").write_bytes(b"no photo")
    assert main(command) == 1
    assert "0.jpg: cannot be read" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert main(command) == 1
    assert "pip install 'ccstereo[cut-out]'" in capsys.readouterr().err
