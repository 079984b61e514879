"""A new video from arrays: what the demo and the data sets' previews are made with."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.files import atomic_path


def write_video(
    path: str | Path,
    frames: NDArray[np.uint8],
    sound: NDArray[np.float32],
    *,
    frame_rate: float = 10.0,
    sample_rate: int = 16_000,
    crf: int = 18,
) -> None:
    """Write H.264 video and AAC sound.

    Args:
        path: .mp4, .mov or .mkv file; appears when it is whole.
        frames: (N, H, W, 3) uint8, H and W even.
        sound: (channels, T) float, one or two channels, full scale +-1.
        frame_rate: frames a second.
        sample_rate: Hz.
        crf: quality of x264, 0 to 51; a larger one is worse.

    Raises:
        MediaError: the file cannot be written.
        ValueError: the arrays are not of these shapes.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or sound.ndim != 2 or len(sound) not in (1, 2):
        raise ValueError(f"expected (N, H, W, 3) and (1 or 2, T), got {frames.shape} and {sound.shape}")
    target = Path(path)
    try:
        with atomic_path(target) as temporary, av.open(str(temporary), "w") as container:
            video = container.add_stream("libx264", rate=Fraction(frame_rate).limit_denominator(1000))
            video.height, video.width = frames.shape[1:3]
            video.pix_fmt = "yuv420p"
            video.options = {"crf": str(crf)}
            layout = "mono" if len(sound) == 1 else "stereo"
            track = container.add_stream("aac", rate=sample_rate, layout=layout, bit_rate=96_000 * len(sound))
            for frame in frames:
                # In the encoder's colours already: where PyAV's encoder turns them, bytes differ from run to run.
                shown = av.VideoFrame.from_ndarray(frame, format="rgb24")
                container.mux(video.encode(shown.reformat(format="yuv420p")))
            container.mux(video.encode(None))
            for start in range(0, sound.shape[1], 1024):
                block = np.ascontiguousarray(sound[:, start : start + 1024], dtype=np.float32)
                samples = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                samples.sample_rate, samples.pts, samples.time_base = sample_rate, start, Fraction(1, sample_rate)
                container.mux(track.encode(samples))
            container.mux(track.encode(None))
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{target}: cannot be written ({error.strerror or error})") from error
