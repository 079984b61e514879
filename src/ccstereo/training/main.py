"""`ccstereo train`: Lightning's command line over this room's task and data."""

import logging
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info

from ccstereo.datasets.prepared.format import safe_key
from ccstereo.training import recorded_data, stage_data, task  # noqa: F401 - classes that options name
from ccstereo.training.configs import CLASSES, RECORDED, RunParser, current_options, data_class, read_configs
from ccstereo.training.precision import affordable_precision
from ccstereo.training.runs import Run, choose_run, clear, remove_if_empty

EXPECTED = (  # warnings of what this command does on purpose, or of Lightning's own code
    "does not have many workers",
    "isinstance\\(treespec, LeafSpec\\)",
    "LightningCLI's args parameter is intended to run from within Python",
    "Checkpoint directory .* exists and is not empty",  # the configuration is there first
    "Your `IterableDataset` has `__len__` defined",  # shards divide their windows among workers themselves
    "torch.distributed.nn.functional.all_gather is deprecated",
    "Precision .* is not supported by the model summary",
    "Found .* in eval mode at the start of training",  # the image trunk's frozen part
    "You requested to overfit but enabled",  # asked for
)
NESTED = re.compile(r"Errors:\s+- (.*?)- Expected a <class 'NoneType'>", re.DOTALL)  # of a class that refuses a value
SILENT = ("KeyboardInterrupt", "litlogger", "Received SIGTERM")  # said by this command itself, or advertisement


class TrainParser(LightningArgumentParser):
    """An argument parser whose errors are one line, as all of this package's are."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # noqa: ARG002 - jsonargparse's signature
        """Say what is wrong and where help is; exit with status 2."""
        nested = NESTED.search(message)
        said = " ".join((nested[1] if nested else message).split())
        self.exit(2, f"ccstereo train: error: {said} (see ccstereo train --help-all)\n")


class TrainCLI(LightningCLI):
    """Takes a precision that pays and logs to the run's own folder; `config.yaml` records what was asked for."""

    def instantiate_classes(self) -> None:
        """Report a value that a class refuses as wrong usage."""
        try:
            super().instantiate_classes()
        except ValueError as error:
            self.parser.error(str(error))

    def instantiate_trainer(self, **changes: Any) -> Trainer:
        """Make the trainer."""
        options = self._get(self.config_init, "trainer")
        wanted = options["precision"]
        precision = affordable_precision(wanted, options["accelerator"])
        if precision != wanted:
            rank_zero_info(f"This processor is many times slower in {wanted} than in float32: training in float32.")
        if options["logger"] in (None, True):
            changes["logger"] = TensorBoardLogger(options["default_root_dir"] or ".", name="", version="")
        if options["enable_progress_bar"] is False:  # else Lightning refuses a config that chooses a bar
            changes["callbacks"] = [each for each in options["callbacks"] or () if not isinstance(each, ProgressBar)]
        return super().instantiate_trainer(precision=precision, **changes)

    def _parse_ckpt_path(self) -> None:
        """Keep the options as they are: `SpatialTask` refuses a checkpoint of another model in one line."""


def train(arguments: Sequence[str]) -> None:
    """Run a training.

    Args:
        arguments: LightningCLI's `fit` arguments. `--config NAME` may name a config of the package (`lite-stage`) as
            well as a file; `--overwrite` allows to replace the run in `--trainer.default_root_dir`; `--data.path`
            stands for recordings.

    Raises:
        KeyboardInterrupt: somebody stopped it; the last checkpoint is written.
        SIGTERMException: something did, likewise.
    """
    arguments, run, overwrite = _with_run(arguments)
    new, first = not run.folder.exists(), os.environ.get("LOCAL_RANK", "0") == "0"
    if overwrite and first and run.checkpoint is None and "--print_config" not in arguments:
        clear(run)
    try:
        _command_line(["fit", *arguments])
    except BaseException as stop:
        if new and first:
            remove_if_empty(run)
        pressed = isinstance(stop.__context__, KeyboardInterrupt)  # which Lightning turns into status 1
        if isinstance(stop, SystemExit) and (pressed or getattr(stop, "interrupted", False)):
            raise KeyboardInterrupt from None
        raise


def parts_of(arguments: Sequence[str]) -> TrainCLI:
    """Make what `train` runs of the same arguments, task, data and trainer, for whoever looks at its parts."""
    cli = _command_line(_with_run(arguments, resumes=False)[0], run=False)
    cli.trainer.strategy.connect(cli.model)
    cli.datamodule.trainer = cli.trainer
    return cli


def _with_run(arguments: Sequence[str], resumes: bool = True) -> tuple[list[str], Run, bool]:
    """Arguments as LightningCLI takes them, the run's folder among them, and whether it may replace another."""
    parser = RunParser()
    parser.add_argument("--config", "-c", action="append", default=[])
    parser.add_argument("--overwrite", action="store_true")
    for option in ("--ckpt_path", "--trainer.default_root_dir", "--data", "--data.path"):
        parser.add_argument(option)
    options, rest = parser.parse_known_args(current_options(arguments))
    config, given = read_configs(options.config), vars(options)
    path = given["data.path"]
    kind = options.data or (RECORDED if path else data_class(config))
    if kind in (RECORDED, "RecordedData"):
        path = path or config["data"]["init_args"].get("path")
    name = Path(options.config[0]).stem if options.config and len(options.config[0]) < 100 else "train"
    name = safe_key(Path(path).resolve().name) if path else name
    root = given["trainer.default_root_dir"] or config.get("trainer", {}).get("default_root_dir")
    run = choose_run(name, root, options.ckpt_path, overwrite=options.overwrite)
    if any(argument.endswith(".help") for argument in rest):  # of a class, which takes no other options
        return rest, run, False
    config.setdefault("model", {}).setdefault("class_path", CLASSES["model"])
    config.setdefault("data", {}).setdefault("class_path", data_class(config))
    result = [f"--config={yaml.safe_dump(config, sort_keys=False)}", f"--data={kind}"]
    result += [f"--data.path={path}"] if given["data.path"] else []
    result += [*rest, f"--trainer.default_root_dir={run.folder}"]
    if resumes and run.checkpoint is not None:
        result.append(f"--ckpt_path={run.checkpoint}")
    return result, run, options.overwrite


def _command_line(arguments: list[str], run: bool = True) -> TrainCLI:
    for message in EXPECTED:
        warnings.filterwarnings("ignore", message=f".*{message}")
    for logger in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.trainer.connectors.signal_connector"):
        logging.getLogger(logger).addFilter(_is_news)
    usage = {
        "usage": "ccstereo train --config NAME_OR_FILE [--section.option VALUE ...]",
        "allow_abbrev": False,  # else a misspelt option sets another one
    }
    return TrainCLI(
        LightningModule,
        LightningDataModule,
        args=arguments,
        run=run,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        parser_class=TrainParser,
        parser_kwargs={"fit": usage} if run else usage,
        save_config_kwargs={"overwrite": True},
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a message is no advertisement, and nothing that the command line says itself."""
    return not any(words in record.getMessage() for words in SILENT)
