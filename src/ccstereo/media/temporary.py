"""An output file that appears under its name only when it is whole."""

import contextlib
import secrets
from pathlib import Path

from ccstereo.errors import MediaError


class Temporary:
    """A hidden file beside `target`, to be written and then renamed over it; the suffix is the target's.

    Until `commit`, whatever stood at `target` stays as it is.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        # A short stem: the name must not grow past what the file system takes.
        self.path = target.with_name(f".{target.stem[:32]}.{secrets.token_hex(4)}.part{target.suffix}")

    def commit(self) -> None:
        """Give the file its name.

        Raises:
            MediaError: the target cannot be replaced.
        """
        try:
            self.path.replace(self.target)
        except OSError as error:
            raise MediaError(f"{self.target}: cannot be replaced ({error.strerror}); choose another name") from error
        finally:
            self.discard()  # whatever stopped it

    def discard(self) -> None:
        """Remove the file if it is there."""
        with contextlib.suppress(OSError):
            self.path.unlink()
