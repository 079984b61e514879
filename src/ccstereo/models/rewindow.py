"""The same network for windows of another length: it hears more, or less, at once."""

from dataclasses import replace

from torch import nn

from ccstereo.models.base import BinauralModel
from ccstereo.models.fusion import fit_positions
from ccstereo.models.registry import create_model


def with_window(model: BinauralModel, window: int) -> BinauralModel:
    """Copy a network for windows of another length; all but its learned positions in time does not know of it.

    Args:
        model: any registered model.
        window: samples that the copy hears at once.

    Returns:
        A model in evaluation mode with positions resized bilinearly. It is meant to be trained further.

    Raises:
        ValueError: the window is too short for the network.

    >>> with_window(create_model("ccstereo-lite"), 20_320).config.spectrogram_size
    (257, 128)
    """
    config = replace(model.config, window=window).to_dict()
    changed = create_model(model.name, **config)
    state = model.state_dict()
    grids = _audio_grids(changed)
    for name, grid in _audio_grids(model).items():
        key = f"{name}.audio_positions"
        state[key] = fit_positions(state[key], grid, grids[name])
    changed.load_state_dict(state)
    return changed.eval()


def _audio_grids(model: nn.Module) -> dict[str, tuple[int, int]]:
    """(height, width) of the learned positions of sound, by the name of the module that has them."""
    return {name: part.audio_grid for name, part in model.named_modules() if hasattr(part, "audio_positions")}
