"""Converted networks are kept in the user's cache folder: converting takes ten seconds, opening less than one."""

import atexit
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ccstereo.errors import WeightsError
from ccstereo.files import temporary_beside
from ccstereo.inference.exported import FORMAT, read_exported

VARIABLE = "CCSTEREO_CACHE"


def cache_folder() -> Path:
    """Where converted networks are kept: $CCSTEREO_CACHE, or where the system has such things. May be removed any time.

    On Linux that is $XDG_CACHE_HOME/ccstereo or ~/.cache/ccstereo, on macOS ~/Library/Caches/ccstereo, on Windows
    %LOCALAPPDATA%/ccstereo/Cache.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given)
    home, system = Path.home(), platform.system()
    if system == "Windows":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "ccstereo" / "Cache"
    if system == "Darwin":
        return home / "Library" / "Caches" / "ccstereo"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "ccstereo"


def cached_network(facts: dict[str, Any], make: Callable[[Path], Any]) -> Path:
    """A folder with a converted network: the kept one if it is whole, else made now and kept if the folder allows.

    Two processes may make the same at once; the first to finish is kept.

    Args:
        facts: JSON values, of which any change asks for another network.
        make: writes the network into a folder that is not there yet.

    Returns:
        The folder. Where nothing can be kept it is a temporary one, which goes with this process.

    Raises:
        BackendError: as `make` does.
    """
    key = hashlib.sha256(json.dumps([FORMAT, facts], sort_keys=True).encode()).hexdigest()[:24]
    target = cache_folder() / "networks" / key
    if _is_whole(target):
        return target
    temporary = temporary_beside(target)
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    except OSError:  # a read-only home, or a full disk
        made = _process_folder() / key
        if not _is_whole(made):
            make(made)
        return made
    try:
        make(temporary)
        if _is_whole(target):  # another process was first, and may be reading it
            return target
        with suppress(OSError):
            shutil.rmtree(target)  # a damaged one
        try:
            temporary.rename(target)
        except OSError:  # another process was quicker
            if not _is_whole(target):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def code_digest(*files: str | Path) -> str:
    """SHA-256 of source files: a network is converted again when the code that it was traced through changes."""
    digest = hashlib.sha256()
    for file in sorted(map(Path, files)):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def model_sources(model: str) -> list[Path]:
    """Files that a model's graph depends on: those of `ccstereo.models`, and the one that registered it elsewhere."""
    package = Path(__file__).parents[1]
    files = [*(package / "models").rglob("*.py"), *(package / "audio").rglob("*.py"), package / "vision/transforms.py"]
    registry = sys.modules.get("ccstereo.models.registry")
    builder = registry.builder_file(model) if registry else None
    return [*files, *([Path(builder)] if builder and Path(builder) not in files else [])]


def _is_whole(folder: Path) -> bool:
    try:
        read_exported(folder)
    except WeightsError:
        return False
    return True


@lru_cache(maxsize=1)
def _process_folder() -> Path:
    """A folder that is removed when this process ends."""
    folder = tempfile.mkdtemp(prefix="ccstereo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
