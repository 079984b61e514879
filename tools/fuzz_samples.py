"""Small valid files to mutate: the containers and codecs that cameras, phones, browsers and broadcasters write."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SECONDS, FRAME_RATE = 1, 10
_ASS = b"[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,16\n[Events]\n"
ENCODERS = {
    "libx264": {"preset": "ultrafast"},
    "vorbis": {"strict": "-2"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
}


@dataclass(frozen=True)
class Sample:
    """A file to be made: its name, FFmpeg's name of its container, and its codecs."""

    name: str
    muxer: str
    video: str
    audio: str
    sample_rate: int = 48_000
    channels: int = 2
    pixels: str = "yuv420p"
    size: tuple[int, int] = (96, 64)
    options: dict[str, str] = field(default_factory=dict)
    extra: Callable[[av.container.OutputContainer], Iterator[av.Packet]] | None = None


def _subtitles(output: av.container.OutputContainer) -> Iterator[av.Packet]:
    """Add a subtitle track, a chapter, an attachment and a title."""
    codec = "mov_text" if output.format.name in ("mp4", "mov") else "subrip"
    stream: Any = output.add_stream(codec)
    stream.codec_context.subtitle_header = _ASS
    output.metadata["title"] = "A title"
    output.set_chapters(
        [{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}]
    )
    if output.format.name == "matroska":
        output.add_attachment("note.txt", "text/plain", b"attached")
    for at in (0, 500):
        text = b"Hello"
        packet = av.Packet(len(text).to_bytes(2, "big") + text if codec == "mov_text" else text)
        packet.stream, packet.pts, packet.dts, packet.duration = stream, at, at, 400
        packet.time_base = Fraction(1, 1000)
        yield packet


SAMPLES = (
    Sample("h264_aac.mp4", "mp4", "libx264", "aac", options={"movflags": "+faststart"}),
    Sample("h264_subtitles.mp4", "mp4", "libx264", "aac", extra=_subtitles),
    Sample("fragmented.mp4", "mp4", "libx264", "aac", options={"movflags": "frag_keyframe+empty_moov"}),
    Sample("hevc_opus.mp4", "mp4", "libx265", "libopus"),
    Sample("av1_flac.mp4", "mp4", "libsvtav1", "flac"),
    Sample("h264_pcm.mov", "mov", "libx264", "pcm_s16le", channels=1),
    Sample("prores_pcm.mov", "mov", "prores_ks", "pcm_s24le", pixels="yuv422p10le"),
    Sample("mjpeg_alac.mov", "mov", "mjpeg", "alac", pixels="yuvj420p"),
    Sample("h264_opus.mkv", "matroska", "libx264", "libopus", extra=_subtitles),
    Sample("hevc_flac.mkv", "matroska", "libx265", "flac", channels=6),
    Sample("ffv1_ac3.mkv", "matroska", "ffv1", "ac3", channels=6),
    Sample("vp9_opus.webm", "webm", "libvpx-vp9", "libopus"),
    Sample("vp8_vorbis.webm", "webm", "libvpx", "vorbis"),
    Sample("mpeg4_mp3.avi", "avi", "mpeg4", "libmp3lame", 44_100),
    Sample("mjpeg_pcm.avi", "avi", "mjpeg", "pcm_mulaw", 8_000, 1, "yuvj420p"),
    Sample("h264_aac.ts", "mpegts", "libx264", "aac"),
    Sample("mpeg2_mp2.ts", "mpegts", "mpeg2video", "mp2"),
    Sample("mpeg1_mp2.mpg", "mpeg", "mpeg1video", "mp2", 44_100),
    Sample("flv1_mp3.flv", "flv", "flv", "libmp3lame", 44_100),
    Sample("h264_aac.flv", "flv", "libx264", "aac"),
    Sample("wmv2_wma.wmv", "asf", "wmv2", "wmav2", 44_100),
    Sample("vp8_flac.ogv", "ogg", "libvpx", "flac"),
    Sample("h263_amr.3gp", "3gp", "h263", "amr_nb", 8_000, 1, size=(128, 96)),
    Sample("mpeg2_pcm.mxf", "mxf", "mpeg2video", "pcm_s16le"),
)


def make_samples(folder: Path) -> list[Path]:
    """Write every sample into a folder."""
    os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder is chatty
    return [make_sample(sample, folder / sample.name) for sample in SAMPLES]


def make_sample(sample: Sample, path: Path) -> Path:
    """Write a second of a moving gradient with a tone."""
    with av.open(str(path), "w", format=sample.muxer, container_options=sample.options) as output:
        rate = 25 if sample.muxer in ("mpeg", "mpegts", "mxf") else FRAME_RATE
        video: Any = output.add_stream(sample.video, rate=rate, options=ENCODERS.get(sample.video))
        video.width, video.height = sample.size
        video.pix_fmt = sample.pixels
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[sample.channels]
        audio: Any = output.add_stream(
            sample.audio, rate=sample.sample_rate, layout=layout, options=ENCODERS.get(sample.audio)
        )
        if sample.audio == "wmav2":
            audio.bit_rate = 64_000
        extra = list(sample.extra(output)) if sample.extra else []
        output.start_encoding()
        for packet in extra:
            output.mux(packet)
        for packets in _interleaved(_pictures(video, rate), _sound(audio, sample.sample_rate, layout)):
            output.mux(packets)
    return path


def _interleaved(*sources: Iterator[list[av.Packet]]) -> Iterator[list[av.Packet]]:
    """Some of each in turn, so that both tracks lie mixed in the file."""
    waiting = list(sources)
    while waiting:
        for source in list(waiting):
            packets = next(source, None)
            if packets is None:
                waiting.remove(source)
            else:
                yield packets


def _pictures(stream: Any, rate: int) -> Iterator[list[av.Packet]]:
    x, y = np.meshgrid(np.arange(stream.width), np.arange(stream.height))
    for k in range(SECONDS * rate):
        pixels = np.stack([x * 2 + 8 * k, y * 3, 0 * x + 5 * k], axis=-1).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = k, Fraction(1, rate)
        yield stream.encode(frame)
    yield stream.encode(None)


def _sound(stream: Any, rate: int, layout: str) -> Iterator[list[av.Packet]]:
    channels = stream.codec_context.layout.nb_channels
    tone = 0.3 * np.sin(np.arange(SECONDS * rate) * 440 * 2 * np.pi / rate)
    resampler = av.AudioResampler(stream.codec_context.format, layout, rate, stream.codec_context.frame_size or None)
    step = rate // 10
    for start in range(0, len(tone), step):
        piece = np.repeat(tone[None, start : start + step, None], channels, axis=2).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece.astype(np.float32), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield [packet for each in resampler.resample(frame) for packet in stream.encode(each)]
    yield [packet for each in resampler.resample(None) if each is not None for packet in stream.encode(each)]
    yield stream.encode(None)
