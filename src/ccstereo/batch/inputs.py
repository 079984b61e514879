"""Which files are meant: files, folders and patterns, as they stand on a command line."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccstereo.media.containers import OWN_MARK
from ccstereo.media.names import VIDEO_SUFFIXES
from ccstereo.media.source import STANDARD, as_source


@dataclass(frozen=True)
class Input:
    """A file to be converted.

    Attributes:
        path: of it, as given, or as found in a folder as given.
        below: folder in the output's folder where its result goes: that of the input in a folder that was given.
        named: given itself; else found in a folder or by a pattern.
    """

    path: Path
    below: Path = Path()
    named: bool = True


@dataclass(frozen=True)
class Found:
    """What arguments mean.

    Attributes:
        files: each once, in the order of the arguments; those of a folder sorted.
        others: files in folders that are no videos by their names.
        faults: arguments that mean no file, and why.
    """

    files: tuple[Input, ...]
    others: int = 0
    faults: tuple[tuple[str, str], ...] = ()


def find_inputs(arguments: Sequence[str | Path], *, recursive: bool = False) -> Found:
    """Find the files that arguments mean.

    Args:
        arguments: files; folders, of whose files those are taken that are videos by their names; patterns such as
            "clips/*.mkv" or "**/*.mp4" where there is no file of that name. In folders and by patterns hidden files
            are skipped, and results of this program (.binaural.mp4 and so on).
        recursive: look in the folders within folders, too.
    """
    files: dict[str, Input] = {}
    faults: list[tuple[str, str]] = []
    others = 0
    for argument in map(str, arguments):
        path = Path(argument)
        if argument == STANDARD or isinstance(as_source(argument), str):
            faults.append((argument, "is no file; convert it alone, with -o FILE"))
            continue
        if path.is_dir():
            found, skipped = _in_folder(path, recursive)
            others += skipped
            if not found:
                deeper = "" if recursive else "; --recursive looks in the folders within, too"
                faults.append((argument, f"holds no video to convert{deeper}"))
        elif glob.has_magic(argument) and not path.exists():
            matches = (Path(match) for match in sorted(glob.glob(argument, recursive=True)))  # noqa: PTH207  (a whole pattern)
            found = [Input(match, named=False) for match in matches if match.is_file() and not is_result(match)]
            if not found:
                faults.append((argument, "no file to convert matches"))
        else:
            found = [Input(path)]
        for each in found:
            files.setdefault(os.path.realpath(each.path), each)
    return Found(tuple(files.values()), others, tuple(faults))


def is_result(path: Path) -> bool:
    """Whether a file is a result of this program by its name.

    >>> is_result(Path("film.binaural.mp4")), is_result(Path("binaural.mp4"))
    (True, False)
    """
    return path.stem.lower().endswith(OWN_MARK)


def _in_folder(folder: Path, recursive: bool) -> tuple[list[Input], int]:
    """Videos of a folder, sorted, and the number of other files."""
    found, others = [], 0
    for path in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        below = path.relative_to(folder)
        if any(part.startswith(".") for part in below.parts) or is_result(path) or not path.is_file():
            continue
        if path.suffix.lower() in VIDEO_SUFFIXES:
            found.append(Input(path, below.parent, named=False))
        else:
            others += 1
    return found, others
