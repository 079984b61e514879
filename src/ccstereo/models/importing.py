"""Checkpoints of other people's released code, renamed into this library's weights. The only place that unpickles."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ccstereo.errors import WeightsError
from ccstereo.models.base import SpatialModel
from ccstereo.models.registry import create_model
from ccstereo.models.weights import check_fit, list_faults, renamed, save_model

Names = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Release:
    """How the authors of a method name its weights.

    Attributes:
        names: (ours, theirs): a weight whose name here begins with the first is released under the second; the first
            match counts.
        unused: beginnings of the names of weights that the released network never runs.
        prefixes: that wrappers of the authors' code put before names.
    """

    names: Names
    unused: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


_releases: dict[str, Release] = {}


def register_release(model: str, release: Release) -> None:
    """Enter how a registered model's released checkpoint names its weights."""
    _releases[model] = release


def released_models() -> list[str]:
    """Names of the models whose released checkpoints can be imported."""
    return sorted(_releases)


def import_checkpoint(
    files: str | Path | Sequence[str | Path], model: str, output: str | Path, *, half: bool = False, **config: Any
) -> Path:
    """Turn a released checkpoint into a weights folder.

    Args:
        files: the authors' file, or the files that together hold the network (2.5D Visual Sound: the visual and the
            audio one).
        model: one of `released_models()`.
        output: folder to write, see `save_model`.
        half: store in half precision.
        config: configuration values that depart from the released ones.

    Returns:
        The folder.

    Raises:
        WeightsError: a file cannot be read, or weights are missing, unknown or misshapen; the message names them.
        ValueError: a configuration key or value is unknown.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    if model not in _releases:
        raise WeightsError(f"no released checkpoint of {model!r} is known; known are {', '.join(released_models())}")
    release = _releases[model]
    released: dict[str, Tensor] = {}
    for path in paths:
        for key, tensor in read_checkpoint(path).items():
            name = _strip(key, release.prefixes)
            if name in released:
                raise WeightsError(f"{path} holds {key} a second time; give every part of the network once")
            released[name] = tensor
    network = create_model(model, **config)
    source = ", ".join(map(str, paths))
    state = rename_released(released, network, release, source)
    check_fit(network, state, source)
    network.load_state_dict(state)
    return save_model(network, output, half=half)


def rename_released(
    released: Mapping[str, Tensor], network: SpatialModel, release: Release, source: str
) -> dict[str, Tensor]:
    """Give released weights, without their wrappers' prefixes, the names of a network, and drop those never used.

    Raises:
        WeightsError: a wanted weight is missing or a given one unknown.
    """
    state: dict[str, Tensor] = {}
    missing, used = [], set()
    for key, tensor in network.state_dict().items():
        name = renamed(key, release.names)
        if name in released:
            used.add(name)
            found = released[name]
            # The authors keep AVAD's positions with a batch axis of one.
            state[key] = found.squeeze(0) if found.ndim == tensor.ndim + 1 and found.shape[0] == 1 else found
        elif key.endswith("num_batches_tracked"):  # unknown to PyTorch before 0.4.1, and of no use in evaluation
            state[key] = tensor
        else:
            missing.append(name)
    unknown = [name for name in released if name not in used and not name.startswith(release.unused)]
    if faults := list_faults({"missing": missing, "unknown": unknown}):
        raise WeightsError(f"{source} is not the released {network.name} checkpoint: weights {faults}")
    return state


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read a .pth file's tensors without running any code in it.

    Args:
        path: a state dict, or a dict that holds one under "state_dict".

    Raises:
        WeightsError: the file is missing, damaged, holds more than tensors and plain values, or no state dict.
    """
    path = Path(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        # A pickle error of one that is no checkpoint is its first byte, as a number or a key.
        said = str(error).strip().splitlines()
        reason = said[0] if said and not isinstance(error, KeyError) else "it is no file of torch.save"
        raise WeightsError(f"cannot read {path} as a checkpoint of tensors: {reason}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} holds no state dict (names and tensors), neither by itself nor under 'state_dict'")
    return dict(content)


def _strip(key: str, prefixes: Sequence[str]) -> str:
    stripped = True
    while stripped:
        stripped = False
        for prefix in prefixes:
            if key.startswith(prefix):
                key, stripped = key.removeprefix(prefix), True
    return key
