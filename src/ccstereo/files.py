"""The one way to write a file: under a temporary name beside it, renamed when whole."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = ".part"  # stands in the name of every file that is not whole yet


def temporary_beside(target: Path) -> Path:
    """Hidden, unused name in the target's folder, with the target's suffix, short enough for any file system.

    >>> name = temporary_beside(Path("out/film.mp4")).name
    >>> name.startswith(".film."), name.endswith(".part.mp4")
    (True, True)
    """
    return target.with_name(f".{target.stem[:32]}.{secrets.token_hex(4)}{PARTIAL}{target.suffix}")


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to; it becomes `target` when the block ends well, and is removed otherwise.

    Whatever stood at `target` stays as it was until then.

    Args:
        target: the file to be. Its folder must exist.

    Raises:
        OSError: the file cannot be given its name.
    """
    target = Path(target)
    temporary = temporary_beside(target)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_atomic(target: str | Path, content: str | bytes) -> None:
    r"""Write a whole file: text as UTF-8, or bytes.

    A file name that is not UTF-8 (Python keeps its odd bytes as surrogates) is written as \udc.., as JSON does.

    Raises:
        OSError: the folder is missing, not writable, or full; an earlier file of that name is as it was.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
