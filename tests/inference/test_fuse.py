"""Fusing norms changes the speed alone."""

import pytest
import torch
from torch import nn

from ccstereo.inference import fused_for_inference
from ccstereo.models import create_model

SLIM = {"frame_size": (56, 112), "trunk": "slim", "trunk_channels": (8, 16), "trunk_strides": (4, 4)}


@pytest.mark.parametrize("options", [SLIM, {"frame_size": (64, 128)}])
def test_fused_network_computes_the_same(options: dict[str, object]) -> None:
    torch.manual_seed(4)
    model = create_model("ccstereo-lite", **options).eval()
    for norm in (part for part in model.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.running_mean.uniform_(-0.1, 0.1)  # fresh statistics would hide a norm that was left out
        norm.running_var.uniform_(0.5, 2.0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fused = fused_for_inference(model)
    frames = torch.randn(2, 3, *model.config.frame_size)
    with torch.inference_mode():
        expected, found = model.encode_frames(frames), fused.encode_frames(frames)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.std()))
    assert not any(isinstance(part, nn.BatchNorm2d) for part in fused.visual.trunk.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
