"""What it costs that a video's frames are compressed, blurred, dark or noisy: a benchmark with each.

ccstereo bench make -o stage-bench --folder STAGE --sofa KEMAR.sofa
python research/scripts/measure_frames.py stage-bench --weights NAME_OR_DIR

The sound is the benchmark's; only its frames change. H.264 is x264's with the quality (CRF) named.
"""

import argparse
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from PIL import Image, ImageEnhance
from torch import Tensor

from ccstereo.benchmark import Benchmark, Weights, headline, read_benchmark, score_benchmark, summarise, table
from ccstereo.benchmark.rendering import FRAME_RATE
from ccstereo.binauralizer import DEFAULT_WEIGHTS
from ccstereo.cli.options import count
from ccstereo.cli.progress import progress_bar
from ccstereo.errors import CCStereoError, DatasetError
from ccstereo.vision.augmentation import ImageEffect, apply_image_effect

SECOND = round(FRAME_RATE)  # frames that a still scene is encoded as: the last ones have what a codec leaves behind


def h264(frames: np.ndarray, quality: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Encode and decode (N, H, W, 3) uint8 frames, or one that stands still, at (width, height) `size`."""
    file = io.BytesIO()
    shown = np.repeat(frames, SECOND, axis=0) if len(frames) == 1 else frames
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=SECOND, options={"crf": str(quality)})
        stream.width, stream.height = size or frames.shape[2:0:-1]
        stream.pix_fmt = "yuv420p"
        for frame in shown:
            image = Image.fromarray(frame).resize((stream.width, stream.height), Image.Resampling.BICUBIC)
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(decoded[-len(frames) :])


def each(change: Callable[[Image.Image], Image.Image], frames: np.ndarray) -> np.ndarray:
    """Change every frame of (N, H, W, 3) uint8."""
    return np.stack([np.asarray(change(Image.fromarray(frame))) for frame in frames])


def noisy(frames: np.ndarray) -> np.ndarray:
    """Add white noise of a deviation of 15 steps, another in each frame."""
    noise = np.random.default_rng(0).normal(0, 15, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


FRAMES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as they are": lambda frames: frames,
    "H.264, 23": lambda frames: h264(frames, 23),
    "H.264, 33": lambda frames: h264(frames, 33),
    "H.264, 28, at 1280x720": lambda frames: h264(frames, 28, (1280, 720)),
    "JPEG, quality 40": lambda frames: np.stack(
        [apply_image_effect(frame, ImageEffect(quality=40)) for frame in frames]
    ),
    "blurred by 1.5 pixels": lambda frames: np.stack(
        [apply_image_effect(frame, ImageEffect(blur=1.5)) for frame in frames]
    ),
    "half as bright": lambda frames: each(lambda image: ImageEnhance.Brightness(image).enhance(0.5), frames),
    "half the contrast": lambda frames: each(lambda image: ImageEnhance.Contrast(image).enhance(0.5), frames),
    "grey": lambda frames: each(lambda image: image.convert("L").convert("RGB"), frames),
    "noisy": noisy,
}


@dataclass(frozen=True)
class WithFrames:
    """Weights on a benchmark whose frames are changed; a `System`."""

    weights: Weights
    frames: str

    @property
    def name(self) -> str:
        """As tables print it."""
        return self.frames

    def identity(self) -> dict[str, Any]:
        """See `System`."""
        return {**self.weights.identity(), "frames": self.frames}

    def predict(self, truth: Tensor, frames: np.ndarray, sample_rate: int) -> Tensor:
        """See `System`."""
        return self.weights.predict(truth, FRAMES[self.frames](frames), sample_rate)


def shortened(benchmark: Benchmark, rows: list[str], scenes: int) -> Benchmark:
    """Keep the first scenes of some rows.

    Raises:
        DatasetError: there is no such row.
    """
    for row in rows:
        if row not in benchmark.rows:
            raise DatasetError(f"{benchmark.folder}: has no row {row!r}; it has {'; '.join(benchmark.rows)}")
    kept = [[scene for scene in benchmark.scenes if scene.row == row][:scenes] for row in rows]
    return replace(benchmark, scenes=tuple(scene for some in kept for scene in some))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", metavar="DIR")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, metavar="NAME_OR_DIR")
    parser.add_argument("--rows", default="one;two", metavar="A;B")
    parser.add_argument("--scenes", type=count, default=100, help="of each row at most")
    parser.add_argument("--jobs", type=count, default=1)
    options = parser.parse_args()
    try:
        benchmark = shortened(read_benchmark(options.benchmark), options.rows.split(";"), options.scenes)
        weights = Weights(options.weights)
        systems = [WithFrames(weights, frames) for frames in FRAMES]
        with progress_bar("score") as progress:
            scores = score_benchmark(benchmark, systems, jobs=options.jobs, progress=progress)
        found = summarise(benchmark, {system.name: score for system, score in zip(systems, scores, strict=True)})
    except CCStereoError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{headline(benchmark)}\n\n{table(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
