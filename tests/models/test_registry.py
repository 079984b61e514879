"""What every registered model keeps, at a size that tests can afford."""

import pytest
import torch

from ccstereo import Binauralizer
from ccstereo.models import APNet, SpatialModel, create_model, list_models, load_model, save_model
from ccstereo.models.parts.associative import HEADS_SCALE
from panner import RATE, noise, video
from small import SMALL_OF

NAMES = [name for name in list_models() if not name.startswith("tiny-")]


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> SpatialModel:
    torch.manual_seed(0)
    made = create_model(request.param, **SMALL_OF[request.param]).eval()
    if isinstance(made, APNet):  # whose masks begin so small that half precision has none of them
        with torch.no_grad():
            for weight in (*made.pyramid.left.parameters(), *made.pyramid.right.parameters()):
                weight.div_(HEADS_SCALE)
    return made


def inputs(model: SpatialModel, batch: int, frames: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    clip = (model.config.clip_frames,) if model.config.clip_frames > 1 else ()
    return torch.randn(batch, 2, model.config.stft.bins, frames), torch.randn(batch, *clip, 3, *model.config.frame_size)


def test_every_model_has_a_small_configuration() -> None:
    assert set(SMALL_OF) == set(NAMES)


@pytest.mark.parametrize("length", [64, 37, 101])
def test_odd_lengths_and_a_batch_of_one(model: SpatialModel, length: int) -> None:
    mix_spec, frames = inputs(model, 1, length)
    with torch.inference_mode():
        found = model(mix_spec, model.encode_frames(frames))
    assert found.spec.shape == (1, len(model.target.predicted), 2, model.config.stft.bins, length)
    assert found.spec.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_single_precision(model: SpatialModel, dtype: torch.dtype) -> None:
    mix_spec, frames = inputs(model, 2)
    half = create_model(model.name, **model.config.to_dict()).eval()
    half.load_state_dict(model.state_dict())
    half.to(dtype)
    with torch.inference_mode():
        expected = model(mix_spec, model.encode_frames(frames)).spec
        found = half(mix_spec, half.encode_frames(frames)).spec.float()
    assert (found - expected).square().mean().item() < 0.05 * expected.square().mean().item()


def test_saved_and_loaded(model: SpatialModel, tmp_path) -> None:
    again = load_model(save_model(model, tmp_path))
    mix_spec, frames = inputs(model, 2)
    with torch.inference_mode():
        expected, found = (one(mix_spec, one.encode_frames(frames)).spec for one in (model, again))
    assert torch.equal(found, expected)
    assert again.config == model.config


def test_streaming_equals_offline(model: SpatialModel) -> None:
    sound, frames = noise(RATE), video(10)
    whole = Binauralizer(model).spatialize(sound, RATE, frames)
    stream = Binauralizer(model).stream(RATE)
    for k in range(10):
        stream.push_frame(frames[k])
        stream.push_samples(sound[k * RATE // 10 : (k + 1) * RATE // 10])
    stream.finish()
    assert (stream.pull() == whole).all()


def test_exported_by_torch(model: SpatialModel) -> None:
    mix_spec, frames = inputs(model, 2)
    with torch.no_grad():
        features = model.encode_frames(frames)
        encoder = torch.export.export(_Encoder(model), (frames,))
        network = torch.export.export(_Network(model), (mix_spec, features))
        torch.testing.assert_close(encoder.module()(frames), features)
        torch.testing.assert_close(network.module()(mix_spec, features), model(mix_spec, features).spec)


class _Encoder(torch.nn.Module):
    def __init__(self, model: SpatialModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.model.encode_frames(frames)


class _Network(_Encoder):
    def forward(self, mix_spec: torch.Tensor, features: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return self.model(mix_spec, features).spec
