"""Convert damaged files, thousands of them: `python tools/fuzz.py -n 10000`. docs/robustness.md says what came of it.

Each file ends in one of two ways: it is converted, and the output opens; or one line says what is wrong with it, and
nothing is left. Anything else is a fault: a crash of the process (FFmpeg's decoders are C), no end within the time, a
traceback, an error that is not one line, a half file. The same seed makes the same damage.
"""

import argparse
import faulthandler
import io
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any

import numpy as np
from fuzz_mutations import mutate
from fuzz_samples import make_samples

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = (*(".mkv",) * 4, ".mp4", ".mp4", ".mov", ".webm", ".wav", ".flac")  # .mkv holds nearly every video
MEMORY = 2 * 2**30  # bytes that a conversion may take beyond what the process has at its start
FAULTS = ("crash", "hang", "traceback", "message", "left over", "unreadable")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1000, metavar="N", help="how many damaged files (default: 1000)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first (default: 0)")
    parser.add_argument("--seed", type=int, default=0, help="(default: 0)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="valid files to damage, besides those made here")
    parser.add_argument("--limit", type=float, default=60, metavar="S", help="seconds for a file (default: 60)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep files with which something goes wrong there")
    parser.add_argument("--messages", action="store_true", help="list the messages, the most frequent first")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    return work(options.worker) if options.worker else fuzz(options)


def fuzz(options: argparse.Namespace) -> int:
    """Damage and convert file after file; print a line for each fault, and the outcomes."""
    outcomes: Counter[str] = Counter()
    messages: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="ccstereo-fuzz-") as name:
        folder = Path(name)
        (folder / "samples").mkdir()
        (folder / "work").mkdir()
        samples = make_samples(folder / "samples")
        if options.folder:
            samples += sorted(path for path in options.folder.iterdir() if 0 < path.stat().st_size < 2**21)
        contents = [path.read_bytes() for path in samples]
        worker = Worker(folder)
        for number in range(options.first, options.first + options.n):
            random = np.random.default_rng([options.seed, number])
            which = int(random.integers(len(samples)))
            damaged, how = mutate(contents[which], contents, [options.seed, number, 1])
            source = folder / "work" / f"case{samples[which].suffix}"
            source.write_bytes(damaged)
            result = worker.convert(source, source.with_name(f"out{random.choice(SUFFIXES)}"), options.limit)
            outcomes[result["outcome"]] += 1
            messages[general(result["said"])] += result["outcome"] == "refused"
            if result["outcome"] in FAULTS:
                print(f"{number}: {result['outcome']}: {samples[which].name}, {how}: {result['said']}", flush=True)
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, options.keep / f"{options.seed}-{number}{source.suffix}")
            for path in (folder / "work").iterdir():
                path.unlink()
        worker.end()
    if options.messages:
        print(*(f"{count:6} {message}" for message, count in messages.most_common() if count), sep="\n")
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()))
    return int(any(outcomes[fault] for fault in FAULTS))


def general(message: str) -> str:
    """A message without names and numbers, so that equal ones count as one."""
    return re.sub(r"\d+(\.\d+)?", "N", re.sub(r"\S*/(case|out)\.\w+", "FILE", message))


class Worker:
    """A process that converts one file after the other, and is started again when it has died or is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def convert(self, source: Path, target: Path, limit: float) -> dict[str, str]:
        """Outcome of a conversion, and what was said."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([str(source), str(target)]).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], limit)
        answer = process.stdout.readline() if ready else b""
        if answer:
            result: dict[str, str] = json.loads(answer)
            return result
        if not ready:
            process.send_signal(6)  # SIGABRT: faulthandler says where it hangs
            time.sleep(0.5)
        process.kill()
        status = process.wait()
        self._process = None
        places = re.findall(r'"[^"]*/([^"/]+)", line (\d+)', self._said())[:8]  # the innermost call comes first
        return {
            "outcome": "crash" if ready else "hang",
            "said": f"status {status}, in {' < '.join(map(':'.join, places))}",
        }

    def end(self) -> None:
        """Have the process end."""
        if self._process is not None:
            self._process.communicate()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._log = (self._folder / "log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={
                "OMP_NUM_THREADS": "1",
                **os.environ,
                "CCSTEREO_TRACEBACK": "1",
                "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH")])),
            },
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it is ready
        return self._process

    def _said(self) -> str:
        assert self._log is not None
        self._log.seek(0)
        return self._log.read().decode(errors="replace")


def work(folder: Path) -> int:
    """Read pairs of input and output from stdin, a line each, and answer on stdout; the network is a tiny one."""
    faulthandler.enable()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may stand among the answers
    from ccstereo.models import create_model, save_model
    from ccstereo.plugins import load_plugins

    load_plugins(["tiny_models"])
    weights = save_model(create_model("tiny-mid-side"), folder / "weights")
    _limit_memory()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        source, target = map(Path, json.loads(line))
        print(json.dumps(convert(source, target, weights)), file=answers, flush=True)
    return 0


def _limit_memory() -> None:
    if sys.platform == "linux":
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def convert(source: Path, target: Path, weights: Path) -> dict[str, str]:
    """Run the command line on a file, and look at what it says and leaves."""
    from ccstereo.cli.main import main as command_line

    output, error = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(error):
            network = ["--weights", str(weights), "--backend", "torch", "--device", "cpu"]  # loaded in no time
            status = command_line(["binauralize", str(source), "-o", str(target), *network])
    except BaseException as raised:
        places = [f"{Path(at.filename).name}:{at.lineno}" for at in traceback.extract_tb(raised.__traceback__)[-6:]]
        return {"outcome": "traceback", "said": f"{type(raised).__name__}: {raised} ({' > '.join(places)})"}
    said = error.getvalue().strip() or output.getvalue().strip()
    left = sorted(path.name for path in source.parent.iterdir() if path != source)
    if status == 0:
        if left != [target.name]:
            return {"outcome": "left over", "said": f"{left}: {said}"}
        reason = unreadable(target)
        return (
            {"outcome": "unreadable", "said": f"{reason}: {said}"} if reason else {"outcome": "converted", "said": said}
        )
    if left:
        return {"outcome": "left over", "said": f"{left}: {said}"}
    whole = status == 1 and "\n" not in said and said.startswith("ccstereo: error: ")
    blamed = str(source) in said or str(target) in said
    return {"outcome": "refused" if whole and blamed else "message", "said": said}


def unreadable(path: Path) -> str:
    """What is wrong with an output: it must open, and give stereo sound and every packet; "" if nothing."""
    import av

    try:
        with av.open(str(path)) as container:
            sound: Any = container.streams.audio[0]
            if sound.codec_context.layout.nb_channels != 2:
                return "its sound is not stereo"
            samples = sum(
                frame.samples
                for packet in container.demux()
                if packet.stream.type == "audio"
                for frame in packet.decode()
            )
            return "" if samples else "it has no sound"
    except (av.FFmpegError, OSError, IndexError) as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
