"""`ccstereo train`: Lightning's command line over this room's task and data."""

import logging
import warnings
from collections.abc import Sequence
from typing import NoReturn

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_info

from ccstereo.losses.auxiliary import AUXILIARY_TERMS
from ccstereo.training.configs import wants_prepared, with_paths, without_stage_options
from ccstereo.training.data import StageData
from ccstereo.training.precision import affordable_precision
from ccstereo.training.prepared import PreparedData
from ccstereo.training.task import BinauralTask

EXPECTED = (  # warnings of what this command does on purpose, or of Lightning's own code
    "does not have many workers",
    "isinstance\\(treespec, LeafSpec\\)",
    "LightningCLI's args parameter is intended to run from within Python",
    "You're using the WeightAveraging callback with a model that overrides",  # it adds the heads for the truth
    "Checkpoint directory .* exists and is not empty",  # the configuration is there first
    "Your `IterableDataset` has `__len__` defined",  # shards divide their windows among workers themselves
    "torch.distributed.nn.functional.all_gather is deprecated",
    "Precision .* is not supported by the model summary",
    "Found .* in eval mode at the start of training",  # the image trunk's frozen part
)


class TrainParser(LightningArgumentParser):
    """An argument parser whose errors are one line, as all of this package's are."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # noqa: ARG002 - jsonargparse's signature
        """Say what is wrong and where help is; exit with status 2."""
        said = " ".join(message.split())
        self.exit(2, f"ccstereo train: error: {said} (see ccstereo train --help-all)\n")


class TrainCLI(LightningCLI):
    """Links the data to the model it is made for."""

    @property
    def options(self) -> Namespace:
        """All options of the run."""
        options: Namespace = self.config[self.subcommand] if self.subcommand else self.config
        return options

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give the data module the model's name and configuration, and the run its seed."""
        parser.link_arguments("model.model", "data.model")
        parser.link_arguments("model.model_config", "data.model_config")

    def before_instantiate_classes(self) -> None:
        """Let callbacks that name no folder write to the run's own, and take a precision that pays."""
        trainer = self.options["trainer"]
        wanted = trainer["precision"]
        trainer["precision"] = affordable_precision(wanted, trainer["accelerator"])
        if trainer["precision"] != wanted:
            rank_zero_info(f"This processor is many times slower in {wanted} than in float32: training in float32.")
        for callback in trainer["callbacks"] or []:
            options = callback.get("init_args") or {}
            if options.get("dirpath", "") is None:
                options["dirpath"] = trainer["default_root_dir"]


class PreparedCLI(TrainCLI):
    """Trains on recordings, which know nothing of a simulation's truth: its terms are left out of the objective."""

    def before_instantiate_classes(self) -> None:
        """Set the weights of the terms to nothing."""
        super().before_instantiate_classes()
        weights = self.options["model"]["weights"]
        for term in AUXILIARY_TERMS:
            weights[term] = 0.0


def train(arguments: Sequence[str]) -> None:
    """Run a training.

    Args:
        arguments: LightningCLI's `fit` arguments; `--config NAME` may name a config of the package
            (`lite-stage`) as well as a file. With `--data.path` the data are a prepared set, else the stage.

    Raises:
        KeyboardInterrupt: somebody stopped it; the last checkpoint is written.
        SIGTERMException: something did, likewise.
    """
    try:
        command_line(arguments)
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # which Lightning turns into status 1
            raise KeyboardInterrupt from None
        raise


def command_line(arguments: Sequence[str], run: bool = True) -> TrainCLI:
    """Make what `train` runs, of the same arguments, and run it or, for whoever looks at its parts, not."""
    for message in EXPECTED:
        warnings.filterwarnings("ignore", message=f".*{message}")
    arguments = with_paths(arguments)
    cli: type[TrainCLI] = TrainCLI
    data: type[LightningDataModule] = StageData
    if wants_prepared(arguments):
        cli, data, arguments = PreparedCLI, PreparedData, without_stage_options(arguments)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_news)
    args = ["fit", *arguments] if run else list(arguments)
    usage = {"usage": "ccstereo train --config NAME_OR_FILE [--section.option VALUE ...]"}
    return cli(
        BinauralTask,
        data,
        args=args,
        run=run,
        parser_class=TrainParser,
        parser_kwargs={"fit": usage} if run else usage,
        save_config_kwargs={"overwrite": True},
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is no advertisement, and nothing that the command line says itself."""
    return not any(words in record.getMessage() for words in ("KeyboardInterrupt", "litlogger"))
