"""Material for scenes, and raw data sets in their layouts."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import raw_sets
from ccstereo.scenes.material import Material

COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250)}


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def material() -> Material:
    """Three classes with a colour, three pictures and two noises each, on grounds that are darker on their left."""
    rng = np.random.default_rng(7)
    ground = np.repeat(np.linspace(60, 180, 200).astype(np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=-1)
    return Material(
        "coloured",
        {label: tuple(np.full((60, w, 3), c, np.uint8) for w in (40, 60, 80)) for label, c in COLOURS.items()},
        {label: tuple(rng.standard_normal((2, 40_000)).astype(np.float32)) for label in COLOURS},
        (ground,),
    )


@pytest.fixture(scope="session")
def make_video():
    """`raw_sets.make_video`."""
    return raw_sets.make_video


@pytest.fixture(scope="session")
def tree():
    """`tree(folder)`: every file's content by its path, to compare two folders byte by byte."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return read


@pytest.fixture(scope="session")
def folder_raw(tmp_path_factory) -> Path:
    return raw_sets.make_folder_set(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="session")
def music_raw(tmp_path_factory) -> SimpleNamespace:
    """`.videos` and `.ids`."""
    return SimpleNamespace(videos=raw_sets.make_music(tmp_path_factory.mktemp("music")), ids=raw_sets.MUSIC_IDS)


@pytest.fixture(scope="session")
def fairplay_raw(tmp_path_factory) -> Path:
    return raw_sets.make_fairplay(tmp_path_factory.mktemp("raw") / "FAIR-Play")
