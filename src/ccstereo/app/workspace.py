"""The one folder that the page writes to: each file under a token that nobody can guess, removed after use."""

import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "ccstereo-app-"
_LONGEST = 80  # characters of a file's name


@dataclass
class Stored:
    """A file of the page.

    Attributes:
        token: by which a browser asks for it.
        path: where it is, alone in a folder.
        owner: session that it belongs to; "" for an upload that no session has used yet.
        touched: when it was last used, by `time.monotonic`.
    """

    token: str
    path: Path
    owner: str
    touched: float

    @property
    def name(self) -> str:
        """Of the file, for people."""
        return self.path.name


class Workspace:
    """A temporary folder of files by token. Calls may come from any thread.

    What a killed server has left beside it is removed at the start.

    Args:
        parent: where the folder is made; None takes the system's place for temporary files.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(tempfile.gettempdir()) if parent is None else parent
        for left in parent.glob(f"{PREFIX}*/"):
            _remove_if_left(left)
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._alive = FileLock(self.root / ".lock", thread_local=False)
        self._alive.acquire()
        self._files: dict[str, Stored] = {}
        self._lock = threading.Lock()

    def create(self, name: str, owner: str = "") -> Stored:
        """Make a place for a file; nothing is there yet."""
        token = secrets.token_urlsafe(16)
        folder = self.root / token
        folder.mkdir()
        stored = Stored(token, folder / safe_name(name), owner, time.monotonic())
        with self._lock:
            self._files[token] = stored
        return stored

    def get(self, token: str) -> Stored | None:
        """The file of a token, if there is one."""
        with self._lock:
            stored = self._files.get(token)
            if stored is not None:
                stored.touched = time.monotonic()
            return stored

    def remove(self, token: str) -> None:
        """Remove a file; one that is gone stays so."""
        with self._lock:
            stored = self._files.pop(token, None)
        if stored is not None:
            shutil.rmtree(stored.path.parent, ignore_errors=True)

    def release(self, owner: str) -> None:
        """Remove all files of a session."""
        self._remove_where(lambda stored: stored.owner == owner)

    def sweep(self, seconds: float) -> None:
        """Remove files that nobody has used for so long."""
        oldest = time.monotonic() - seconds
        self._remove_where(lambda stored: stored.touched < oldest)

    def close(self) -> None:
        """Remove the folder."""
        self._alive.release()
        shutil.rmtree(self.root, ignore_errors=True)

    def plain(self, message: str) -> str:
        """A message without the folders of this machine: files by their names alone."""
        return re.sub(re.escape(str(self.root)) + r"/[^/\s]+/", "", message)

    def _remove_where(self, wanted: Callable[[Stored], bool]) -> None:
        with self._lock:
            tokens = [token for token, stored in self._files.items() if wanted(stored)]
        for token in tokens:
            self.remove(token)


def safe_name(name: str) -> str:
    """The last part of a file's name, without what file systems or pages stumble over.

    >>> safe_name("../../etc/pass wd\\n.mp4"), safe_name(""), safe_name("a" * 200 + ".mp4")[-8:]
    ('pass wd.mp4', 'video', 'aaaa.mp4')
    """
    last = re.split(r"[/\\\\]", name)[-1]
    plain = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*').strip(". ")
    stem, dot, suffix = plain.rpartition(".")
    if len(plain) > _LONGEST:
        plain = f"{stem[: _LONGEST - len(suffix) - 1]}{dot}{suffix}"[:_LONGEST]
    return plain or "video"


def _remove_if_left(folder: Path) -> None:
    """Remove the folder of a server that runs no more."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)
