"""The configs that a training's arguments name: files, or names of what comes with the package."""

import re
from collections.abc import Sequence
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]

from ccstereo.datasets.prepared.format import safe_key
from ccstereo.errors import CCStereoError
from ccstereo.training.data import StageData
from ccstereo.training.prepared import PreparedData

CONFIGS = Path(__file__).parents[1] / "configs"
JOINED = "--config="


def known_configs() -> dict[str, Path]:
    """Configs of the package by name.

    >>> sorted(name for name in known_configs() if "/" not in name)
    ['ccstereo-stage', 'lite-stage', 'mono2binaural', 'stage-ablation']
    """
    return {path.relative_to(CONFIGS).with_suffix("").as_posix(): path for path in sorted(CONFIGS.rglob("*.yaml"))}


def with_paths(arguments: Sequence[str]) -> list[str]:
    """Put the package's files in place of their names, where arguments ask for a config and no such file is there.

    Raises:
        CCStereoError: what is asked for is neither a file nor a name.
    """
    result, known = list(arguments), known_configs()
    for place in _places(arguments):
        flag = JOINED if arguments[place].startswith(JOINED) else ""
        name = arguments[place].removeprefix(JOINED)
        if _is_file(Path(name)):
            continue
        if name in known:
            result[place] = flag + str(known[name])
        elif re.fullmatch(r"[\w./\\-]+", name):  # else it is a config itself, as YAML, or the address of one
            raise CCStereoError(f"no config {name!r}: give a file or one of {', '.join(known)}")
    return result


def wants_prepared(arguments: Sequence[str]) -> bool:
    """Whether the arguments of a training, or a config they name, give the path of a prepared set."""
    given = any(argument.split("=")[0] == "--data.path" for argument in arguments)
    return given or any("path" in _data_section(config) for _, config in _configs(arguments))


def without_stage_options(arguments: Sequence[str]) -> list[str]:
    """Put configs in place of their names, less the options that only simulated scenes have.

    So a config that was written for the stage can be used with recordings. Those of the package then write to a folder
    named after the set, `runs/<set>`, or to `--trainer.default_root_dir`: weights of the stage are not overwritten.
    """
    result = list(arguments)
    stage_only = signature(StageData).parameters.keys() - signature(PreparedData).parameters.keys()
    for place, config in _configs(arguments):
        data = _data_section(config)
        kept = {name: value for name, value in data.items() if name not in stage_only}
        flag = JOINED if arguments[place].startswith(JOINED) else ""
        config |= {"data": kept} if "data" in config else {}
        if Path(arguments[place].removeprefix(flag)).parent == CONFIGS:
            config["trainer"]["default_root_dir"] = _run_folder(arguments)
        result[place] = flag + yaml.safe_dump(config, sort_keys=False)
    return result


def _run_folder(arguments: Sequence[str]) -> str:
    path = _last(arguments, "--data.path").rstrip("/")
    return _last(arguments, "--trainer.default_root_dir") or f"runs/{safe_key(Path(path).resolve().name)}"


def _last(arguments: Sequence[str], option: str) -> str:
    """Value of an option, the last one if it is there several times."""
    follows = [value for name, value in pairwise(arguments) if name == option]
    joined = [argument.partition("=")[2] for argument in arguments if argument.startswith(f"{option}=")]
    return (["", *follows, *joined])[-1]


def _configs(arguments: Sequence[str]) -> list[tuple[int, dict[str, Any]]]:
    """Places among the arguments that name a config, and what it holds."""
    found = []
    for place in _places(arguments):
        path = Path(arguments[place].removeprefix(JOINED))
        if _is_file(path):
            content = yaml.safe_load(path.read_text())
            if isinstance(content, dict):
                found.append((place, content))
    return found


def _data_section(config: dict[str, Any]) -> dict[str, Any]:
    section = config.get("data")
    return section if isinstance(section, dict) else {}


def _places(arguments: Sequence[str]) -> list[int]:
    """Places among the arguments that name a config."""
    after = [place + 1 for place, argument in enumerate(arguments[:-1]) if argument in ("--config", "-c")]
    return sorted([*after, *(place for place, argument in enumerate(arguments) if argument.startswith(JOINED))])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a config itself is too long for a name
        return False
