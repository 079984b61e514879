"""Lines of JSON that a killed run finds again, and the one resumable journal: settings, then a line for every item."""

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ccstereo.errors import DatasetError
from ccstereo.files import write_atomic


class Lines:
    """A file of JSON, one value a line, each handed to the system as soon as it is appended.

    Safe to append to from several threads.

    Args:
        path: of the file, written anew; its folder is made if need be.
        lines: it begins with.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: str | Path, lines: Iterable[Any] = ()) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path, "".join(map(_line, lines)))
        self._lock = threading.Lock()

    def append(self, value: Any) -> None:
        """Add a line."""
        with self._lock, self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(_line(value))


class Journal:
    """Lines of JSON in a file. A run that was killed finds again what it had done; half a last line is dropped.

    Safe to append to from several threads.

    Args:
        path: of the file; its folder is made if need be.
        settings: JSON values on which the items depend.
        items: what is known to be done where there is no journal yet, such as the items of a finished run.

    Attributes:
        items: every item that is done, those of earlier runs included, in the order in which they were.

    Raises:
        DatasetError: the file was begun with other settings (the message names the first that differs), or its head is
            damaged.
        OSError: it cannot be written.
    """

    def __init__(self, path: str | Path, settings: dict[str, Any], items: list[dict[str, Any]] | None = None) -> None:
        self.path = Path(path)
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))
        self.items = list(items or [])
        if self.path.is_file():
            found, self.items = read_journal(self.path)
            check_settings(self.path.parent, found, self.settings)
        self._lines = Lines(self.path, [self.settings, *self.items])

    def append(self, item: dict[str, Any]) -> None:
        """Note that an item is done."""
        self._lines.append(item)
        self.items.append(item)

    def remove(self) -> None:
        """Remove the file: the run is whole, and its results stand elsewhere."""
        self.path.unlink(missing_ok=True)


def read_journal(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Settings and items of a journal, up to the first line that is not whole.

    Raises:
        DatasetError: there is no line of settings.
    """
    settings, *items = read_lines(path) or [None]
    if settings is None:
        raise DatasetError(f"{path}: is damaged; remove it and run the command again")
    return settings, items


def read_lines(path: Path) -> list[Any]:
    """Values of a file of `Lines`, up to the first that is not whole: the last, of a run that was killed."""
    values = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values.append(json.loads(line))
        except ValueError:
            break
    return values


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def check_settings(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to resume what was begun with other settings.

    Raises:
        DatasetError: naming the first setting that differs.
    """
    difference = first_difference(found, json.loads(json.dumps(wanted)))
    if difference:
        raise DatasetError(f"{folder}: was begun with other settings: {difference}; choose another folder")


def first_difference(found: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> str:
    """Name the first setting in which two differ; "" where none does.

    >>> first_difference({"a": {"hop": 0.1}}, {"a": {"hop": 0.2}})
    'a.hop is 0.1, not 0.2'
    """
    for key in {**found, **wanted}:
        one, other = found.get(key), wanted.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            deeper = first_difference(one, other, f"{prefix}{key}.")
            if deeper:
                return deeper
        elif one != other:
            return f"{prefix}{key} is {one}, not {other}"
    return ""
