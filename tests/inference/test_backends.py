"""Backends: fusing norms changes the speed alone, a caller's model stays as it is."""

import numpy as np
import pytest
import torch
from torch import nn

from ccstereo import Binauralizer
from ccstereo.inference import TorchBackend, fused_for_inference, make_backend, precision_pays
from ccstereo.inference.backends import precision
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


def test_the_callers_model_stays_as_it_is() -> None:
    model = create_model("ccstereo-lite", **SLIM).train()
    backend = TorchBackend(model)
    assert all(part.training for part in model.modules())
    assert all(weight.requires_grad for weight in model.parameters())
    frames = np.zeros((1, 3, 56, 112), np.uint8)
    before = backend.encode_frames(frames)
    with torch.no_grad():
        model.visual.head.norm.bias += 1
    np.testing.assert_array_equal(backend.encode_frames(frames), before)


def test_unknown_names_are_refused() -> None:
    model = create_model("ccstereo-lite", **SLIM)
    with pytest.raises(ValueError, match="float8"):
        TorchBackend(model, "float8")
    with pytest.raises(ValueError, match="no backend 'magic'"):
        make_backend(model, "magic")


@pytest.mark.parametrize(
    ("machine", "capability", "pays"),
    [("x86_64", "AVX2", False), ("AMD64", "DEFAULT", False), ("x86_64", "AVX512", True), ("arm64", "DEFAULT", True)],
)
def test_only_x86_without_avx512_imitates_16_bits(monkeypatch, machine: str, capability: str, pays: bool) -> None:
    monkeypatch.setattr(precision.platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert precision_pays("bfloat16", "cpu") == pays
    assert precision_pays("float32", "cpu")
    assert precision_pays("bfloat16", "cuda:0")
    model = create_model("ccstereo-lite", **SLIM)
    if pays:
        TorchBackend(model, "bfloat16")
    else:
        with pytest.warns(UserWarning, match="many times slower in bfloat16"):
            TorchBackend(model, "bfloat16")


def test_weights_in_half_precision_predict() -> None:
    """Features and context come back as float32, whatever the network computes in."""
    model = create_model("ccstereo-lite", **(SLIM | {"resize": (60, 120), "context": 40_800})).half()
    frames = np.zeros((5, 60, 120, 3), np.uint8)
    sound = Binauralizer(model).binauralize(np.full(8_000, 0.1, np.float32), 16_000, frames, 10.0)
    assert np.isfinite(sound).all()
