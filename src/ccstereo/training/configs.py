"""A training's options before Lightning reads them: configs by name, old names of options, the class of the data."""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ccstereo.errors import CCStereoError, UsageError

CONFIGS = Path(__file__).parents[1] / "configs"
CLASSES = {"model": "ccstereo.training.task.SpatialTask", "data": "ccstereo.training.stage_data.StageData"}
TASKS = {  # of this package: the first one's options are all the others' as well
    "ccstereo.training.task.SpatialTask",
    "ccstereo.training.adversarial.AdversarialTask",
    "ccstereo.training.separation.SeparationTask",
}
RECORDED = "ccstereo.training.recorded_data.RecordedData"
PARTS = {"optimizer": "torch.optim.Adam", "lr_scheduler": "ccstereo.training.schedules.PolynomialDecay"}
Config = dict[str, Any]

RENAMED = {  # old beginning of an option's name to the new one; taken for one release, with a warning
    "data.sounds": "data.windows_per_frame",
    "data.spread": "data.scenes.random_offset",
    "data.drawn_share": "data.scenes.synthetic_fraction",
    "data.room_share": "data.scenes.room_fraction",
    "data.rooms": "data.scenes.rooms",
    "data.mix": "data.scenes.mix",
    "data.synthetic_fraction": "data.scenes.synthetic_fraction",
    "data.room_fraction": "data.scenes.room_fraction",
    "data.random_offset": "data.scenes.random_offset",
    "data.footage.blurred": "data.augmentation.image.blur",
    "data.footage.compressed": "data.augmentation.image.compression",
    "data.image_augmentation": "data.augmentation.image",
    "data.variety.speeds": "data.augmentation.audio.speed",
    "data.variety.tone": "data.augmentation.audio.filter",
    "data.audio_augmentation": "data.augmentation.audio",
    "data.split": "data.fold",
    "data.train_part": "data.train_split",
    "data.val_part": "data.val_split",
    "model.contrastive_share": "model.contrastive_fraction",
    "model.jitter_range": "model.colour.jitter",
    "model.cast_range": "model.colour.cast",
    "model.weight_decay": "model.optimizer.init_args.weight_decay",
    "model.decay_power": "model.lr_scheduler.init_args.power",
    "model.warmup_steps": "model.lr_scheduler.init_args.warmup_steps",
}


class RunParser(argparse.ArgumentParser):
    """Picks a few options out of a training's arguments, before Lightning reads the others."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message} (see ccstereo train --help)")


def known_configs() -> dict[str, Path]:
    """Configs of the package by name.

    >>> sorted(name for name in known_configs() if "/" not in name)
    ['ccstereo', 'ccstereo-stage', 'lite-stage', 'mono2binaural', 'stage-ablation']
    """
    return {path.relative_to(CONFIGS).with_suffix("").as_posix(): path for path in sorted(CONFIGS.rglob("*.yaml"))}


def read_configs(names: Sequence[str]) -> Config:
    """Read configs, a later one on top: files, names of the package's, or YAML itself.

    Returns:
        The options, with those of `model` and `data` in `init_args` of a class, as LightningCLI has them.

    Raises:
        UsageError: there is no such config.
        CCStereoError: it is not one.
    """
    result: Config = {}
    for name in names:
        config = _current(_read(name))
        if "model" in config:  # the class of the data depends on the command line
            _name_classes(config["model"], result.get("model", {}))
            if {config["model"]["class_path"], result.get("model", {}).get("class_path")} <= TASKS:
                result["model"]["class_path"] = config["model"]["class_path"]  # which has all options of the other
        if "data" in result and "class_path" in config.get(
            "data", {}
        ):  # whose options are not those of the class below
            result["data"].setdefault("class_path", data_class(result))
        result = _merged(result, config)
    return result


def current_options(arguments: Sequence[str]) -> list[str]:
    """Put the current names in the place of old ones, with a warning for each.

    >>> current_options(["--trainer.max_steps", "3"])
    ['--trainer.max_steps', '3']
    """
    result = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        new = _renamed(name.removeprefix("--")) if name.startswith("--") else None
        result.append(argument if new is None else f"--{new}{equals}{value}")
    return result


def data_class(config: Config) -> str:
    """The class of the data in a config: the one it names, recordings where it has a path, or simulated scenes."""
    section = config.get("data", {})
    recorded = RECORDED if "path" in section.get("init_args", {}) else CLASSES["data"]
    return str(section.get("class_path", recorded))


def _read(name: str) -> Config:
    known = known_configs()
    path = known[name] if name in known and not _is_file(name) else Path(name)
    if not _is_file(str(path)) and re.fullmatch(r"[\w./\\-]+", name):
        raise UsageError(f"no config {name!r}: give a file or one of {', '.join(known)}")
    try:
        content = yaml.safe_load(path.read_text() if _is_file(str(path)) else name)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CCStereoError(f"{name}: cannot be read as YAML ({error})") from error
    if not isinstance(content, dict):
        raise CCStereoError(f"{name}: is no config, which is a YAML mapping")
    return content


def _current(config: Config) -> Config:
    """Rename the old options of `model` and `data`, which may be in `init_args` already."""
    result = {name: value for name, value in config.items() if name not in CLASSES}
    for section in CLASSES.keys() & config.keys():
        options = config[section] or {}
        inside = options.get("init_args", {} if "class_path" in options else options) or {}
        moved: Config = {}
        for option, value in _leaves(inside, section):
            for name in reversed((_renamed(option) or option).split(".")):
                value = {name: value}
            moved = _merged(moved, value)
        named = {name: options[name] for name in ("class_path",) if name in options}
        result[section] = named | {"init_args": moved.get(section, {})}
    return result


def _name_classes(model: Config, below: Config) -> None:
    """Name the classes of the task, the optimizer and the schedule: those of a config below, or the usual ones."""
    model.setdefault("class_path", below.get("class_path", CLASSES["model"]))
    for name in PARTS.keys() & model["init_args"].keys():
        named = below.get("init_args", {}).get(name, {}).get("class_path", PARTS[name])
        model["init_args"][name].setdefault("class_path", named)


def _leaves(options: Mapping[str, Any], section: str) -> Iterator[tuple[str, Any]]:
    """Options by their whole names; a mapping is divided where its parts may have old names."""
    for name, value in options.items():
        option = f"{section}.{name}"
        if isinstance(value, dict) and any(old.startswith(f"{option}.") for old in RENAMED):
            yield from _leaves(value, option)
        else:
            yield option, value


def _merged(below: Config, above: Mapping[str, Any]) -> Config:
    """One mapping on top of another, all the way down; options of another class are not kept."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            other = "class_path" in old and value.get("class_path", old["class_path"]) != old["class_path"]
            result[name] = dict(value) if other else _merged(old, value)
        else:
            result[name] = value
    return result


def _renamed(option: str) -> str | None:
    """Current name of an option, with a warning, or None where it has it already."""
    for old, new in RENAMED.items():
        if option == old or option.startswith(f"{old}."):
            current = new + option.removeprefix(old)
            print(f"warning: {option} is now called {current}; the old name goes in the next release", file=sys.stderr)
            return current
    return None


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # a config itself is too long for a name
        return False
