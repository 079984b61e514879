"""Morgado's separation and localisation: the equation, and that a source can be learned at its place."""

import pytest
import torch

from ccstereo.audio import FOA, stft
from ccstereo.audio.ambisonics import encode
from ccstereo.models import create_model
from ccstereo.models.morgado import MorgadoConfig
from small import SMALL_OF


def small() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_model("morgado2018", **SMALL_OF["morgado2018"]).eval()


def test_channels_are_sums_of_tracks_by_their_weights() -> None:
    """With one set of weights at all times, each channel is that of the mixture and of masked mixtures."""
    model = small()
    mix, features = torch.randn(2, 2, 257, 64), torch.rand(2, *model.feature_shape)
    with torch.no_grad():
        last = model.localisation[-1]
        last.weight.zero_()
        last.bias.zero_()
        weights = last.bias.view(3, -1)
        weights[0, 0], weights[2, 0] = 0.5, -0.25  # of the whole mixture: Y = W / 2, X = -W / 4
        only_mixture = model(mix, features).spec
        weights[1, 1:] = 1.0  # Z is the sum of all tracks, whose masks are between 0 and 1
        found = model(mix, features)
    torch.testing.assert_close(only_mixture[:, 0], 0.5 * mix)
    torch.testing.assert_close(only_mixture[:, 2], -0.25 * mix)
    assert not only_mixture[:, 1].any()
    assert not found.mask[:, :, 1].any()
    assert (found.mask[:, 1, 0] > 0).all()
    assert (found.mask[:, 1, 0] < model.config.tracks).all()


def test_it_begins_near_silence_and_learns_where_a_source_is() -> None:
    model = small().train()
    sound = 0.1 * torch.randn(2, 10_080)
    azimuths = (60.0, -60.0)
    foa = torch.stack([encode(one, azimuth) for one, azimuth in zip(sound, azimuths, strict=True)])
    frames = torch.zeros(2, 3, *model.config.frame_size)
    half = frames.shape[-1] // 2
    frames[0, ..., :half], frames[1, ..., half:] = 2.0, 2.0  # what sounds is bright
    mix, true = stft(FOA.mixture(foa)), stft(FOA.encode(foa))
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = (model(mix, model.encode_frames(frames)).spec - true).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(true.square().mean().item(), rel=0.1)
    assert losses[-1] < 0.6 * losses[0]


def test_it_predicts_ambisonics_alone() -> None:
    with pytest.raises(ValueError, match="target must be foa"):
        MorgadoConfig(target="mid-side")
