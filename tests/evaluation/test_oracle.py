import math

import numpy as np
import pytest
import torch

from ccstereo import Binauralizer
from ccstereo.audio import apply_mask, rms_gain, stft
from ccstereo.audio.targets import MID_SIDE
from ccstereo.evaluation import oracle
from ccstereo.metrics import functional as metrics
from ccstereo.models import ModelConfig, Prediction, SpatialModel


class TrueMask(SpatialModel):
    """A network that knows the answer: the true mask of each window in turn, within a bound."""

    def __init__(self, truth: torch.Tensor, hop: int, bound: float) -> None:
        super().__init__()
        self.config = ModelConfig()
        self.feature_shape = (1, 1, 1)
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.windows = torch.nn.functional.pad(truth, (0, 2 * self.config.window)).unfold(-1, self.config.window, hop)
        self.bound, self.done = bound, 0

    def encode_frames(self, frames):
        return frames.new_zeros(len(frames), 1, 1, 1)

    def forward(self, mix_spec, features, context=None):  # noqa: ARG002 - it knows
        windows = self.windows[:, self.done : self.done + len(mix_spec)].movedim(0, 1)
        self.done += len(mix_spec)
        difference = MID_SIDE.encode(windows)[:, 0]
        spec = stft(difference * rms_gain(MID_SIDE.mixture(windows), self.config.rms))
        ratio = torch.complex(*spec.unbind(1)) / torch.complex(*mix_spec.unbind(1))
        mask = torch.view_as_real(ratio).movedim(-1, 1).nan_to_num(0).clamp(-self.bound, self.bound)
        return Prediction(apply_mask(mask, mix_spec)[:, None], mask[:, None])


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.5])
def test_is_inference_with_the_true_mask(bound):
    truth = 0.1 * torch.randn(2, 23_456, generator=torch.Generator().manual_seed(0))
    binauralizer = Binauralizer(TrueMask(truth, 1600, bound), hop=0.1, batch_size=4)
    found = binauralizer.binauralize(truth.mean(0).numpy(), 16_000, np.zeros((15, 24, 48, 3), np.uint8))
    assert np.abs(found - oracle(truth, hop=0.1, bound=bound).numpy()).max() < 1e-5
    assert np.abs(found - truth.numpy()).max() > 0.01


@pytest.mark.parametrize("samples", [100, 10_080, 23_456])
@pytest.mark.parametrize("hop", [0.05, 0.63])
def test_any_mask_gives_the_clip_back(samples, hop):
    truth = 0.3 * torch.randn(2, samples, generator=torch.Generator().manual_seed(1))
    found = oracle(truth, hop=hop)
    assert metrics.stft_distance(found, truth).item() < 1e-9
    assert torch.allclose(found.sum(0), truth.sum(0), atol=1e-6)


def test_a_wider_mask_is_a_better_one():
    truth = 0.1 * torch.randn(2, 16_000, generator=torch.Generator().manual_seed(2))
    bounds = (0.25, 0.5, 1.0, 2.0, 4.0, math.inf)
    scores = [metrics.stft_distance(oracle(truth, bound=bound), truth).item() for bound in bounds]
    mono = metrics.stft_distance(truth.mean(0).expand(2, -1), truth).item()
    assert sorted([mono, *scores], reverse=True) == [mono, *scores]


def test_panned_sound_needs_no_more_than_the_papers_mask():
    dry = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(3))
    truth = torch.stack([dry, 0.2 * dry])
    assert metrics.stft_distance(oracle(truth, bound=1.0), truth).item() < 1e-9


def test_silence_stays_silent():
    assert oracle(torch.zeros(2, 16_000), bound=1.0).abs().max() == 0


def test_wrong_arguments():
    for clip, bound in ((torch.zeros(3, 100), 1.0), (torch.zeros(2, 0), 1.0), (torch.zeros(2, 100), 0.0)):
        with pytest.raises(ValueError, match="expected a clip"):
            oracle(clip, bound=bound)
    with pytest.raises(ValueError, match="hop"):
        oracle(torch.zeros(2, 100), hop=1.0)
