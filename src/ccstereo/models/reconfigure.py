"""The same network in another configuration: for windows of another length, or with parts that it did not have."""

from dataclasses import replace
from typing import Any

from torch import nn

from ccstereo.models.base import BinauralModel
from ccstereo.models.parts.context import ContextAffine, SoundContext
from ccstereo.models.parts.fusion import fit_positions
from ccstereo.models.parts.unet import ResidualBlock
from ccstereo.models.registry import create_model

CHANGES = ("window", "audio_blocks", "decoder_blocks", "log_magnitude", "context")
NEW = (ResidualBlock, SoundContext, ContextAffine)  # parts that a network may not have had
FIRST = "audio_encoder.levels.0.0.weight"


def with_config(model: BinauralModel, **changes: Any) -> BinauralModel:
    """Copy a network into another configuration, to be trained further.

    A longer or shorter `window` resizes the learned positions in time bilinearly and changes nothing else. Blocks that
    `audio_blocks` adds, the input that `log_magnitude` adds, and the `context` do nothing until they are trained: the
    copy answers as the network did.

    Args:
        model: any registered model.
        changes: of its configuration: `window`, more `audio_blocks` or `decoder_blocks`, `log_magnitude` from False to
            True, `context` from 0 to some samples, or to more or fewer.

    Returns:
        A model in evaluation mode. What is new in it is drawn by torch's generator.

    Raises:
        ValueError: the window is too short for the network, something else changes, or there would be fewer parts.

    >>> with_config(create_model("ccstereo-lite"), window=20_320).config.spectrogram_size
    (257, 128)
    """
    refused = [name for name in changes if name not in CHANGES or not hasattr(model.config, name)]
    if refused:
        can = [name for name in CHANGES if hasattr(model.config, name)]
        raise ValueError(f"{', '.join(refused)} of {model.name} cannot change; only {', '.join(can)} can")
    config = replace(model.config, **changes)
    changed = create_model(model.name, **config.to_dict())
    state = model.state_dict()
    grids = _audio_grids(changed)
    for name, grid in _audio_grids(model).items():
        key = f"{name}.audio_positions"
        state[key] = fit_positions(state[key], grid, grids[name])
    drawn = changed.state_dict()
    added = drawn[FIRST].shape[1] - state[FIRST].shape[1]
    if added > 0:
        state[FIRST] = nn.functional.pad(state[FIRST], (0, 0, 0, 0, 0, added))
    new = tuple(f"{name}." for name, part in changed.named_modules() if isinstance(part, NEW))
    state = {name: value for name, value in drawn.items() if name.startswith(new)} | state
    if state.keys() != drawn.keys() or any(state[name].shape != drawn[name].shape for name in drawn):
        raise ValueError(f"{', '.join(changes)}: the other configuration lacks parts that the weights have")
    changed.load_state_dict(state)
    return changed.eval()


def _audio_grids(model: nn.Module) -> dict[str, tuple[int, int]]:
    """(height, width) of the learned positions of sound, by the name of the module that has them."""
    return {name: part.audio_grid for name, part in model.named_modules() if hasattr(part, "audio_positions")}
