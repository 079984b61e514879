"""How preparing scales, on a machine with nothing else to do: CCSTEREO_SPEED=1 pytest -s, on this file."""

import os
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from ccstereo.datasets.prepared.build import prepare
from ccstereo.datasets.sources.folder import folder_set
from ccstereo.media import write_video

FILES = 24


@pytest.mark.skipif("CCSTEREO_SPEED" not in os.environ, reason="only meaningful on a quiet machine")
@pytest.mark.timeout(600)
def test_two_jobs_do_at_least_1_7_times_the_work_of_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    moving = [
        np.roll(rng.integers(0, 255, (36, 64, 3), np.uint8).repeat(10, 0).repeat(10, 1), 9, 1) for _ in range(250)
    ]
    (tmp_path / "videos").mkdir()
    sound = 0.1 * rng.standard_normal((2, 10 * 48_000)).astype(np.float32)
    write_video(tmp_path / "videos" / "0.mp4", np.stack(moving), sound, frame_rate=25, sample_rate=48_000)
    for number in range(1, FILES):
        shutil.copy(tmp_path / "videos" / "0.mp4", tmp_path / "videos" / f"{number}.mp4")
    sources, worker, info = folder_set(tmp_path / "videos")
    walls, processor = {}, {}
    for jobs in (1, 2):
        begin, spent = time.perf_counter(), cpu()
        prepare(sources, worker, tmp_path / f"set{jobs}", info, jobs=jobs)
        walls[jobs], processor[jobs] = time.perf_counter() - begin, cpu() - spent
    print(f"\n{FILES} files of 10 s: {walls} s, processor time {processor} s, {walls[1] / walls[2]:.2f} times as fast")
    assert walls[1] / walls[2] >= 1.7


def cpu() -> float:
    """Processor time of this process and its children, in seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
