"""The same network for windows of another length."""

import pytest
import torch

from ccstereo.models import create_model, with_window
from small import SMALL

LONGER = 20_320  # 128 spectrogram frames, where 10,080 have 64


def model(name: str, seed: int = 0):
    torch.manual_seed(seed)
    return create_model(name, **(SMALL if name == "ccstereo-lite" else {})).eval()


def answer(network, frames: int) -> torch.Tensor:
    torch.manual_seed(1)
    spec = torch.randn(2, 2, 257, frames)
    with torch.no_grad():
        return network(spec, network.encode_frames(torch.randn(2, 3, *network.config.frame_size))).mask


def test_the_same_window_is_the_same_network():
    start = model("ccstereo-lite")
    assert torch.equal(answer(with_window(start, 10_080), 64), answer(start, 64))


def test_a_longer_window_changes_the_positions_of_sound_alone():
    start = model("ccstereo-lite")
    longer = with_window(start, LONGER)
    assert (longer.name, longer.config.spectrogram_size) == ("ccstereo-lite", (257, 128))
    before, after = start.state_dict(), longer.state_dict()
    other = {name for name in before if before[name].shape != after[name].shape}
    assert other == {
        f"{place}.audio_positions" for place in ("fusion", "decoder.levels.0.norm", "decoder.levels.1.norm")
    }
    assert all(torch.equal(before[name], after[name]) for name in before.keys() - other)
    short, long = before["fusion.audio_positions"].reshape(8, 2, -1), after["fusion.audio_positions"].reshape(8, 4, -1)
    torch.testing.assert_close(long[:, [0, -1]], short)
    torch.testing.assert_close(long[:, 1], short[:, 0] * 2 / 3 + short[:, 1] / 3)


def test_it_hears_what_the_shorter_network_makes_of_a_longer_spectrogram():
    """A network takes longer spectrograms anyway; its positions are resized then, too, at every call."""
    start = model("ccstereo-lite")
    torch.testing.assert_close(answer(with_window(start, LONGER), 128), answer(start, 128))


def test_a_network_without_positions_only_takes_note():
    start = model("mono2binaural-lite")
    longer = with_window(start, LONGER)
    assert longer.config.window == LONGER
    assert all(torch.equal(value, longer.state_dict()[name]) for name, value in start.state_dict().items())


def test_a_window_too_short_is_refused():
    with pytest.raises(ValueError, match="halvings leave nothing"):
        with_window(model("ccstereo-lite"), 1_600)
