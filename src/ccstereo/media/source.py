"""Where an input comes from: a file, an address that FFmpeg reads, or a pipe, which is stored first."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ccstereo.errors import MediaError

STANDARD = "-"  # standard input or output
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def as_source(name: str | Path) -> Path | str:
    """An address such as "https://..." as it is, anything else as a path: a path would lose one of its slashes.

    >>> as_source("http://example.org/film.mp4")
    'http://example.org/film.mp4'
    >>> as_source("film.mp4").name
    'film.mp4'
    """
    return name if isinstance(name, str) and _ADDRESS.match(name) else Path(name)


@contextmanager
def stored(name: str | Path) -> Iterator[Path | str]:
    """Give an input as something that can be opened several times and searched: a pipe is stored in a temporary file.

    Args:
        name: a path, an address, or "-" for standard input.

    Raises:
        MediaError: the pipe cannot be read or stored.
    """
    source = as_source(name)
    if str(name) == STANDARD:
        with _copy(sys.stdin.buffer, "standard input") as path:
            yield path
    elif isinstance(source, Path) and source.is_fifo():
        with source.open("rb") as pipe, _copy(pipe, str(source)) as path:
            yield path
    else:
        yield source


@contextmanager
def _copy(pipe: BinaryIO, name: str) -> Iterator[Path]:
    """A pipe's content as a file; what is said about that file is said about the pipe."""
    with tempfile.TemporaryDirectory(prefix="ccstereo-") as folder:
        path = Path(folder) / "input"
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(pipe, file, 1 << 20)
        except OSError as error:
            raise MediaError(f"{name}: cannot be stored in {folder} ({error.strerror}); set TMPDIR") from error
        try:
            yield path
        except MediaError as error:
            raise MediaError(str(error).replace(str(path), name)) from error


@contextmanager
def delivered(name: str | Path, suffix: str) -> Iterator[Path]:
    """Give a path to write an output to; for "-" it goes to standard output once it is whole.

    Args:
        name: a path, or "-".
        suffix: with a dot, for "-": says what kind of file is written.

    Raises:
        MediaError: standard output is closed.
    """
    if str(name) != STANDARD:
        yield Path(name)
        return
    with tempfile.TemporaryDirectory(prefix="ccstereo-") as folder:
        path = Path(folder) / f"output{suffix}"
        yield path
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
            sys.stdout.buffer.flush()
