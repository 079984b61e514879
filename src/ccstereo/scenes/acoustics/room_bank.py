"""Many rooms around one head, computed once and kept on disk."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ccstereo.errors import DatasetError
from ccstereo.scenes.acoustics.hrir import HRIRSet
from ccstereo.scenes.acoustics.rooms import DISTANCES, SECONDS, Room, room_responses, sample_room

FORMAT = 1  # of the files; changes with whatever changes the responses
AZIMUTHS = tuple(float(azimuth) for azimuth in range(-60, 61, 5))
Task = tuple[Room, HRIRSet, tuple[float, ...], float]


@dataclass(frozen=True)
class RoomBank:
    """Responses of many rooms to sources on a grid of azimuths.

    Attributes:
        name: of the head.
        rooms: N rooms.
        azimuths: (A,) degrees, positive to the left.
        responses: (N, A, 2, K) float16, mapped from a file.
        sample_rate: Hz.
    """

    name: str
    rooms: tuple[Room, ...]
    azimuths: tuple[float, ...]
    responses: np.ndarray
    sample_rate: int

    def __len__(self) -> int:
        return len(self.rooms)

    def __getitem__(self, index: int) -> HRIRSet:
        """Return the head in one of the rooms, to be used in the place of the dry one."""
        directions = np.stack([np.array(self.azimuths), np.zeros(len(self.azimuths))], axis=-1)
        responses = self.responses[index].astype(np.float32)
        return HRIRSet(f"{self.name} in room {self.rooms[index].seed}", directions, responses, self.sample_rate)


def room_bank(
    head: HRIRSet,
    rooms: int = 200,
    *,
    seed: int = 0,
    azimuths: Sequence[float] = AZIMUTHS,
    seconds: float = SECONDS,
    jobs: int = 1,
    folder: str | Path | None = None,
) -> RoomBank:
    """Compute the responses of rooms, or read them where they have been computed before.

    Args:
        head: the ears, at the working rate.
        rooms: how many.
        seed: of the first room; the others follow, see `sample_room`.
        azimuths: degrees in [-60, 60], positive to the left.
        seconds: length of the responses.
        jobs: processes.
        folder: where files are kept; `$CCSTEREO_CACHE/rooms` or `~/.cache/ccstereo/rooms` by default. One of 200
            rooms, 25 azimuths and 0.35 s at 16 kHz has 112 MB.

    Raises:
        DatasetError: pyroomacoustics is missing, or the folder cannot be written.
    """
    sampled = tuple(sample_room(seed + i) for i in range(rooms))
    grid = tuple(float(azimuth) for azimuth in azimuths)
    folder = cache_folder() if folder is None else Path(folder)
    path = folder / f"{_key(head, sampled, grid, seconds)}.npy"
    if not path.is_file():
        shape = (rooms, len(grid), 2, round(seconds * head.sample_rate))
        try:
            _compute(path, head, sampled, grid, seconds, shape, jobs)
        except OSError as error:
            raise DatasetError(f"{folder}: cannot keep rooms there ({error})") from error
    return RoomBank(head.name, sampled, grid, np.load(path, mmap_mode="r"), head.sample_rate)


def cache_folder() -> Path:
    """Return the folder in which rooms are kept unless another is asked for."""
    base = os.environ.get("CCSTEREO_CACHE")
    return (Path(base) if base else Path.home() / ".cache" / "ccstereo") / "rooms"


def distances_in(room: Room, azimuths: Sequence[float]) -> np.ndarray:
    """(A,) metres to the sources of a room: between `DISTANCES`, changing slowly with azimuth, within the walls."""
    rng = np.random.default_rng([room.seed, *b"distance"])
    wanted = np.interp(azimuths, [-60.0, 0.0, 60.0], rng.uniform(*DISTANCES, 3))
    return np.array([min(want, room.reach(azimuth)) for want, azimuth in zip(wanted, azimuths, strict=True)])


def _key(head: HRIRSet, rooms: tuple[Room, ...], azimuths: tuple[float, ...], seconds: float) -> str:
    digest = hashlib.sha256(repr((FORMAT, head.sample_rate, head.responses.shape, rooms, azimuths, seconds)).encode())
    digest.update(head.directions.astype("<f8").tobytes())
    digest.update(head.responses.astype("<f4").tobytes())
    return digest.hexdigest()[:32]


def _compute(
    path: Path,
    head: HRIRSet,
    rooms: tuple[Room, ...],
    azimuths: tuple[float, ...],
    seconds: float,
    shape: tuple[int, ...],
    jobs: int,
) -> None:
    """Write all responses beside their file, then rename it: a file that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".rooms-", suffix=".npy")
    os.close(handle)
    try:
        out = np.lib.format.open_memmap(name, "w+", np.float16, shape)
        tasks = [(room, head, azimuths, seconds) for room in rooms]
        for i, responses in enumerate(tqdm(_each(tasks, jobs), "rooms", len(rooms), disable=None, leave=False)):
            out[i] = responses
        out.flush()
        del out
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _each(tasks: list[Task], jobs: int) -> Iterator[np.ndarray]:
    if jobs == 1:
        yield from map(_one, tasks)
        return
    # A fork of a process with threads may hang.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        try:
            yield from pool.map(_one, tasks, chunksize=4)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _one(task: Task) -> np.ndarray:
    room, head, azimuths, seconds = task
    return room_responses(room, head, np.array(azimuths), distances_in(room, azimuths), seconds).astype(np.float16)
