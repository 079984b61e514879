"""From a training checkpoint to weights."""

import pickle
from pathlib import Path

import torch

from ccstereo.errors import WeightsError
from ccstereo.models import create_model, save_model


def export_checkpoint(checkpoint: str | Path, folder: str | Path, *, half: bool = False) -> None:
    """Turn a training checkpoint into a weights folder.

    Args:
        checkpoint: a `.ckpt` file of `ccstereo train`; averaged weights where the run averaged them.
        folder: where `config.json` and `model.safetensors` go.
        half: store half precision.

    Raises:
        WeightsError: the file is not such a checkpoint.
    """
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        settings = content["hyper_parameters"]
        model = create_model(settings["model"], **(settings["model_config"] or {}))
        prefix = "model."
        state = {k.removeprefix(prefix): v for k, v in content["state_dict"].items() if k.startswith(prefix)}
        model.load_state_dict(state)
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{checkpoint}: not a checkpoint of ccstereo train ({error})") from error
    save_model(model, folder, half=half)
