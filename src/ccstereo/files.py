"""The one way to write a file: under a temporary name beside it, renamed when whole; leftovers are swept."""

import atexit
import os
import re
import secrets
import socket
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":  # where a file that is open cannot be removed: it needs no lock
    import fcntl

PARTIAL = ".part"  # stands in the name of every file that is not whole yet
_HOST = f"{zlib.crc32(socket.gethostname().encode()) & 0xFFFF:04x}"
_LEFT = re.compile(r"\..+\.[0-9a-f]{8}(?:-(?P<host>[0-9a-f]{4}))?" + re.escape(PARTIAL) + r"(?:\.[^.]*)?", re.DOTALL)
_DAY = 86_400  # seconds after which what another machine has not written on is taken for left

_unfinished: dict[Path, tuple[int, int]] = {}  # this process's partial files: who began each, and its descriptor
_swept: set[Path] = set()  # folders where small files are written by the thousand are looked through once


class PartialFile:
    """A file that is being written: hidden, beside its target, and locked as long as this process lives.

    Whatever ends the process but a SIGKILL or a power cut removes it; what those leave, `sweep` finds by the lock.

    Attributes:
        target: the file to be.
        path: where to write meanwhile. Nothing, or an empty file, is there.
    """

    def __init__(self, target: str | Path) -> None:
        self.target = Path(target)
        self.path = temporary_beside(self.target)
        descriptor = _create_locked(self.path)
        while descriptor is None:  # another process was just sweeping there
            self.path = temporary_beside(self.target)
            descriptor = _create_locked(self.path)
        _unfinished[self.path] = (os.getpid(), descriptor)

    def keep(self) -> None:
        """Give the file its name.

        Raises:
            OSError: it cannot be given; nothing is left of it then.
        """
        try:
            self._restore_mode()
            self.path.replace(self.target)
        finally:
            self.discard()

    def _restore_mode(self) -> None:
        """Let those read it who may read other new files: safetensors puts a file there that is its owner's alone."""
        _, descriptor = _unfinished.get(self.path, (0, -1))
        if descriptor >= 0:
            with suppress(OSError):  # a file system without modes
                self.path.chmod(stat.S_IMODE(os.fstat(descriptor).st_mode))

    def discard(self) -> None:
        """Remove what was written, if it is still there."""
        with suppress(OSError):
            self.path.unlink()
        _, descriptor = _unfinished.pop(self.path, (0, -1))
        if descriptor >= 0:
            os.close(descriptor)


def temporary_beside(target: Path) -> Path:
    """Hidden, unused name in the target's folder, with the target's suffix, short enough for any file system.

    It ends in a mark of this machine: only there does a lock tell for sure whether somebody still writes.

    >>> name = temporary_beside(Path("out/film.mp4")).name
    >>> name.startswith(".film."), name.endswith(".part.mp4")
    (True, True)
    """
    return target.with_name(f".{target.stem[:32]}.{secrets.token_hex(4)}-{_HOST}{PARTIAL}{target.suffix}")


def sweep(folder: Path) -> None:
    """Remove the partial files in a folder that no living process holds, as a SIGKILL or a power cut leaves them.

    Those of other machines, on a disk of the network, only when nobody has written on them for a day.
    """
    try:
        with os.scandir(folder) as entries:
            found = [(Path(entry.path), match) for entry in entries if (match := _LEFT.fullmatch(entry.name))]
    except OSError:
        return
    for path, match in found:
        with suppress(OSError):
            if path not in _unfinished:
                _remove_if_left(path, here=match["host"] == _HOST)


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to; it becomes `target` when the block ends well, and is removed otherwise.

    Whatever stood at `target` stays as it was until then.

    Args:
        target: the file to be. Its folder must exist.

    Raises:
        OSError: the file cannot be given its name.
    """
    folder = Path(target).absolute().parent
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)
    partial = PartialFile(target)
    try:
        yield partial.path
        partial.keep()
    finally:
        partial.discard()


def write_atomic(target: str | Path, content: str | bytes) -> None:
    r"""Write a whole file: text as UTF-8, or bytes.

    A file name that is not UTF-8 (Python keeps its odd bytes as surrogates) is written as \udc.., as JSON does.

    Raises:
        OSError: the folder is missing, not writable, or full; an earlier file of that name is as it was.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)


@atexit.register
def remove_unfinished() -> None:
    """Remove every partial file of this process: what one does before it ends without cleaning up."""
    for path, (owner, _) in list(_unfinished.items()):
        if owner == os.getpid():  # not those of the process that this one was forked from
            with suppress(OSError):
                path.unlink()


def _create_locked(path: Path) -> int | None:
    """Create and lock a file; None where a sweep came between.

    -1 without a lock, where there are none, or where nothing can be created: whoever writes there then says why.
    """
    if sys.platform == "win32":
        return -1
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError:
        return -1
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:  # a file system without locks
        os.close(descriptor)
        return -1
    os.close(descriptor)
    return None


def _remove_if_left(path: Path, *, here: bool) -> None:
    """Remove a partial file, begun on this machine or another, unless somebody may still write it.

    Raises:
        OSError: somebody does, or it cannot be removed.
    """
    old = time.time() - path.stat().st_mtime > _DAY
    if sys.platform == "win32" or not here:
        if here or old:
            path.unlink()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:  # a file system without locks
            if not old:
                return
        path.unlink()  # while it is locked: whoever has just begun it takes another name
    finally:
        os.close(descriptor)
