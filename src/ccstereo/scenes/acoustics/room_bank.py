"""Many rooms around one head, computed once and kept on disk."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock
from tqdm import tqdm

from ccstereo.errors import DatasetError
from ccstereo.files import atomic_path
from ccstereo.jobs import map_items
from ccstereo.jobs.processes import refuse_without_guard
from ccstereo.scenes.acoustics.hrir import HRIRSet
from ccstereo.scenes.acoustics.rooms import DISTANCES, SECONDS, Room, room_responses, sample_room

FORMAT = 1  # of the files; changes with whatever changes the responses
AZIMUTHS = tuple(float(azimuth) for azimuth in range(-60, 61, 5))
ROOMS_A_PROCESS = 10  # that are worth the start of one


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
    jobs: int | None = None,
    folder: str | Path | None = None,
) -> RoomBank:
    """Compute the responses of rooms, or read them where they have been computed before.

    Of several processes that want the same rooms, one computes them and the others wait.

    Args:
        head: the ears, at the working rate.
        rooms: how many.
        seed: of the first room; the others follow, see `sample_room`.
        azimuths: degrees in [-60, 60], positive to the left.
        seconds: length of the responses.
        jobs: processes; None takes the cores, fewer where there are few rooms. A script that calls this with more than
            one needs `if __name__ == "__main__":` around what it does.
        folder: where files are kept; `$CCSTEREO_CACHE/rooms` or `~/.cache/ccstereo/rooms` by default. One of 200
            rooms, 25 azimuths and 0.35 s at 16 kHz has 112 MB.

    Raises:
        DatasetError: pyroomacoustics is missing, the folder cannot be written, or a process died.
        UsageError: a script calls this without that line.
    """
    sampled = tuple(sample_room(seed + i) for i in range(rooms))
    grid = tuple(float(azimuth) for azimuth in azimuths)
    folder = cache_folder() if folder is None else Path(folder)
    path = folder / f"{_key(head, sampled, grid, seconds)}.npy"
    if not path.is_file():
        jobs = min(os.cpu_count() or 1, rooms // ROOMS_A_PROCESS + 1) if jobs is None else jobs
        refuse_without_guard()  # it would wait for a lock that waits for it
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.is_file():
                    _compute(path, head, sampled, grid, seconds, jobs)
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
    path: Path, head: HRIRSet, rooms: tuple[Room, ...], azimuths: tuple[float, ...], seconds: float, jobs: int
) -> None:
    shape = (len(rooms), len(azimuths), 2, round(seconds * head.sample_rate))
    place = {room: index for index, room in enumerate(rooms)}
    task = partial(_responses, head=head, azimuths=azimuths, seconds=seconds)
    with atomic_path(path) as temporary:
        out = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)
        for room, responses in tqdm(map_items(task, rooms, jobs), "rooms", len(rooms), disable=None, leave=False):
            if responses is None:
                raise DatasetError("a process that computed rooms died; with little memory take fewer, `jobs=1`")
            out[place[room]] = responses
        out.flush()
        del out


def _responses(room: Room, head: HRIRSet, azimuths: tuple[float, ...], seconds: float) -> np.ndarray:
    distances = distances_in(room, azimuths)
    return room_responses(room, head, np.array(azimuths), distances, seconds).astype(np.float16)
