"""Fetching archives: resumed where they stopped, checked where a checksum is known, unpacked."""

import hashlib
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from ccstereo.errors import DatasetError

Progress = Callable[[int, int], None]
CHECKSUMS = "SHA256SUMS"  # as sha256sum writes and reads it
_BLOCK = 1 << 20
_TRIES = 5
_PAUSE = 2.0  # seconds before the second try, and longer before each further one


@dataclass(frozen=True)
class Archive:
    """A tar archive: its name at the base URL, its size for a first estimate, its SHA-256 where that is known."""

    name: str
    gigabytes: float
    sha256: str | None = None


def fetch_archives(archives: tuple[Archive, ...], base: str, folder: Path, progress: Progress | None = None) -> None:
    """Download and unpack archives into a folder, one after the other; each is removed once it is unpacked.

    What `SHA256SUMS` in that folder says of an archive must hold, and what it does not say is written there: two people
    whose files agree have the same data, although the publisher names no checksums.

    Args:
        archives: what to fetch.
        base: URL that ends in "/".
        folder: where to; what an earlier call has unpacked is not fetched again.
        progress: called with bytes done and expected (0 if unknown), of one archive at a time.

    Raises:
        DatasetError: there is not enough space, the server does not give the file, or it is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    marks = {archive: folder / f".{archive.name}.unpacked" for archive in archives}
    waiting = [archive for archive in archives if not marks[archive].exists()]
    need, free = space_needed(waiting, folder), shutil.disk_usage(folder).free / 1e9
    if need > free:
        raise DatasetError(f"{folder}: needs {need:.0f} GB to download and unpack, has {free:.0f} GB; make room")
    known = read_checksums(folder / CHECKSUMS)
    for archive in waiting:
        path = folder / archive.name
        download(base + archive.name, path, archive.sha256 or known.get(archive.name), progress)
        if archive.name not in known:
            with (folder / CHECKSUMS).open("a") as file:
                file.write(f"{_sha256(path)}  {archive.name}\n")
        unpack(path, folder)
        marks[archive].touch()
        path.unlink()


def read_checksums(path: Path) -> dict[str, str]:
    """Read a `SHA256SUMS` file, if it is there: name -> checksum.

    Raises:
        DatasetError: a line is not a checksum and a name.
    """
    known = {}
    for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], start=1):
        digest, _, name = line.partition(" ")
        if len(digest) != 64 or not name.strip(" *"):
            raise DatasetError(f"{path}: line {number} is not a SHA-256 and a file's name")
        known[name.strip(" *")] = digest.lower()
    return known


def space_needed(archives: list[Archive], folder: Path) -> float:
    """Gigabytes that downloading and unpacking still takes: all contents, and the largest archive beside its own."""
    parts = [folder / f"{archive.name}.part" for archive in archives]
    there = sum(part.stat().st_size for part in parts if part.exists()) / 1e9
    contents = sum(archive.gigabytes for archive in archives)
    return max(0.0, contents + max((archive.gigabytes for archive in archives), default=0.0) - there)


def download(url: str, target: Path, sha256: str | None = None, progress: Progress | None = None) -> None:
    """Download a file, going on where an earlier call stopped.

    Args:
        url: of the file; servers that know no ranges send it from the start.
        target: appears when it is whole; until then `<target>.part` grows.
        sha256: that the file must have; None takes what comes, of the length that the server tells.
        progress: called with bytes done and expected (0 if unknown).

    Raises:
        DatasetError: the server does not give the file, or it has another checksum.
    """
    if target.exists():
        return
    part = target.with_name(target.name + ".part")
    for attempt in range(_TRIES):
        before = part.stat().st_size if part.exists() else 0
        try:
            _go_on(url, part, progress)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise DatasetError(
                    f"{url}: the server answers {error.code} ({error.reason}); check the address"
                ) from error
            reason: Exception = error
        except (urllib.error.URLError, TimeoutError, ConnectionError, EOFError) as error:
            reason = error
        if attempt + 1 == _TRIES:
            raise DatasetError(f"{url}: stopped ({reason}); the same command goes on where it was") from reason
        got_on = part.exists() and part.stat().st_size > before
        sleep(_PAUSE * (1 if got_on else attempt + 1))
    if sha256 and (found := _sha256(part)) != sha256:
        part.unlink()
        raise DatasetError(f"{url}: has the checksum {found}, not {sha256}; run the command again")
    part.replace(target)


def _go_on(url: str, part: Path, progress: Progress | None) -> None:
    """Fetch what is missing. Raises EOFError when the connection ends early."""
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        length = error.headers.get("Content-Range", "").rpartition("/")[2]
        if error.code == 416 and length == str(done):  # nothing is missing
            return
        if error.code == 416:  # the file has changed
            part.unlink()
            raise EOFError("the server's file is shorter than the part that is here") from error
        raise
    with answer:
        if answer.status != 206:  # from the start: the server knows no ranges, or nothing was there
            done = 0
        total = done + int(answer.headers.get("Content-Length") or 0)
        with part.open("ab" if done else "wb") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                done += len(block)
                if progress:
                    progress(done, total)
    if total and done < total:
        raise EOFError(f"the connection ended after {done} of {total} bytes")


def unpack(path: Path, folder: Path) -> None:
    """Unpack a tar archive; members that are there in full already are passed over.

    Raises:
        DatasetError: it is no whole archive, or a member would lie outside the folder.
    """
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                target = folder / member.name
                if not (member.isfile() and target.is_file() and target.stat().st_size == member.size):
                    archive.extract(member, folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DatasetError(f"{path}: cannot be unpacked ({error}); delete it and run the command again") from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
