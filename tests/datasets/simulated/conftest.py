"""Synthetic photos and sounds written as a user's files, a video crop and a folder of frames among them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from ccstereo.cli.main import main
from ccstereo.scenes.synthetic.photos import synthetic_background, synthetic_photo
from ccstereo.scenes.synthetic.sounds import synthetic_sound

CLASSES = ("bell", "drum", "car")


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of four photos and three sounds, three backgrounds; a video and a folder of frames of cars."""
    from ccstereo.media import write_video

    folder = tmp_path_factory.mktemp("files")
    for place, label in enumerate(CLASSES):
        for kind in ("photos", "sounds"):
            (folder / kind / label).mkdir(parents=True)
        for number in range(4):
            photo = synthetic_photo(label, np.random.default_rng([place, number]))
            Image.fromarray(photo).save(folder / "photos" / label / f"{number}.png")
        for number in range(3):
            sound = synthetic_sound(label, 16_000, np.random.default_rng([place, number]))
            soundfile.write(folder / "sounds" / label / f"{number}.wav", sound[:24_000], 16_000)
    (folder / "backgrounds").mkdir()
    for number in range(3):
        Image.fromarray(synthetic_background(np.random.default_rng(number))).save(
            folder / "backgrounds" / f"{number}.png"
        )
    grey = np.linspace(10, 240, 6).astype(np.uint8)[:, None, None, None]
    frames = np.broadcast_to(grey, (6, 64, 96, 3)).copy()
    write_video(folder / "photos" / "car" / "drive.mp4", frames, np.zeros((1, 9600), np.float32), sample_rate=16_000)
    (folder / "photos" / "car" / "turn").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / "photos" / "car" / "turn" / f"{8 + number}.jpg")
    return folder


@pytest.fixture(scope="session")
def simulate(files: Path) -> Callable[..., int]:
    """`simulate(output, *options)` runs the command on the files in this process."""

    def run(output: Path, *options: str) -> int:
        inputs = ["--photos", str(files / "photos"), "--sounds", str(files / "sounds")]
        return main(["simulate", *inputs, "-o", str(output), "--seconds", "1", "--jobs", "1", *options])

    return run


@pytest.fixture(scope="session")
def made(simulate: Callable[..., int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 14 clips made by one process."""
    output = tmp_path_factory.mktemp("made") / "set"
    assert simulate(output, "--clips", "14") == 0
    return output


@pytest.fixture
def copied(files: Path, tmp_path: Path) -> Path:
    """The files, to be broken."""
    return Path(shutil.copytree(files, tmp_path / "files"))


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes]]:
    """`tree(folder)`: every file's content by its path."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return read
