"""Code of one's own: its models, metrics, loss terms and data sets register themselves when it is imported."""

import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ccstereo.errors import CCStereoError

GROUP = "ccstereo.plugins"  # of entry points
VARIABLE = "CCSTEREO_IMPORT"  # by which processes that this one starts find the names


def load_plugins(names: Iterable[str] = ()) -> None:
    """Import the modules named, those named to the process that started this one, and those that packages announce.

    Args:
        names: of modules, as in `import`; the working folder is searched, too.

    Raises:
        CCStereoError: one cannot be imported; the message names it.
    """
    wanted = list(dict.fromkeys([*filter(None, os.environ.get(VARIABLE, "").split(",")), *names]))
    os.environ[VARIABLE] = ",".join(wanted)
    here = str(Path.cwd())
    if wanted and not {"", here} & set(sys.path):
        sys.path.append(here)  # last: a file that happens to lie here must not hide an installed package
    for name in wanted:
        _load(f"--import {name}", import_module, name)
    for entry in entry_points(group=GROUP):
        _load(f"plugin {entry.name} ({entry.value})", entry.load)


def _load(what: str, load: Callable[..., Any], *arguments: str) -> None:
    try:
        load(*arguments)
    except Exception as error:
        raise CCStereoError(f"{what}: {type(error).__name__}: {error}") from error
