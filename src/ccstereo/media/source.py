"""Where an input comes from: a file, an address that FFmpeg reads, or a pipe, which is stored first."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

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
    """Give an input as something that can be opened several times and searched.

    A pipe and a file on a server are stored in a temporary file.

    Args:
        name: a path, an address, or "-" for standard input.

    Raises:
        MediaError: the pipe cannot be read or stored.
    """
    source = as_source(name)
    if isinstance(source, str) and urlsplit(source).scheme.lower() in ("http", "https", "ftp"):
        with _download(source) as path:
            yield path
    elif str(name) == STANDARD:
        with _copy(sys.stdin.buffer, "standard input") as path:
            yield path
    elif isinstance(source, Path) and _is_pipe(source):
        with source.open("rb") as pipe, _copy(pipe, str(source)) as path:
            yield path
    else:
        yield source


def _is_pipe(path: Path) -> bool:
    try:
        return path.is_fifo()
    except OSError:  # such as a name that is longer than any file's; whoever opens it says so
        return False


@contextmanager
def _download(address: str) -> Iterator[Path | str]:
    """A file on a server, stored, as it is read several times; anything else, such as a playlist, as it is."""
    try:
        answer = urlopen(Request(address, headers={"User-Agent": "ccstereo"}), timeout=60)
    except (OSError, ValueError) as error:
        raise MediaError(f"{address}: cannot be read from there ({error}); check the address") from error
    with answer:
        kind = answer.headers.get_content_type()
        if "mpegurl" in kind or "dash+xml" in kind:
            yield address
            return
        with _copy(answer, address, Path(urlsplit(address).path).suffix) as path:
            yield path


@contextmanager
def _copy(pipe: BinaryIO, name: str, suffix: str = "") -> Iterator[Path]:
    """A pipe's content as a file; what is said about that file is said about the pipe."""
    with tempfile.TemporaryDirectory(prefix="ccstereo-") as folder:
        path = Path(folder) / f"input{suffix[:16]}"
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(pipe, file, 1 << 20)
        except (OSError, HTTPException) as error:
            advice = "set TMPDIR to another folder if that one is full"
            raise MediaError(f"{name}: cannot be stored in {folder} ({error}); {advice}") from error
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
