"""A folder of small videos and a tiny model."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_models  # noqa: F401  (registers itself)
from ccstereo import plugins
from ccstereo.media import write_video
from ccstereo.models import create_model, save_model


@pytest.fixture(scope="session")
def videos(tmp_path_factory) -> Path:
    """Six videos of one to two seconds of noise, of three kinds."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    for k in range(6):
        frames = rng.integers(0, 255, (10 + 2 * k, 48, 96, 3), dtype=np.uint8)
        sound = 0.1 * rng.standard_normal((1, len(frames) * 1600)).astype(np.float32)
        write_video(folder / f"clip{k}.{('mp4', 'mkv', 'mov')[k % 3]}", frames, sound, sample_rate=16_000)
    return folder


@pytest.fixture
def folder(videos, tmp_path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(videos, tmp_path / "videos"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    save_model(create_model("tiny-mid-side"), path)
    return str(path)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Other processes know the tiny model, too."""
    monkeypatch.setenv(plugins.VARIABLE, "tiny_models")
