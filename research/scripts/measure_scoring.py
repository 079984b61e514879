"""How long `ccstereo evaluate` takes, as whole processes of the real command line, on a made-up prepared set.

python research/scripts/measure_scoring.py                     186 clips of 10 s, as many as a test split of FAIR-Play
python research/scripts/measure_scoring.py --clips 4           fewer, and what 186 would take
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg

PUBLISHED = 186  # clips


def synthetic_clip(source: Source, seconds: float) -> Iterator[Clip]:
    """A synthetic scene of two moving sources as a clip, its number at the end of the source's key."""
    from ccstereo.scenes import render_frames, render_sources, sample_scene, spherical_head, synthetic_material

    material = synthetic_material("test")
    scene = sample_scene(material, int(source.key[-4:]), duration=seconds, sources=2, moving=True)
    sound = render_sources(scene, material, spherical_head(16_000)).sum(0).astype(np.float32)
    yield Clip(source.key, sound, [encode_jpeg(frame) for frame in render_frames(scene, material)])


def make_set(folder: Path, clips: int, seconds: float) -> None:
    sources = [Source(f"clip{number:04d}", ()) for number in range(clips)]
    folds = {"default": {"test": [source.key for source in sources]}}
    worker = partial(synthetic_clip, seconds=seconds)
    prepare(sources, worker, folder, SetInfo("synthetic"), jobs=os.cpu_count() or 1, folds=lambda _: folds)


def timed(name: str, clips: int, run: Path, *arguments: str | Path) -> None:
    begin = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "ccstereo", "evaluate", *map(str, arguments), "-o", str(run)])
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.monotonic() - begin
    if status:
        sys.exit("scoring failed")
    scoring = json.loads((run / "record.json").read_text())["seconds"]  # without the start of Python, and the tables
    rest = elapsed - scoring
    whole = f"; {PUBLISHED} would take {rest + scoring / clips * PUBLISHED:.0f} s" * (clips != PUBLISHED)
    used = f"{usage.ru_utime + usage.ru_stime:.0f} s of a core, peak {usage.ru_maxrss / 1024:.0f} MB"
    print(f"\n{name}: {clips} clips in {elapsed:.1f} s, {scoring:.1f} of them scoring ({used}){whole}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=PUBLISHED)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_set(folder / "set", options.clips, options.seconds)
        run = folder / "model"
        kept = ("--weights", options.weights, "--save-predictions")
        timed("model", options.clips, run, folder / "set", *kept)
        files = ("--predictions", run / "predictions")
        timed("metrics alone", options.clips, folder / "files", folder / "set", *files)


if __name__ == "__main__":
    main()
