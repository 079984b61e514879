"""Ambisonics from a model to files, and to the ears of a measured head."""

import numpy as np
import pytest
import torch

import tiny_models  # noqa: F401  (registers them)
from ccstereo import Binauralizer, create_model
from ccstereo.errors import CCStereoError
from ccstereo.media.sound import read_channels, read_mono


@pytest.fixture(scope="module")
def ambisonic():
    torch.manual_seed(0)
    return Binauralizer(create_model("tiny-foa"), hop=0.5)


@pytest.mark.parametrize(("name", "options"), [("out.wav", {}), ("out.flac", {}), ("out.mov", {"codec": "pcm"})])
def test_what_the_model_predicts_is_written(ambisonic, clip, tmp_path, name, options):
    report = ambisonic.convert(clip, tmp_path / name, format="foa", **options)
    sound, rate = read_channels(tmp_path / name, 4)
    mono, _ = read_mono(clip)
    assert rate == report.sample_rate
    assert np.abs(sound[: len(mono), 0] - mono).max() < 2e-4  # W is the mono sound
    ears = ambisonic.convert(clip, tmp_path / "ears.wav", true_peak=0)
    assert ears.duration == report.duration
    assert np.abs(sound[:, 1:]).max(0).min() > 1e-3  # and the others are not empty
    side, middle = np.square(sound[:, 1]).sum(), np.square(sound[:, 0]).sum()
    assert report.side_to_mid == pytest.approx(np.sqrt(side / middle), rel=1e-3)


def test_ambisonics_at_the_ears_of_a_measured_head(ambisonic, clip, shared, tmp_path):
    heads = sorted(shared.rglob("*.sofa"))
    if not heads:
        pytest.skip("no SOFA file in ../shared")
    ambisonic.convert(clip, tmp_path / "sphere.wav")
    ambisonic.convert(clip, tmp_path / "own.wav", sofa=str(heads[0]))
    (sphere, _), (own, _) = (read_channels(tmp_path / name, 2) for name in ("sphere.wav", "own.wav"))
    assert sphere.shape == own.shape
    assert np.abs(sphere - own).max() > 1e-3


@pytest.mark.parametrize("options", [{"format": "foa"}, {"sofa": "head.sofa"}])
def test_models_of_ears_have_no_ambisonics(lite, clip, tmp_path, options):
    with pytest.raises(CCStereoError, match=r"is for weights that predict ambisonics, and these predict both ears"):
        Binauralizer(lite).convert(clip, tmp_path / "out.mp4", **options)
    assert not list(tmp_path.iterdir())


def test_ambisonics_have_no_ears(ambisonic, clip, tmp_path):
    with pytest.raises(ValueError, match="ambisonics have no ears"):
        ambisonic.convert(clip, tmp_path / "out.mp4", format="foa", keep_bed=True)
