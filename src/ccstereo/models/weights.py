"""Weights on disk: a folder with `config.json` and `model.safetensors`, the hub's convention. No pickle."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ccstereo.errors import WeightsError
from ccstereo.files import atomic_path, write_atomic
from ccstereo.locate import CONFIG_NAME, MODEL_NAME, locate, read_config
from ccstereo.models.base import SpatialModel
from ccstereo.models.registry import create_model


def load_model(weights: str | Path, device: str | torch.device = "cpu") -> SpatialModel:
    """Build a model and fill it with weights, ready to predict (evaluation mode, float32).

    Args:
        weights: a name of `list_weights()`; a folder with config.json and model.safetensors; a .safetensors file
            with its configuration inside (as `save_model` writes it) or in a config.json beside it; or
            "hf-hub:owner/name" for a repository of the Hugging Face hub ("@revision" may follow).
        device: where the model goes.

    Raises:
        WeightsError: the weights are not found, damaged, or do not fit the model their configuration names.
    """
    model_file = locate(weights)
    config = read_config(model_file, prefer_inside=Path(weights) == model_file)
    state = _read_tensors(model_file)
    with torch.device("meta"):  # no memory, no time and no random numbers spent on weights about to be replaced
        model = _build(config, model_file)
    state = {renamed(key, model.renamed_weights): tensor for key, tensor in state.items()}
    check_fit(model, state, str(model_file))
    if any(name not in state for name, _ in model.named_buffers()):  # buffers that are not saved need their values
        with torch.random.fork_rng(devices=[]):
            model = _build(config, model_file)
    model.load_state_dict(state, assign=True)
    return model.to(device).eval()


def save_model(model: SpatialModel, folder: str | Path, *, half: bool = False) -> Path:
    """Write a model as a folder that `load_model` reads.

    Each file is written under a temporary name and renamed when whole. The configuration also goes into the
    safetensors file's metadata, so that this file alone is enough.

    Args:
        model: any model made by `create_model` or by its class.
        folder: made if missing; other files in it stay.
        half: store matrices and kernels in half precision, at half the size; vectors (biases, norms and their running
            statistics) stay in float32.

    Returns:
        The folder.

    Raises:
        WeightsError: a weight is not finite (half precision ends at 65,504), or the folder cannot be written.
    """
    folder = Path(folder)
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    if half:
        wide = [key for key, tensor in state.items() if tensor.is_floating_point() and tensor.ndim >= 2]
        state |= {key: state[key].half() for key in wide}
    broken = [key for key, tensor in state.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise WeightsError(f"not saved to {folder}: no finite number in {name_some(broken)}; has training diverged?")
    config = {"model": model.name, "config": model.config.to_dict()}
    metadata = {"format": "pt", "config": json.dumps(config)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder / MODEL_NAME) as temporary:
            save_file(state, temporary, metadata)
        write_atomic(folder / CONFIG_NAME, json.dumps(config, indent=2) + "\n")
    except OSError as error:
        raise WeightsError(f"cannot write {folder}: {error}") from error
    return folder


def check_new_weights(folder: str | Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds weights already, unless they may be replaced, or that is a file.

    Raises:
        WeightsError: saying so.
    """
    folder = Path(folder)
    if folder.is_file():
        raise WeightsError(f"{folder}: is a file; name a folder for the weights")
    if not overwrite and any((folder / name).exists() for name in (MODEL_NAME, CONFIG_NAME)):
        raise WeightsError(f"{folder}: holds weights already; choose another folder, or replace them with --overwrite")


def check_fit(model: SpatialModel, state: Mapping[str, Tensor], source: str) -> None:
    """Refuse weights, by the model's names, that are not exactly those of the model; `source` is the file.

    Raises:
        WeightsError: keys are missing, unknown or of another shape; the message names the first few of each.
    """
    wanted = model.state_dict()
    missing = [key for key in wanted if key not in state]
    unknown = [key for key in state if key not in wanted]
    reshaped = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in state and state[key].shape != tensor.shape
    ]
    problems = list_faults({"missing": missing, "unknown": unknown, "of another shape": reshaped})
    if problems:
        raise WeightsError(
            f"{source} does not fit model {model.name!r}: {problems}. Use it with the configuration it was "
            "saved with; a checkpoint of the authors' code goes through import-checkpoint first"
        )


def name_some(keys: list[str]) -> str:
    """The first few of many names.

    >>> name_some(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    rest = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(keys[:3]) + rest


def list_faults(faults: Mapping[str, list[str]]) -> str:
    """How many names have which fault, and the first of them; empty where there is none.

    >>> list_faults({"missing": ["a", "b"], "unknown": []})
    '2 missing (a, b)'
    """
    return "; ".join(f"{len(names)} {fault} ({name_some(names)})" for fault, names in faults.items() if names)


def renamed(name: str, names: Sequence[tuple[str, str]]) -> str:
    """A weight's other name: the first of `names`, (old, new), whose old one begins it counts.

    >>> renamed("norm.0.bias", [("norm.", "film.")])
    'film.0.bias'
    """
    for old, new in names:
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _build(config: Mapping[str, Any], source: Path) -> SpatialModel:
    try:
        return create_model(config["model"], **config.get("config", {}))
    except (ValueError, TypeError) as error:
        raise WeightsError(f"the configuration of {source} is not usable: {error}") from error


def _read_tensors(model_file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(model_file, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (no mapping, has no iterator)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read {model_file}: {error}; the file is damaged, fetch it again") from error
    return {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
