"""Operations of models, against counts by hand."""

import pytest
import torch

from ccstereo.models import cost_of, create_model
from small import SMALL, SMALL_OF


def test_operations_of_convolutions_by_hand() -> None:
    """Every multiplication and addition of the U-Net's layers, from the shapes of their weights and maps."""
    cost = cost_of("mono2binaural", **SMALL_OF["mono2binaural"])
    model = create_model("mono2binaural", **SMALL_OF["mono2binaural"]).eval()
    total = 0

    def count(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        positions = (inputs[0] if isinstance(layer, torch.nn.ConvTranspose2d) else output).shape[2:].numel()
        total += 2 * layer.weight.numel() * positions

    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        features = model.encode_frames(torch.zeros(1, 3, *model.config.frame_size))
        frame, total = total, 0
        model(torch.zeros(1, 2, 257, 64), features)
    assert cost.per_frame == frame
    assert cost.per_window == total
    assert cost.per_second == pytest.approx(10 * (frame + total))
    assert cost.parameters == sum(weight.numel() for weight in model.parameters())


def test_a_context_is_shared_by_windows() -> None:
    cost = cost_of("ccstereo-lite", **(SMALL | {"context": 40_800}))
    assert cost.per_context > 0
    assert cost.per_second == pytest.approx(10 * (cost.per_frame + cost.per_window) + 2.5 * cost.per_context)
