"""Three tiny models, one a target: predicted, saved, loaded, streamed, and rendered to ears."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_models
from ccstereo import Binauralizer
from ccstereo.audio import FOA, SPECTROGRAM, TARGETS, stft
from ccstereo.models import Prediction, SpatialModel, create_model, load_model, save_model
from panner import RATE, noise, video

NAMES = ["tiny-mid-side", "tiny-left-right", "tiny-foa"]


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> SpatialModel:
    torch.manual_seed(0)
    return create_model(request.param)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_targets_are_linear_both_ways(target) -> None:
    sound = torch.randn(3, len(target.channels), 2_000)
    mixture, predicted = target.mixture(sound), target.encode(sound)
    assert predicted.shape == (3, len(target.predicted), 2_000)
    torch.testing.assert_close(target.decode(mixture, predicted), sound)
    spec = target.decode(stft(mixture), stft(predicted), dim=SPECTROGRAM)
    torch.testing.assert_close(spec, stft(sound), atol=1e-4, rtol=1e-4)
    mono = target.mono(sound)
    torch.testing.assert_close(target.from_mono(mono), mixture)
    silent = target.decode(mixture, target.silent_prediction(mixture))
    torch.testing.assert_close(target.mono(silent), mono)
    assert (silent[:, 0] == silent[:, 1]).all() if target.has_ears else not silent[:, 1:].any()
    prediction = Prediction(stft(predicted))
    if target.has_ears:
        torch.testing.assert_close(prediction.diff_spec, stft(sound[:, 0] - sound[:, 1]), atol=1e-4, rtol=1e-4)
    else:
        with pytest.raises(ValueError, match="no ears"):
            _ = prediction.diff_spec
    with pytest.raises(ValueError, match="expected the channels"):
        target.mixture(sound[:, :1])


def test_there_and_back(model: SpatialModel, tmp_path: Path) -> None:
    """A buffer that is not saved has its value again, and loading draws no random numbers."""
    folder = save_model(model, tmp_path)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    again = load_model(folder)
    assert torch.equal(torch.rand(1), expected)
    assert again.config == model.config
    assert again.scale == 0.5
    clip = (model.config.clip_frames,) if model.config.clip_frames > 1 else ()
    frames, spec = torch.randn(2, *clip, 3, 20, 40), torch.randn(2, 2, 257, 64)
    with torch.inference_mode():
        before, after = (one(spec, one.encode_frames(frames)) for one in (model.eval(), again))
    torch.testing.assert_close(after.spec, before.spec)
    assert before.spec.shape == (2, len(model.target.predicted), 2, 257, 64)


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_streams_give_the_targets_channels(model: SpatialModel, rate: int) -> None:
    sound, frames = noise(2 * rate), video(20)
    whole = Binauralizer(model).spatialize(sound, rate, frames)
    assert whole.shape == (len(model.target.channels), 2 * rate)
    mono = model.target.mono(torch.from_numpy(whole)).numpy()
    if model.target.name != "left-right":  # which predicts both ears, bound to no mixture
        np.testing.assert_allclose(mono, sound, atol=1e-5)
    stream = Binauralizer(model).stream(rate)
    for k in range(20):
        stream.push_frame(frames[k])
        stream.push_samples(sound[k * rate // 10 : (k + 1) * rate // 10])
    stream.finish()
    np.testing.assert_array_equal(stream.pull(), whole)
    assert Binauralizer(model).binauralize(sound, rate, frames).shape == (2, 2 * rate)


def test_ambisonics_are_rendered_piece_by_piece_as_at_once() -> None:
    from ccstereo.audio import foa_to_binaural
    from ccstereo.inference.ears import EarRenderer
    from ccstereo.scenes.acoustics.decoders import load_decoder

    foa = np.stack([noise(9_000, seed) for seed in range(4)])
    decoder = load_decoder(sample_rate=RATE)
    whole = foa_to_binaural(torch.from_numpy(foa), decoder).numpy()
    for cuts in ([], [0, 5, 700, 701, 8_000], list(range(0, 9_000, 100))):
        renderer, bounds = EarRenderer(decoder), [0, *cuts, 9_000]
        pieces = [renderer.render(foa[:, start:stop], last=stop == 9_000) for start, stop in pairwise(bounds)]
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-6)


def test_a_source_to_the_left_of_ambisonics_is_louder_there() -> None:
    model = create_model("tiny-foa")
    sound = torch.from_numpy(noise(8_000))
    foa = FOA.decode(sound, torch.stack([sound, 0 * sound, 0 * sound]))  # all of it at 90 degrees
    left, right = Binauralizer(model)._ears(RATE).render(foa.numpy(), last=True)
    assert np.square(left).sum() > 2 * np.square(right).sum()


def test_the_callers_model_keeps_its_mode() -> None:
    model = create_model("tiny-mid-side").train()
    Binauralizer(model).binauralize(noise(2_000), RATE, video(1))
    assert all(part.training for part in model.modules())


def test_the_names_are_those_of_the_module() -> None:
    assert {name.replace("-", "_") for name in NAMES} <= set(dir(tiny_models))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"sample_rate": "16000"}, "sample rate"),
        ({"frame_rate": float("nan")}, "frame rate"),
        ({"frame_rate": float("inf")}, "frame rate"),
        ({"frames": np.zeros((0, 4, 4, 3), np.uint8)}, "N >= 1"),
        ({"frames": np.zeros((1, 0, 4, 3), np.uint8)}, "expected a frame"),
        ({"mono": np.zeros((2, 9))}, "mono sound"),
        ({"mono": np.zeros(9, bool)}, "got bool"),
    ],
)
def test_wrong_arrays_are_refused(arguments: dict[str, object], reason: str) -> None:
    given = {"mono": noise(100), "sample_rate": RATE, "frames": video(1), "frame_rate": 10.0} | arguments
    with pytest.raises(ValueError, match=reason):
        Binauralizer(create_model("tiny-mid-side")).binauralize(**given)
