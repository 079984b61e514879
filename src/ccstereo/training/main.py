"""`ccstereo train`: Lightning's command line over this room's task and data."""

import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from ccstereo.errors import WeightsError
from ccstereo.models import create_model, save_model
from ccstereo.training.data import StageData
from ccstereo.training.prepared import CONFIGS, PreparedData, wants_prepared, without_stage_options
from ccstereo.training.task import BinauralTask


class TrainCLI(LightningCLI):
    """Links the data to the model it is made for."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give the data module the model's name and configuration, and the run its seed."""
        parser.link_arguments("model.model", "data.model")
        parser.link_arguments("model.model_config", "data.model_config")


class PreparedCLI(TrainCLI):
    """Trains on recordings, which know nothing of a simulation's truth: its terms are left out of the objective."""

    def before_instantiate_classes(self) -> None:
        """Set the weights of the terms to nothing."""
        weights = self.config[self.subcommand]["model"]["weights"]
        for term in ("columns", "classes", "cells"):
            weights[term] = 0.0


class ExportWeights(Callback):
    """Writes the best checkpoint as a weights folder that `ccstereo.load_model` reads.

    Args:
        folder: where to.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write the folder; of a run of several processes, the first one does."""
        checkpoints = [c for c in trainer.callbacks if isinstance(c, ModelCheckpoint)]  # type: ignore[attr-defined]
        best = checkpoints[0].best_model_path if checkpoints else ""
        if trainer.is_global_zero and best:
            export_checkpoint(best, self.folder)


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
    except (OSError, KeyError, RuntimeError, TypeError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{checkpoint}: not a checkpoint of ccstereo train ({error})") from error
    save_model(model, folder, half=half)


def train(arguments: Sequence[str]) -> None:
    """Run a training.

    Args:
        arguments: LightningCLI's `fit` arguments; `--config NAME` may name a config of the package
            (`lite-stage`) as well as a file. With `--data.path` the data are a prepared set, else the stage.
    """
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
    arguments = [_known_config(argument) for argument in arguments]
    cli: type[TrainCLI] = TrainCLI
    data: type[LightningDataModule] = StageData
    if wants_prepared(arguments):
        cli, data, arguments = PreparedCLI, PreparedData, without_stage_options(arguments)
    cli(BinauralTask, data, args=["fit", *arguments], save_config_kwargs={"overwrite": True})


def _known_config(argument: str) -> str:
    known = CONFIGS / f"{argument.removeprefix('--config=')}.yaml"
    if known.is_file() and not Path(argument).exists():
        return f"--config={known}" if argument.startswith("--config=") else str(known)
    return argument
