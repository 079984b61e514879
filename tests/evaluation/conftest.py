"""A small prepared set whose sound has a side, and a small model."""

from pathlib import Path

import pytest
import torch

from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.models import save_model
from raw_sets import make_prepared


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_set():
    """`raw_sets.make_prepared`."""
    return make_prepared


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
