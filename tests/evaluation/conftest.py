"""A small prepared set whose sound has a side, and a small model."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.models import save_model


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


CLIPS = ("a", "b", "c", "d", "e", "f")
SPLITS = {
    "one": {"train": ["f"], "val": ["e"], "test": ["d", "a", "c", "b", "gone"]},
    "two": {"train": [], "val": ["a", "b"], "test": ["c", "d", "e", "f"]},
}


@pytest.fixture(scope="session")
def make_set():
    """`make_set(folder, splits, even)`: six clips of noise, louder and earlier on the left or the right, or even."""

    def clips(source: Source, even: tuple[str, ...] = ()):
        rng = np.random.default_rng(ord(source.key))
        samples = 16_000 + 1_600 * (ord(source.key) % 3)
        dry = 0.1 * rng.standard_normal(samples)
        gain = 1.0 if source.key in even else 0.5
        pair = [dry, gain * np.roll(dry, 6) + 0.005 * rng.standard_normal(samples)]
        sound = np.stack(pair[:: 1 if ord(source.key) % 2 else -1]).astype(np.float32)
        frame = encode_jpeg(rng.integers(0, 255, (240, 480, 3), dtype=np.uint8))
        yield Clip(source.key, sound, [frame] * (samples // 1_600))

    def make(folder: Path, splits=SPLITS, even: tuple[str, ...] = ()) -> PreparedSet:
        worker = partial(clips, even=even)
        prepare([Source(name, ()) for name in CLIPS], worker, folder, SetInfo("noises"), folds=lambda _: splits)
        return PreparedSet(folder)

    return make


@pytest.fixture(scope="session")
def prepared(make_set, tmp_path_factory) -> PreparedSet:
    """The set with both folds."""
    return make_set(tmp_path_factory.mktemp("prepared") / "set")


@pytest.fixture(scope="session")
def weights(lite, tmp_path_factory) -> Path:
    """A folder of random weights."""
    return save_model(lite, tmp_path_factory.mktemp("weights") / "random")


@pytest.fixture
def truths(prepared, tmp_path) -> Path:
    """The true sounds of the test split of fold "one" as predictions."""
    from ccstereo.media import SoundWriter

    folder = tmp_path / "truths"
    folder.mkdir()
    for clip in prepared.ids("one", "test"):
        with SoundWriter(folder / f"{clip}.wav", sample_rate=16_000) as writer:
            writer.write(prepared.sound(clip))
    return folder
