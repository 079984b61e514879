"""Fetching archives: resumed where they stopped, checked where a checksum is known, unpacked."""

import json
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from ccstereo.datasets.prepared.build import file_sha256
from ccstereo.errors import DatasetError
from ccstereo.files import write_atomic

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
        DatasetError: there is not enough space, the server does not give the file, it is damaged, or this Python cannot
            unpack archives safely.
    """
    require_safe_unpacking()
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
                file.write(f"{file_sha256(path)}  {archive.name}\n")
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
    there = sum(_size(folder / f"{archive.name}.part") for archive in archives) / 1e9
    contents = sum(archive.gigabytes for archive in archives)
    return max(0.0, contents + max((archive.gigabytes for archive in archives), default=0.0) - there)


def download(url: str, target: Path, sha256: str | None = None, progress: Progress | None = None) -> None:
    """Download a file, resuming where an earlier call stopped unless the server's file has changed since.

    Args:
        url: of the file; servers that know no ranges send it from the start.
        target: appears when it is whole; until then `<target>.part` grows, and `<target>.part.json` holds which
            version of the file it is of.
        sha256: that the file must have; None takes what comes, of the length that the server names.
        progress: called with bytes done and expected (0 if unknown).

    Raises:
        DatasetError: the server does not give the file, or it has another checksum.
    """
    if target.exists():
        return
    part = target.with_name(target.name + ".part")
    for attempt in range(_TRIES):
        before = _size(part)
        try:
            _resume(url, part, progress)
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
            raise DatasetError(f"{url}: stopped ({reason}); the same command resumes it") from reason
        sleep(_PAUSE * (1 if _size(part) > before else attempt + 1))
    if sha256 and (found := file_sha256(part)) != sha256:
        part.unlink()
        _version_of(part).unlink(missing_ok=True)
        raise DatasetError(f"{url}: has the checksum {found}, not {sha256}; run the command again")
    part.replace(target)
    _version_of(part).unlink(missing_ok=True)


def _resume(url: str, part: Path, progress: Progress | None) -> None:
    """Fetch what is missing. Raises EOFError when the connection ends early, or the server's file has changed.

    A server names the version of a part as it does that of a whole file: RFC 9110, section 15.3.7.
    """
    done = _size(part)
    known = json.loads(_version_of(part).read_text()) if done and _version_of(part).is_file() else {}
    headers = {"Range": f"bytes={done}-"} if done else {}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60)
    except urllib.error.HTTPError as error:
        length = error.headers.get("Content-Range", "").rpartition("/")[2]
        if error.code == 416 and length == str(done):  # nothing is missing
            return
        if error.code == 416:
            raise _changed(part) from error
        raise
    with answer:
        if answer.status != 206:  # from the start: the server knows no ranges, has another file, or nothing was there
            done = 0
        total = done + int(answer.headers.get("Content-Length") or 0)
        found = {name: value for name in ("ETag", "Last-Modified") if (value := answer.headers.get(name))}
        found["Content-Length"] = str(total)
        if done and any(found.get(name, value) != value for name, value in known.items()):
            raise _changed(part)
        if not done:
            write_atomic(_version_of(part), json.dumps(found))
        with part.open("ab" if done else "wb") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                done += len(block)
                if progress:
                    progress(done, total)
    if total and done < total:
        raise EOFError(f"the connection ended after {done} of {total} bytes")


def _changed(part: Path) -> EOFError:
    """Drop what is there of a file that the server has no more."""
    part.unlink()
    return EOFError("the server's file has changed since the part that was here")


def _version_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def require_safe_unpacking() -> None:
    """Raise DatasetError where `tarfile` has no filter against members that would lie outside the folder (PEP 706)."""
    if not hasattr(tarfile, "data_filter"):
        version = sys.version.split()[0]
        raise DatasetError(f"Python {version} cannot unpack archives safely; use 3.10.12, 3.11.4, 3.12 or later")


def unpack(path: Path, folder: Path) -> None:
    """Unpack a tar archive; members that are there in full already are skipped.

    Raises:
        DatasetError: it is no whole archive, a member would lie outside the folder, or this Python cannot tell.
    """
    require_safe_unpacking()
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                target = folder / member.name
                if not (member.isfile() and target.is_file() and target.stat().st_size == member.size):
                    archive.extract(member, folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DatasetError(f"{path}: cannot be unpacked ({error}); delete it and run the command again") from error
