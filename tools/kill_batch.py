"""Kill a conversion of a folder at random moments, resume it, and compare with an undisturbed run.

python tools/kill_batch.py --files 60                               the driver is killed three times, a worker once
python tools/kill_batch.py --files 60 --engine ray --jobs 2 --kills 0

Exits with 1 where a result differs from the undisturbed run's, is done twice, or where something is left behind.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ccstereo import DEFAULT_WEIGHTS

KINDS = (".mp4", ".mkv", ".mov")
LONGEST_WAIT = 600.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=60, metavar="N")
    parser.add_argument("--kills", type=int, default=3, metavar="N", help="of the driver (default: 3)")
    parser.add_argument("--worker-kills", type=int, default=1, metavar="N", help="of a worker (default: 1)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    parser.add_argument("--engine", choices=("processes", "ray"), default="processes")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kill-batch-") as name:
        return try_out(Path(name), options)


def try_out(folder: Path, options: argparse.Namespace) -> int:
    """Run undisturbed, run with kills, compare, print; 1 if anything is wrong."""
    choose = random.Random(options.seed)
    make_videos(folder / "videos", options.files)
    command = [sys.executable, "-m", "ccstereo", "binauralize", "videos", "--weights", options.weights, "-q"]
    command += ["--backend", options.backend]
    command += ["--jobs", str(options.jobs), "--engine", options.engine, "-o"]
    begin = time.monotonic()
    subprocess.run([*command, "calm/"], cwd=folder, check=True)
    calm = time.monotonic() - begin
    faults: list[str] = []
    done: dict[str, int] = {}  # time of every result that the report called done before a kill
    begin, out = time.monotonic(), folder / "killed"
    moments, worker_moments = (spread(kills, options.files, choose) for kills in (options.kills, options.worker_kills))
    for moment in [*moments, None]:
        stale = set(partial(out))
        with subprocess.Popen([*command, "killed/"], cwd=folder) as process:
            while worker_moments and (moment is None or worker_moments[0] <= moment):
                if wait_for_results(out, worker_moments.pop(0), process, stale):
                    print(f"killed a worker of {process.pid}: {kill_worker(process.pid, options.engine)}")
            if moment is not None and wait_for_results(out, moment, process, stale):
                time.sleep(choose.random() * 0.05)
                process.kill()
                process.wait()
                print(f"killed the driver with {len(results(out))} of {options.files} results there")
            elif process.wait():
                faults.append(f"the last run ended with status {process.returncode}")
        time.sleep(1)  # its workers end by themselves
        faults += [f"{name} was done twice" for name, when in done.items() if (out / name).stat().st_mtime_ns != when]
        done |= {name: (out / name).stat().st_mtime_ns for name in named_done(out)}
    taken = time.monotonic() - begin
    faults += differences(folder / "calm", out)
    states = [json.loads(line)["state"] for line in (out / "report.jsonl").read_text().splitlines()]
    if states != ["done"] * options.files:
        faults.append(f"report.jsonl says {states}")
    faults += [f"{path.name} was left" for path in out.glob(".*part*")]
    print(f"{options.files} files, undisturbed {calm:.1f} s, with kills {taken:.1f} s; {len(faults)} faults")
    for fault in faults:
        print(fault)
    return bool(faults)


def make_videos(folder: Path, files: int) -> None:
    """Videos of 1 to 2 s, of three kinds."""
    from ccstereo.media import write_video

    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(files):
        frames = rng.integers(0, 255, (10 + k % 11, 48, 96, 3), dtype=np.uint8)
        sound = 0.1 * rng.standard_normal((1, len(frames) * 1600)).astype(np.float32)
        write_video(folder / f"clip{k:03}{KINDS[k % 3]}", frames, sound, sample_rate=16_000)


def spread(kills: int, files: int, choose: random.Random) -> list[int]:
    """Random numbers of results at which to kill, each in its own part of the work."""
    each = files // max(kills, 1)
    return [k * each + choose.randrange(max(1, each - 1)) for k in range(kills)]


def partial(folder: Path) -> list[Path]:
    """Files that are being written, or were when something was killed."""
    return list(folder.glob(".*.part.*")) if folder.is_dir() else []


def results(folder: Path) -> list[Path]:
    """Whole results in a folder."""
    return [path for path in folder.glob("*.binaural.*") if not path.name.startswith(".")] if folder.is_dir() else []


def named_done(folder: Path) -> list[str]:
    """Results that the report calls done."""
    lines = (folder / "report.jsonl").read_text().splitlines() if (folder / "report.jsonl").exists() else []
    done = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # cut off
            break
        if record["state"] == "done":
            done.append(Path(record["output"]).name)
    return done


def wait_for_results(folder: Path, number: int, process: "subprocess.Popen[bytes]", stale: set[Path]) -> bool:
    """Wait until so many results are there and a new one is being written; False if the process has ended before.

    `stale` are files that a killed process had begun.
    """
    deadline = time.monotonic() + LONGEST_WAIT
    while process.poll() is None and time.monotonic() < deadline:
        if len(results(folder)) >= number and set(partial(folder)) - stale:
            return True
        time.sleep(0.01)
    return False


def kill_worker(driver: int, engine: str) -> str:
    """Kill a process that works for the driver; returns what it was."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    fields = (line.split(None, 2) for line in listed.splitlines())
    processes = {int(pid): (int(parent), args) for pid, parent, args in fields}
    mark = "ray::_call" if engine == "ray" else "spawn_main"
    for pid, (parent, args) in processes.items():
        above = parent
        while above in processes and above != driver:
            above = processes[above][0]
        if above == driver and mark in args:
            os.kill(pid, signal.SIGKILL)
            return f"{pid} {args[:40]}"
    return "none was there"


def differences(one: Path, other: Path) -> list[str]:
    """Results that are not the same in both folders."""
    found = [{path.name: path.read_bytes() for path in results(folder)} for folder in (one, other)]
    return [f"{name} differs" for name in sorted({*found[0], *found[1]}) if found[0].get(name) != found[1].get(name)]


if __name__ == "__main__":
    sys.exit(main())
