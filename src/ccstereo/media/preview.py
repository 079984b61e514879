"""A copy of a video that any browser plays: browsers play few codecs, and the full-quality file may hold another."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ccstereo.errors import MediaError
from ccstereo.files import atomic_path
from ccstereo.media.decode import AudioChunk, MediaReader
from ccstereo.media.probe import default_audio, default_video, open_input

VIDEO = ("vp8", "vp9", "av1")
SOUND = ("aac", "opus", "flac", "mp3", "vorbis")
HEIGHT, FRAME_RATE = 480, 25.0


def plays_in_browsers(path: str | Path) -> bool:
    """Whether all current browsers play a file: MP4 or WebM, of codecs that they all hold.

    Raises:
        MediaError: it cannot be read.
    """
    path = Path(path)
    with open_input(path) as container:
        video, sound = default_video(container), default_audio(container)
        if video is None or sound is None or path.suffix.lower() not in (".mp4", ".m4v", ".webm"):
            return False
        codec, pixels = video.codec_context.name, video.codec_context.pix_fmt
        plain = codec == "h264" and pixels in ("yuv420p", "yuvj420p")
        name = video.codec_context.codec.canonical_name
        return (plain or name in VIDEO) and sound.codec_context.codec.canonical_name in SOUND


def write_preview(path: str | Path, output: str | Path, progress: Callable[[float, float], None] | None = None) -> None:
    """Write a smaller copy of a video with two channels of sound as H.264 and AAC in MP4.

    Args:
        path: the video; its first sample of sound is time zero.
        output: .mp4 file, at most 480 pixels high, 25 frames a second; appears when it is whole.
        progress: called with seconds done and seconds in all.

    Raises:
        MediaError: a file cannot be read or written.
    """
    probed = MediaReader(path, channels=2)
    with probed:
        shown, duration = probed.info.video, probed.info.duration
    assert shown is not None  # the reader requires it
    scale = min(1.0, HEIGHT / shown.height)
    size = (_even(shown.height * scale), _even(shown.width * scale))
    target = Path(output)
    try:
        with (
            MediaReader(path, frame_rate=FRAME_RATE, frame_size=size, channels=2) as reader,
            atomic_path(target) as temporary,
            av.open(str(temporary), "w", options={"movflags": "+faststart"}) as container,
        ):
            video = container.add_stream("libx264", rate=Fraction(FRAME_RATE))
            video.height, video.width = size
            video.pix_fmt = "yuv420p"
            video.options = {"crf": "26", "preset": "veryfast"}
            rate = reader.sample_rate if reader.sample_rate in (44_100, 48_000) else 48_000
            track = container.add_stream("aac", rate=rate, layout="stereo", bit_rate=160_000)
            resampler = av.AudioResampler("fltp", "stereo", rate)
            samples = 0
            for chunk in reader:
                if isinstance(chunk, AudioChunk):
                    block = np.ascontiguousarray(chunk.samples.T, dtype=np.float32)
                    sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                    sound.sample_rate, sound.pts = reader.sample_rate, samples
                    sound.time_base = Fraction(1, reader.sample_rate)
                    samples += block.shape[1]
                    for piece in resampler.resample(sound):
                        container.mux(track.encode(piece))
                    if progress is not None:
                        progress(min(samples / reader.sample_rate, duration or np.inf), duration)
                else:
                    frame = av.VideoFrame.from_ndarray(chunk.frame, format="rgb24").reformat(format="yuv420p")
                    frame.pts, frame.time_base = chunk.index, Fraction(1) / Fraction(FRAME_RATE)
                    container.mux(video.encode(frame))
            for piece in resampler.resample(None):
                container.mux(track.encode(piece))
            container.mux(track.encode(None))
            container.mux(video.encode(None))
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{target}: the preview cannot be written ({error.strerror or error})") from error


def _even(pixels: float) -> int:
    return max(2, 2 * round(pixels / 2))
