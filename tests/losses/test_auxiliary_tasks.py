"""Tasks that spatial sound sets by itself: flipped channels, neighbouring frames."""

import pytest
import torch

from ccstereo.audio import stft
from ccstereo.audio.targets import TARGETS
from ccstereo.losses import Step
from ccstereo.losses.flip import FlipHead
from ccstereo.losses.objective import TERMS, objective

GAINS = {"mid-side": (1.0, 0.3), "left-right": (1.0, 0.3), "foa": (1.0, 0.8, 0.0, 0.6)}


def step_of(target: str, side: torch.Tensor, own: dict | None = None) -> Step:
    """Sources to the left or the right, which the features name."""
    chosen = TARGETS[target]
    sound = 0.1 * torch.randn(len(side), 1, 1600) * torch.tensor(GAINS[target])[:, None]
    sound = torch.where(side[:, None, None], sound, chosen.mirrored(sound))
    features = torch.zeros(len(side), 4, 2, 4)
    features[side, 0, :, :2], features[~side, 0, :, 2:] = 1.0, 1.0
    reference = stft(chosen.encode(sound))
    return Step(chosen, stft(chosen.mixture(sound)), reference, reference, features, own=own or {})


@pytest.mark.parametrize("target", ["mid-side", "foa"])
def test_flipped_channels_are_noticed_by_where_the_source_is(target: str) -> None:
    """Sound alone cannot say it, as sources are on both sides: without its frame it stays a guess."""
    torch.manual_seed(0)
    losses = {}
    for with_frames in (True, False):
        head = TERMS["flipped"].head(len(TARGETS[target].channels), (4, 2, 4))
        assert isinstance(head, FlipHead)
        optimizer = torch.optim.Adam(head.parameters(), 1e-2)
        found = []
        for _ in range(30):
            step = step_of(target, torch.rand(12) < 0.5, {"flipped": head})
            if not with_frames:
                step.features = torch.zeros_like(step.features)
            loss, _ = objective(step, {"flipped": 1.0})
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        losses[with_frames] = sum(found[-8:]) / 8
    assert losses[True] < 0.3
    assert losses[False] > 0.6


def test_the_flip_loss_trains_the_visual_features() -> None:
    head = TERMS["flipped"].head(2, (4, 2, 4))
    step = step_of("mid-side", torch.tensor([True, False]), {"flipped": head})
    step.features.requires_grad_()
    objective(step, {"flipped": 1.0})[0].backward()
    assert step.features.grad.abs().sum() > 0


def test_neighbouring_frames_agree() -> None:
    step = step_of("mid-side", torch.tensor([True, False, True]))
    step.earlier = step.features[:2].clone()
    assert objective(step, {"neighbours": 1.0})[0] == 0
    step.earlier = step.features[:2] + 0.5
    torch.testing.assert_close(objective(step, {"neighbours": 1.0})[0], torch.tensor(0.25))
    step.earlier = None
    with pytest.raises(ValueError, match="frames before"):
        objective(step, {"neighbours": 1.0})
