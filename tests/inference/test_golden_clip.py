"""A ten-second clip through the released network, against what the authors' own evaluation gave for it.

The first two seconds, 400 values of them, are in this repository; the whole clip is compared where `shared/golden` is.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from ccstereo.audio import frame_index, window_count
from ccstereo.inference import BinauralStream
from ccstereo.models import SpatialModel, import_checkpoint, load_model
from golden_recipe import noise_audio, rgb_frames, weight

KEYS = Path(__file__).parents[1] / "models" / "ccstereo_state_dict.json"
SAMPLES = Path(__file__).parent / "golden_clip.npz"
HOP = 0.063
TOLERANCE = 1e-4  # of the clip's standard deviation


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> SpatialModel:
    folder = tmp_path_factory.mktemp("released")
    state = {
        key: torch.from_numpy(np.asarray(weight(key, tuple(shape)))) for key, shape in json.loads(KEYS.read_text())
    }
    torch.save({"state_dict": state}, folder / "best.pth")
    return load_model(import_checkpoint([folder / "best.pth"], "ccstereo", folder / "weights"))


def binaural(model: SpatialModel, seconds: float) -> np.ndarray:
    stereo = noise_audio("clip", 2, 160_000)[:, : round(16_000 * seconds)]
    stream = BinauralStream(model, sample_rate=16_000, hop=HOP)
    for frame in rgb_frames("clip", 100, 240, 480)[: round(10 * seconds)]:
        stream.push_frame(frame)
    stream.push_samples(stereo.sum(0) / 2)
    stream.finish()
    return stream.pull()


def test_two_seconds(released: SpatialModel) -> None:
    """Of 2.6 seconds, the first two are under whole windows only."""
    with np.load(SAMPLES) as golden:
        ours = binaural(released, 2.6)[:, golden["places"]]
        assert np.abs(ours - golden["binaural"]).max() < TOLERANCE * golden["std"]


def test_whole_clip(released: SpatialModel, shared: Path) -> None:
    golden = load_file(shared / "golden" / "clip_ccstereo.safetensors")
    starts = golden["window_starts"].tolist()
    assert starts == [1_008 * i for i in range(window_count(160_000, 10_080, 1_008))]
    assert golden["frame_numbers"].tolist() == [frame_index(start, 10_080, 16_000, 10.0) + 1 for start in starts]
    assert np.abs(binaural(released, 10.0) - golden["binaural"]).max() < TOLERANCE * golden["binaural"].std()
