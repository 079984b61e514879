"""Reading parts of files in folders and on web servers, going on where a connection broke."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from time import sleep
from typing import IO

from ccstereo.errors import DatasetError

TIMEOUT = 60.0  # seconds without a byte after which a connection counts as broken
TRIES = 5  # in a row without any progress
PAUSE = 1.0  # seconds before the second try, and longer before each further one
_BLOCK = 1 << 20
_GAP = 4 << 20  # bytes that are rather read over than asked for anew
_AGAIN = (408, 425, 429)  # answers below 500 that another try may mend
_BROKEN = (urllib.error.URLError, http.client.HTTPException, EOFError, OSError)


def is_url(location: str) -> bool:
    """Whether this is the address of a web server."""
    return location.startswith(("http://", "https://"))


def fetch(location: str) -> bytes:
    """Read a small file whole.

    Raises:
        FileNotFoundError: there is none.
        DatasetError: it cannot be read.
    """
    if not is_url(location):
        try:
            return Path(location).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DatasetError(f"{location}: cannot be read ({error.strerror})") from error
    for attempt in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(location, timeout=TIMEOUT) as answer:
                return bytes(answer.read())
        except _BROKEN as error:
            if isinstance(error, urllib.error.HTTPError) and error.code in (404, 410):
                raise FileNotFoundError(location) from error
            _wait(location, error, attempt)
    raise AssertionError("unreachable")


class ShardStream:
    """Reads a file forwards, in pieces; a broken connection is opened again where it broke.

    A server that knows no ranges sends the file from its beginning, which is read over.

    Args:
        location: path or URL.
        size: bytes that the file must have.
    """

    def __init__(self, location: str, size: int) -> None:
        self.location = location
        self.size = size
        self._source: IO[bytes] | http.client.HTTPResponse | None = None
        self._position = 0
        self._ranges = True  # until the server shows that it knows none

    def read_at(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset` on.

        Raises:
            DatasetError: they cannot be had: the file is missing, has another size, or the server fails for good.
        """
        data = bytearray()
        attempt, furthest = 0, 0
        while len(data) < length:
            try:
                self._go_to(offset + len(data))
                data += self._read(min(_BLOCK, length - len(data)))
            except _BROKEN as error:
                # A server without ranges gives progress only once it is past what was read over before.
                furthest, attempt = max(furthest, self._position), 1 if self._position > furthest else attempt + 1
                self.close()
                if not is_url(self.location):
                    reason = getattr(error, "strerror", None) or error
                    raise DatasetError(f"{self.location}: cannot be read ({reason}); write the shards again") from error
                _wait(self.location, error, attempt)
        return bytes(data)

    def close(self) -> None:
        """Close the file or connection; reading on opens it again."""
        if self._source is not None:
            self._source.close()
        self._source = None

    def _read(self, length: int) -> bytes:
        assert self._source is not None
        data = self._source.read(length)
        if not data:
            raise EOFError(f"it ended after {self._position} of {self.size} bytes")
        self._position += len(data)
        return data

    def _go_to(self, offset: int) -> None:
        ahead = offset - self._position
        if self._source is None or ahead < 0 or (ahead > _GAP and self._ranges):
            self.close()
            self._open(offset)
        while self._position < offset:
            self._read(min(_BLOCK, offset - self._position))

    def _open(self, offset: int) -> None:
        self._position = 0
        if not is_url(self.location):
            self._source = Path(self.location).open("rb")  # noqa: SIM115 - see close
            self._check_size(self._source.seek(0, 2))
            self._position = self._source.seek(offset)
            return
        request = urllib.request.Request(self.location, headers={"Range": f"bytes={offset}-"} if offset else {})
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
        self._source = answer
        if answer.status == 206:
            reach, _, total = (answer.headers.get("Content-Range") or "").removeprefix("bytes ").partition("/")
            self._check_size(int(total) if total.isdigit() else None)
            if reach.partition("-")[0] != str(offset):
                raise DatasetError(f"{self.location}: the server sent bytes {reach} when asked for those from {offset}")
            self._position = offset
        else:
            self._ranges = self._ranges and not offset
            length = answer.headers.get("Content-Length") or ""
            self._check_size(int(length) if length.isdigit() else None)

    def _check_size(self, found: int | None) -> None:
        if found is not None and found != self.size:
            raise DatasetError(
                f"{self.location}: has {found} bytes, but its index says {self.size}; copy or write the shards again"
            )


def _wait(location: str, error: Exception, attempt: int) -> None:
    """Wait before the next try, or raise where none can help."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code < 500 and error.code not in _AGAIN:
            raise DatasetError(f"{location}: the server answers {error.code} ({error.reason})") from error
    if attempt >= TRIES:
        raise DatasetError(f"{location}: cannot be read after {TRIES} tries ({error}); a run resumes later") from error
    sleep(PAUSE * attempt)
