"""The same network for windows of another length, or with more parts."""

import pytest
import torch

from ccstereo.models import create_model, with_config
from ccstereo.models.parts.unet import ResidualBlock
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
    assert torch.equal(answer(with_config(start, window=10_080), 64), answer(start, 64))


def test_a_longer_window_changes_the_positions_of_sound_alone():
    start = model("ccstereo-lite")
    longer = with_config(start, window=LONGER)
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
    torch.testing.assert_close(answer(with_config(start, window=LONGER), 128), answer(start, 128))


def test_a_network_without_positions_only_takes_note():
    start = model("mono2binaural-lite")
    longer = with_config(start, window=LONGER)
    assert longer.config.window == LONGER
    assert all(torch.equal(value, longer.state_dict()[name]) for name, value in start.state_dict().items())


def test_a_window_too_short_is_refused():
    with pytest.raises(ValueError, match="halvings leave nothing"):
        with_config(model("ccstereo-lite"), window=1_600)


GROWN = {"audio_blocks": (0, 1, 2, 1, 1), "log_magnitude": True, "context": 40_800}


def test_new_parts_do_nothing_until_they_are_trained():
    start = model("ccstereo-lite")
    grown = with_config(start, **GROWN)
    assert grown.config.audio_blocks == GROWN["audio_blocks"]
    torch.testing.assert_close(answer(grown, 64), answer(start, 64), atol=1e-6, rtol=1e-5)


def test_new_parts_learn():
    """Each of them is reached by the gradient, at the latest after the first step has woken its block."""
    grown = with_config(model("ccstereo-lite"), **GROWN).train()
    optimizer = torch.optim.Adam(grown.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        context = torch.randn(2, 2, 257, 256) * torch.linspace(0, 1, 256)
        told = grown.listen(context)
        answered = grown(torch.randn(2, 2, 257, 64), torch.randn(2, *grown.feature_shape), told)
        answered.diff_spec.square().mean().backward()
        optimizer.step()
    blocks = [part for part in grown.modules() if isinstance(part, ResidualBlock)]
    assert len(blocks) == 5 + 4 + 2  # the encoder's; the decoder's, which lacks the bottleneck's size; the context's
    added = [*blocks, grown.listener, *grown.told]
    assert all(weight.grad is not None and weight.grad.any() for part in added for weight in part.parameters())
    assert grown.audio_encoder.levels[0][0].weight.grad[:, 2].any()


def test_the_decoder_may_have_other_blocks():
    made = with_config(model("ccstereo-lite"), audio_blocks=(0, 1, 2, 1, 1), decoder_blocks=(0, 3, 0, 1))
    assert [len(level.blocks) for level in made.decoder.levels] == [0, 3, 0, 1]
    assert [len(list(level.children())) - 3 for level in made.audio_encoder.levels] == [0, 1, 2, 1, 1]
    with pytest.raises(ValueError, match="decoder_blocks must be a number for each of 4 levels"):
        with_config(made, decoder_blocks=(1, 1))


def test_blocks_are_added_behind_those_that_are_there():
    start = with_config(model("ccstereo-lite"), audio_blocks=(0, 0, 1, 0, 0))
    with torch.no_grad():
        start.audio_encoder.levels[2][3].second[1].weight.fill_(0.5)
    more = with_config(start, audio_blocks=(0, 0, 2, 0, 0))
    torch.testing.assert_close(answer(more, 64), answer(start, 64), atol=1e-6, rtol=1e-5)


def test_what_weights_are_trained_for_stays():
    with pytest.raises(ValueError, match="avad_levels of ccstereo-lite cannot change; only window, audio_blocks"):
        with_config(model("ccstereo-lite"), window=LONGER, avad_levels=())
    with pytest.raises(ValueError, match="log_magnitude of mono2binaural-lite cannot change; only window can"):
        with_config(model("mono2binaural-lite"), log_magnitude=True)


@pytest.mark.parametrize("fewer", [{"audio_blocks": ()}, {"log_magnitude": False}, {"context": 0}])
def test_parts_are_not_taken_away(fewer: dict[str, object]):
    with pytest.raises(ValueError, match=f"{next(iter(fewer))}: the other configuration lacks"):
        with_config(with_config(model("ccstereo-lite"), **GROWN), **fewer)


def test_a_context_of_another_length_is_the_same_network():
    start = with_config(model("ccstereo-lite"), context=40_800)
    other = with_config(start, context=20_320)
    assert (start.context, other.context) == (40_800, 20_320)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in start.state_dict().items())
