"""Code of one's own: models, loss terms, metrics and data sets that register themselves when they are imported."""

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from ccstereo.errors import CCStereoError

GROUP = "ccstereo.plugins"


def load_plugins(modules: Sequence[str] = ()) -> None:
    """Import modules by name, and those of installed packages in the entry point group `ccstereo.plugins`.

    Args:
        modules: of `--import`; those in the current folder are found, too.

    Raises:
        CCStereoError: one cannot be imported.
    """
    if modules and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:
            raise CCStereoError(f"plugin {entry.name} ({entry.value}) cannot be imported: {error}") from error
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            raise CCStereoError(f"--import {module}: {type(error).__name__}: {error}") from error
