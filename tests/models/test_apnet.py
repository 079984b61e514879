"""Associative convolution by its equation, and the heads."""

import pytest
import torch

from ccstereo.audio import stft
from ccstereo.models import APNetConfig, create_model
from ccstereo.models.parts.associative import AssociativeConvolution
from ccstereo.models.parts.resnet import ResNet18Trunk
from small import SMALL_OF


def test_associative_convolution_is_a_product_of_vectors_at_every_pair_of_positions() -> None:
    torch.manual_seed(0)
    fusion = AssociativeConvolution(5, 3)
    audio, visual = torch.randn(2, 3, 4, 6), torch.randn(2, 5, 2, 3)
    found = fusion(audio, visual)
    assert found.shape == (2, 6, 4, 6)
    kernel = torch.relu(fusion.kernels.weight[:, :, 0] @ visual[1, :, 1, 2] + fusion.kernels.bias)
    torch.testing.assert_close(found[1, 5, 2, 4], kernel @ audio[1, :, 2, 4])


def test_a_source_at_a_visual_position_answers_in_that_positions_channel() -> None:
    fusion = AssociativeConvolution(4, 4)
    with torch.no_grad():
        fusion.kernels.weight.copy_(torch.eye(4)[..., None])
        fusion.kernels.bias.zero_()
    visual = torch.zeros(1, 4, 1, 3)
    visual[0, 2, 0, 1] = 1.0  # what sounds in audio channel 2 is in the middle
    audio = torch.zeros(1, 4, 2, 2)
    audio[0, 2, 0, 1] = 1.0
    expected = torch.zeros(1, 3, 2, 2)
    expected[0, 1, 0, 1] = 1.0
    assert torch.equal(fusion(audio, visual), expected)


@pytest.mark.parametrize("name", ["apnet", "assoconv"])
def test_masks_begin_where_the_sigmoid_has_a_slope(name) -> None:
    """As PyTorch draws the heads, half of the values are beyond 0.95 of the bound."""
    torch.manual_seed(0)
    model = create_model(name, trunk="efficientnet-lite0", audio_channels=(32, 64, 128, 256, 256)).train()
    mix_spec = stft(0.1 * torch.randn(4, model.config.window), model.config.stft)
    with torch.no_grad():
        mask = model(mix_spec, torch.randn(4, *model.feature_shape)).mask
    assert 0 < mask.abs().mean() < 0.2
    assert mask.abs().max() < 0.95


def test_each_head_predicts_its_ear_from_the_pyramid() -> None:
    torch.manual_seed(0)
    model = create_model("apnet", **SMALL_OF["apnet"]).eval()
    mix, features = torch.randn(1, 2, 257, 64), torch.rand(1, *model.feature_shape)
    with torch.inference_mode():
        before = model(mix, features)
        model.pyramid.left.bias += 3.0
        after = model(mix, features)
    assert (after.spec[:, 0] - before.spec[:, 0]).abs().max() > 0.1
    assert torch.equal(after.spec[:, 1], before.spec[:, 1])
    assert torch.equal(after.aux["backbone_spec"], before.aux["backbone_spec"])
    assert not before.mask[..., 256, :].any()


def test_the_dilated_trunk_has_the_plain_ones_weights_and_grid() -> None:
    plain, dilated = ResNet18Trunk().state_dict(), ResNet18Trunk(dilated=True)
    dilated.load_state_dict(plain)
    assert dilated(torch.zeros(1, 3, 96, 160)).shape == (1, 512, 3, 5)
    assert APNetConfig(frame_size=(90, 150)).visual_grid == (3, 5)
    assert dilated(torch.zeros(1, 3, 90, 150)).shape == (1, 512, 3, 5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pyramid_levels": 5}, "pyramid_levels must be from 1 to 4"),
        ({"target": "mid-side"}, "target must be left-right"),
        ({"mask_bound": 0.0}, "mask_bound must be positive"),
    ],
)
def test_bad_values(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        APNetConfig.from_dict(values)
