"""Small files made on the spot, and a plain look at what a file holds."""

import os
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder is chatty
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "media"
MUXERS = {".mkv": "matroska", ".webm": "webm", ".ts": "mpegts", ".m4v": "mp4"}
OPTIONS = {
    "libx264": {"preset": "ultrafast", "qp": "0"},
    "libx265": {"preset": "ultrafast", "x265-params": "lossless=1:log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lossless": "1"},
    "libsvtav1": {"preset": "12", "crf": "10"},
}


def clicks(length, *positions, channels=2):
    """Silence (channels, length) with single samples of 0.9."""
    sound = np.zeros((channels, length), np.float32)
    sound[:, list(positions)] = 0.9
    return sound


def grays(count):
    """Frames that show their index by their gray level, 10 * k + 20 (limited range of video keeps 0..235 apart)."""
    return [np.full((64, 96, 3), 20 + 10 * k, np.uint8) for k in range(count)]


def level(frame):
    """Index that a frame of `grays` shows."""
    return round((float(frame.mean()) - 20) / 10)


def audio_frame(stream, sound, pts):
    """The samples (C, T) as a frame in the encoder's format, or one that it converts."""
    fmt = stream.codec_context.format
    if fmt.is_planar and len(sound) >= 8:  # more than PyAV makes planar frames of
        fmt = av.AudioFormat("flt")
    data = sound
    if fmt.name.startswith("s16"):
        data = np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)
    elif fmt.name.startswith("s32"):
        data = np.rint(sound.astype(np.float64) * 2**23).clip(-(2**23), 2**23 - 1).astype(np.int32) * 256
    elif fmt.name.startswith("u8"):
        data = np.rint(sound * 127 + 128).astype(np.uint8)
    if not fmt.is_planar:
        data = data.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), fmt.name, stream.codec_context.layout.name)
    frame.sample_rate = stream.codec_context.sample_rate
    frame.time_base = Fraction(1, frame.sample_rate)
    frame.pts = pts
    return frame


def add_video(output, frames, times, *, codec="libx264", rate=25, time_base=None, options=None, **attributes):
    """A video track; `times` are presentation times in units of 1 / rate. Returns the stream and its packets."""
    stream = output.add_stream(codec, rate=rate, options=OPTIONS.get(codec, {}) | (options or {}))
    stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
    stream.pix_fmt = attributes.pop("pix_fmt", "yuv420p")
    rotation = attributes.pop("rotation", None)
    if rotation is not None:
        stream.set_display_rotation(*rotation)
    for name, value in attributes.items():
        setattr(stream, name, value)

    def packets():
        for frame, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(frame)
            frame.pts, frame.time_base = time, 1 / Fraction(rate)
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return stream, packets()


def add_audio(output, sound, *, codec="aac", rate=48_000, start=0, fmt=None, layout="stereo", step=1000, gaps=()):
    """A sound track. `gaps` are pairs (sample, length): from that sample on, timestamps jump by length."""
    stream = output.add_stream(codec, rate=rate)
    stream.layout = layout
    if fmt:
        stream.format = fmt
    stream.time_base = stream.codec_context.time_base = Fraction(1, rate)
    if codec in ("aac", "libopus"):
        stream.bit_rate = 96_000 * len(sound)

    def packets():
        for at in range(0, sound.shape[1], step):
            jump = sum(length for sample, length in gaps if at >= sample)
            yield from stream.encode(audio_frame(stream, sound[:, at : at + step], start + at + jump))
        yield from stream.encode(None)

    return stream, packets()


@pytest.fixture
def make(tmp_path):
    """Write a video: `make("a.mp4", frames, sound, video={...}, audio={...}, extra=callable(output))`."""

    def write(name, frames=None, sound=None, *, times=None, video=None, audio=None, extra=None, options=None):
        path = tmp_path / name
        frames = grays(20) if frames is None else frames
        muxer = MUXERS.get(path.suffix, path.suffix[1:])
        with av.open(str(path), "w", format=muxer, container_options=options or {}) as output:
            sources = []
            if len(frames):
                sources.append(add_video(output, frames, times or range(len(frames)), **(video or {}))[1])
            if sound is not None:
                sources.append(add_audio(output, sound, **(audio or {}))[1])
            more = extra(output) if extra else []
            output.start_encoding()
            for packets in [*more, *sources]:
                for packet in packets:
                    output.mux(packet)
        return path

    return write


ASS = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour
Style: Default,Arial,16,&Hffffff

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def add_subtitles(codec, texts, language="eng"):
    """Adds a subtitle track whose lines stand for 0.2 s each."""

    def add(output):
        stream = output.add_stream(codec)
        stream.time_base = Fraction(1, 1000)
        stream.metadata["language"] = language
        stream.codec_context.subtitle_header = ASS
        if codec == "ass":
            stream.codec_context.extradata = ASS

        def packets():
            for k, text in enumerate(texts):
                data = text.encode()
                packet = av.Packet(len(data).to_bytes(2, "big") + data if codec == "mov_text" else data)
                packet.stream = stream
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = 200 * k
                packet.duration = 200
                yield packet

        return [packets()]

    return add


