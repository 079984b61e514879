"""What a media file holds: its tracks, their times and shapes, and why it cannot be used when it cannot."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ccstereo.errors import MediaError
from ccstereo.media.boxes import walk

_STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_PROBE_PACKETS = 200  # packets read at most in search of a first frame


@dataclass(frozen=True)
class VideoInfo:
    """The video track. `width` and `height` are pixels as shown, after `rotation` (degrees clockwise: 0, 90, ...)."""

    index: int
    codec: str
    width: int
    height: int
    rotation: int
    frame_rate: Fraction | None
    start: float


@dataclass(frozen=True)
class AudioInfo:
    """The sound track. Times in seconds; `duration` is None where the file does not declare it."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    layout: str
    start: float
    duration: float | None


@dataclass(frozen=True)
class MediaInfo:
    """A media file: `duration` in seconds (0 if not declared), its default tracks, and how many others there are."""

    path: Path
    container: str
    duration: float
    video: VideoInfo | None
    audio: AudioInfo | None
    other_videos: int
    other_audios: int


def probe(path: str | Path, *, require_video: bool = False, require_audio: bool = False) -> MediaInfo:
    """Describe a media file by its header and first frame.

    Of several tracks the one that the file marks as default is taken, of several such the one FFmpeg ranks best.
    Cover art is no video.

    Args:
        path: any file FFmpeg reads.
        require_video: raise if there is no video track.
        require_audio: raise if there is no sound track.

    Raises:
        MediaError: the file is missing, a folder, empty, text, cut off or unreadable, or lacks a required track.
    """
    path = Path(path)
    with open_input(path) as container:
        video, audio = default_video(container), default_audio(container)
        if require_video and video is None:
            raise MediaError(f"{path}: has no video track; give a video")
        if require_audio and audio is None:
            raise MediaError(f"{path}: has no audio track; give a video with sound")
        return MediaInfo(
            path=path,
            container=container.format.name,
            duration=(container.duration or 0) / av.time_base,
            other_videos=sum(map(_is_moving, container.streams.video)) - (video is not None),
            other_audios=len(container.streams.audio) - (audio is not None),
            audio=None if audio is None else _audio_info(audio),
            video=None if video is None else _video_info(container, video),  # last: it reads packets
        )


def open_input(path: Path) -> InputContainer:
    """Open a file for demuxing.

    Raises:
        MediaError: it cannot be read, with the reason.
    """
    if not path.exists():
        raise MediaError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; give a video file")
    if path.is_file() and path.stat().st_size == 0:
        raise MediaError(f"{path}: is empty (0 bytes); get the file again")
    try:
        # "file:" keeps FFmpeg from reading a colon in the name as a protocol; genpts fills timestamps AVI leaves out.
        container = av.open(f"file:{path}", "r", container_options={"fflags": "+genpts"}, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: {_reason(path, error)}") from error
    try:
        _require_whole(path, container)
    except BaseException:
        container.close()
        raise
    return container


def default_video(container: InputContainer) -> VideoStream | None:
    """The video track a player would show, None if there is none."""
    best = container.streams.best("video")
    stream = _default([s for s in container.streams.video if _is_moving(s)], best)
    return stream if isinstance(stream, VideoStream) else None


def default_audio(container: InputContainer) -> AudioStream | None:
    """The sound track a player would play with the default video, None if there is none."""
    best = container.streams.best("audio", default_video(container))
    stream = _default(list(container.streams.audio), best)
    return stream if isinstance(stream, AudioStream) else None


def only(container: InputContainer, *wanted: Stream) -> None:
    """Have the demuxer skip every track that is not `wanted`."""
    indices = {s.index for s in wanted}
    for stream in container.streams:
        if stream.index not in indices:
            stream.discard = Discard.all


def seconds(value: int | None, time_base: Fraction | None) -> Fraction:
    """A timestamp in seconds; 0 where it is not known."""
    return Fraction(0) if value is None or time_base is None else value * time_base


def _is_moving(stream: Stream) -> bool:
    return not stream.disposition & _STILL


def _default(candidates: list[VideoStream] | list[AudioStream], best: Stream | None) -> Stream | None:
    decodable = [s for s in candidates if s.codec_context is not None]  # None where FFmpeg has no decoder
    marked = [s for s in decodable if s.disposition & Disposition.default] or decodable
    if best is not None and any(s.index == best.index for s in marked):
        return best
    return marked[0] if marked else None


def _audio_info(stream: AudioStream) -> AudioInfo:
    duration = None if stream.duration is None else float(seconds(stream.duration, stream.time_base))
    return AudioInfo(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        sample_rate=stream.codec_context.sample_rate,
        channels=stream.codec_context.layout.nb_channels,
        layout=stream.codec_context.layout.name,
        start=float(seconds(stream.start_time, stream.time_base)),
        duration=duration,
    )


def _video_info(container: InputContainer, stream: VideoStream) -> VideoInfo:
    start = float(seconds(stream.start_time, stream.time_base))
    width, height = stream.codec_context.width, stream.codec_context.height
    frame = _first_frame(container, stream)
    rotation = 0 if frame is None else -frame.rotation % 360  # FFmpeg counts counterclockwise
    if rotation in (90, 270):
        width, height = height, width
    codec = stream.codec_context.codec.canonical_name
    return VideoInfo(stream.index, codec, width, height, rotation, stream.average_rate, start)


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    only(container, stream)  # PyAV shows the display matrix on decoded frames alone
    try:
        for count, packet in enumerate(container.demux(stream)):
            for frame in packet.decode():
                return frame
            if count >= _PROBE_PACKETS:
                break
    except av.FFmpegError:
        pass  # whoever decodes the track says where it breaks
    return None


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied; change its permissions"
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as os_error:
        return f"cannot be read ({os_error.strerror})"
    if _is_text(head):
        return "is a text file, not a video, whatever its name says; give a media file"
    if head[4:8] == b"ftyp" and not _has_index(path):
        return "is incomplete: its index (moov) is missing, as when a recording or download stopped early; get it whole"
    strerror = getattr(error, "strerror", None) or type(error).__name__
    return f"cannot be read as audio or video ({strerror}); give a file that FFmpeg plays"


def _is_text(head: bytes) -> bool:
    try:
        text = head[:-3].decode() if len(head) == 4096 else head.decode()  # a character may be cut at the end
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c.isspace() for c in text)


def _has_index(path: Path) -> bool:
    with path.open("rb") as file:
        return any(box.name == b"moov" for box in walk(file, 0, path.stat().st_size))


def _require_whole(path: Path, container: InputContainer) -> None:
    """Find by the index of an MP4 alone that its data were cut off: better now than an hour in."""
    if not container.format.name.startswith("mov"):
        return
    size = path.stat().st_size
    for stream in (default_video(container), default_audio(container)):
        if stream is None or stream.time_base is None or len(stream.index_entries) == 0:
            continue
        entries = stream.index_entries
        if any(e.pos + e.size > size for e in entries[max(0, len(entries) - 64) :]):
            broken = next(e for e in entries if e.pos + e.size > size)
            reached = max(0.0, float(broken.timestamp * stream.time_base))
            declared = (container.duration or 0) / av.time_base
            raise MediaError(
                f"{path}: is cut off: its {stream.type} ends after {reached:.2f} s of the {declared:.2f} s "
                f"it declares; get the whole file"
            )
