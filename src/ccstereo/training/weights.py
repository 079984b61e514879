"""Weights that a training starts from, and those that it ends with."""

import pickle
from pathlib import Path

import torch

from ccstereo.errors import WeightsError
from ccstereo.models import SpatialModel, create_model, load_model, save_model
from ccstereo.models.weights import name_some


def start_from(model: SpatialModel, weights: str) -> None:
    """Copy weights into a model of the same architecture and configuration.

    Raises:
        WeightsError: they cannot be read, or are another model's.
    """
    source = load_model(weights)
    check_same_model(weights, source, model)
    model.load_state_dict(source.state_dict())


def check_same_model(name: str, found: SpatialModel, wanted: SpatialModel) -> None:
    """Refuse weights, called `name` in the message, of another architecture or configuration than the one wanted.

    Raises:
        WeightsError: they differ; the message says in what.
    """
    there, here = ({"model": model.name, **model.config.to_dict()} for model in (found, wanted))
    differ = [key for key in {**here, **there} if there.get(key) != here.get(key)]
    if differ:
        values = name_some([f"{key} {there.get(key)} instead of {here.get(key)}" for key in differ])
        raise WeightsError(f"{name} is of another model than the one to be trained ({values})")


def export_checkpoint(checkpoint: str | Path, folder: str | Path, *, half: bool = False) -> None:
    """Turn a `.ckpt` file of `ccstereo train`, its averaged weights if it has them, into a weights folder.

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
    except OSError as error:
        raise WeightsError(f"{checkpoint}: cannot be read ({error.strerror})") from error
    except (KeyError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError) as error:
        # A key alone says nothing: it is what is missing, or the first byte of a file of another kind.
        reason = "" if isinstance(error, KeyError) else f" ({error})"
        raise WeightsError(f"{checkpoint}: not a checkpoint of ccstereo train{reason}") from error
    save_model(model, folder, half=half)