@pytest.fixture
def subtitles():
    """Adds subtitles to a file that `make` writes."""
    return add_subtitles


@pytest.fixture
def tools():
    """The helpers above, for tests (files in tests/ do not import each other)."""
    return SimpleNamespace(
        clicks=clicks,
        grays=grays,
        level=level,
        add_video=add_video,
        add_audio=add_audio,
        packets=packets,
        raw_sound=raw_sound,
        peaks=peaks,
        convert=convert,
        video_for=video_for,
        resident=resident,
        read=read,
    )


@pytest.fixture
def real():
    """A real video by its name."""

    def find(name):
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"{path} is not here")
        return path

    return find


def packets(path, kind="video", which=0):
    """(pts, dts, is_keyframe, bytes) of each packet of a track, times in seconds."""
    with av.open(str(path)) as container:
        stream = [s for s in container.streams if s.type == kind][which]
        return [
            (p.pts * p.time_base, None if p.dts is None else p.dts * p.time_base, p.is_keyframe, bytes(p))
            for p in container.demux(stream)
            if p.size
        ]


def raw_sound(path):
    """What PyAV alone decodes: first time in seconds, (C, T) samples, and those of the last frame past its duration."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        data = [f.to_ndarray() if f.format.is_planar else f.to_ndarray().reshape(-1, 2).T for f in frames]
        scale = 1.0 if data[0].dtype.kind == "f" else 2.0**31
        padding = frames[-1].samples - round(frames[-1].duration * stream.time_base * frames[-1].sample_rate)
        return frames[0].pts * stream.time_base, np.concatenate(data, axis=1) / scale, padding


def peaks(signal, count):
    """Positions of the `count` largest samples, each the largest for 300 samples around."""
    left = np.abs(np.array(signal, dtype=np.float64))
    found = []
    for _ in range(count):
        at = int(left.argmax())
        found.append(at)
        left[max(0, at - 300) : at + 300] = 0
    return sorted(found)


def read(path, **options):
    """Read a file: `MediaReader`'s attributes, the sound (T,) and the frames by index."""
    from ccstereo.media import AudioChunk, MediaReader

    with MediaReader(path, **options) as reader:
        chunks = list(reader)
    sound = np.concatenate([c.samples for c in chunks if isinstance(c, AudioChunk)])
    frames = {c.index: c.frame for c in chunks if not isinstance(c, AudioChunk)}
    return SimpleNamespace(
        start=reader.audio_start,
        rate=reader.sample_rate,
        sound=sound,
        frames=frames,
        chunks=chunks,
        info=reader.info,
    )


def video_for(name):
    """A video codec that the file's container holds."""
    return {"codec": {"webm": "libvpx-vp9", "avi": "mpeg4"}.get(name.split(".")[1], "libx264")}


def resident():
    """Resident memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def convert(source, target, sound, *, rate=48_000, start=None, step=777, **options):
    """Write `source` again with the stereo `sound` (2, T), and return the closed writer."""
    from ccstereo.media import MediaReader, open_writer

    if start is None:
        with MediaReader(source) as reader:
            start = reader.audio_start
    with open_writer(source, target, sample_rate=rate, audio_start=start, **options) as writer:
        for at in range(0, sound.shape[1], step):
            writer.write(sound[:, at : at + step])
    return writer


@pytest.fixture(scope="session")
def big(tmp_path_factory):
    """A minute of video, 60 MB of frames, all of which lie before the sound in the file."""
    path = tmp_path_factory.mktemp("big") / "big.mov"
    with av.open(str(path), "w", format="mov", container_options={"max_interleave_delta": "1"}) as output:
        video = output.add_stream("mjpeg", rate=25, options={"qmin": "1", "q": "1"})
        video.width, video.height, video.pix_fmt = 160, 120, "yuvj420p"
        sound, packets = add_audio(output, clicks(60 * 8000, 100), codec="pcm_s16le", fmt="s16", rate=8000, step=8000)
        del sound
        frame = av.VideoFrame.from_ndarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8))
        (packet,) = video.encode(frame) + video.encode(None)
        data = bytes(packet)
        for k in range(1500):
            packet = av.Packet(data + bytes(max(0, 40_000 - len(data))))
            packet.stream = video
            packet.pts = packet.dts = k
            packet.time_base = Fraction(1, 25)
            packet.is_keyframe = True
            output.mux(packet)
        for packet in packets:
            output.mux(packet)
    return path
