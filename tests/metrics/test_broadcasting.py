"""One truth for several predictions: every score is that of the truth copied to each of them."""

import pytest
import torch

from ccstereo.metrics import functional as F

SCORES = {
    "stft": F.stft_distance,
    "mag": F.magnitude_distance,
    "env": F.envelope_distance,
    "wav": F.waveform_distance,
    "phs": F.phase_distance,
    "snr": F.signal_to_noise_ratio,
    "mrstft": F.multi_resolution_stft,
    "spl": lambda p, t: F.spl_distance(p, t, 16000),
    "ild": lambda p, t: F.ild_error(p, t, 16000),
    "itd": lambda p, t: F.itd_error(p, t, 16000),
    "louder": F.louder_ear_correct,
}


@pytest.fixture(params=sorted(SCORES))
def score(request):
    return SCORES[request.param]


@pytest.mark.parametrize("leading", [(), (1,), (3,), (1, 1), (4, 1), (1, 3)])
def test_is_the_expanded_call(score, leading):
    pred = 0.1 * torch.randn(4, 3, 2, 4000, dtype=torch.float64)
    target = 0.1 * torch.randn(*leading, 2, 4000, dtype=torch.float64) * torch.tensor([0.3, 1.0])[:, None]
    expected = score(pred, target.expand(pred.shape).contiguous())
    found = score(pred, target)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("pred", "target"),
    [
        ((3, 2, 4000), (4, 2, 4000)),
        ((1, 2, 4000), (3, 2, 4000)),
        ((2, 4000), (1, 2, 4000)),
        ((2, 4000), (1, 4000)),
        ((2, 4000), (2, 1)),
        ((2, 4000), (4000,)),
        ((2, 4000), ()),
    ],
)
def test_what_does_not_broadcast_to_the_prediction(score, pred, target):
    with pytest.raises(ValueError, match="differ in shape"):
        score(torch.zeros(pred), torch.zeros(target))


@pytest.mark.parametrize("name", sorted(SCORES.keys() - {"louder"}))
def test_gradients_are_those_of_the_expanded_call(name):
    pred = (0.1 * torch.randn(3, 2, 4000, dtype=torch.float64)).requires_grad_()
    target = (0.1 * torch.randn(2, 4000, dtype=torch.float64)).requires_grad_()
    found = torch.autograd.grad(SCORES[name](pred, target).sum(), (pred, target))
    expected = torch.autograd.grad(SCORES[name](pred, target.expand(3, 2, -1).contiguous()).sum(), (pred, target))
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-3 * other.abs().max().item())
