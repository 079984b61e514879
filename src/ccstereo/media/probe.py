"""What a media file holds: its tracks, their times and shapes, and why it cannot be used when it cannot."""

import re
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
from ccstereo.media.demuxing import packets
from ccstereo.media.source import as_source

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
    """A media file: `start` on its own clock and `duration` in seconds (0 if not declared), its default tracks, and how
    many others there are.
    """

    path: Path | str
    container: str
    start: Fraction
    duration: float
    video: VideoInfo | None
    audio: AudioInfo | None
    other_videos: int
    other_audios: int


def probe(
    path: str | Path, *, require_video: bool = False, require_audio: bool = False, allow_truncated: bool = False
) -> MediaInfo:
    """Describe a media file by its header and first frame.

    Of several tracks the one that the file marks as default is taken, of several such the one FFmpeg ranks best.
    Cover art is no video.

    Args:
        path: any file FFmpeg reads, or the address of one.
        require_video: raise if there is no video track.
        require_audio: raise if there is no sound track that decodes.
        allow_truncated: take a file that is cut off for what is there.

    Raises:
        MediaError: the file is missing, a folder, empty, text, cut off or unreadable, or lacks a required track.
    """
    path = as_source(path)
    with open_input(path, allow_truncated=allow_truncated) as container:
        video, audio = default_video(container), default_audio(container)
        if require_video and video is None:
            raise MediaError(f"{path}: has no video track; give a video")
        if require_audio and audio is None:
            raise no_sound(path, container)
        return MediaInfo(
            path=path,
            container=container.format.name,
            start=Fraction(container.start_time or 0, av.time_base),
            duration=(container.duration or 0) / av.time_base,
            other_videos=sum(map(_is_moving, container.streams.video)) - (video is not None),
            other_audios=len(container.streams.audio) - (audio is not None),
            audio=None if audio is None else _audio_info(audio),
            video=None if video is None else _video_info(container, video),  # last: it reads packets
        )


def open_input(path: Path | str, *, allow_truncated: bool = True) -> InputContainer:
    """Open a file, or an address, for demuxing.

    Args:
        path: a string is an address such as "https://..." (see `as_source`).
        allow_truncated: open an MP4 that is cut off, too: whoever reads it finds where it ends.

    Raises:
        MediaError: it cannot be read, with the reason.
    """
    # "file:" keeps FFmpeg from reading a colon in the name as a protocol.
    name = path if isinstance(path, str) else f"file:{_existing(path)}"
    try:
        # genpts fills timestamps AVI leaves out.
        container = av.open(name, "r", container_options={"fflags": "+genpts"}, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: {_reason(path, error)}") from error
    try:
        if not allow_truncated and isinstance(path, Path):
            _require_whole(path, container)
    except BaseException:
        container.close()
        raise
    return container


def _existing(path: Path) -> Path:
    try:
        if not path.exists():
            raise MediaError(f"{path}: no such file; check the path")
        if path.is_dir():
            raise MediaError(f"{path}: is a folder; give a video file")
        if path.is_file() and path.stat().st_size == 0:
            raise MediaError(f"{path}: is empty (0 bytes); get the file again")
    except OSError as error:  # such as a name that is longer than any file's
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return path


def no_sound(path: Path | str, container: InputContainer) -> MediaError:
    """The error of a file that has no sound track, or none that can be decoded."""
    tracks = container.streams.audio
    if not tracks:
        return MediaError(f"{path}: has no audio track; give a video with sound")
    codec = _codec_tag(path, container, tracks[0].index)
    what = f"codec is {codec}" if codec else "codec is unknown to FFmpeg"
    return MediaError(
        f"{path}: its sound track cannot be decoded: its {what}, for which there is no decoder; convert the sound first"
    )


def _codec_tag(path: Path | str, container: InputContainer, index: int) -> str:
    """What a file calls the codec of a track that FFmpeg has no decoder for; empty where that is not found."""
    if isinstance(path, str):
        return ""
    with path.open("rb") as file:
        if container.format.name.startswith("mov"):
            boxes = list(walk(file, 0, path.stat().st_size))
            tracks = [box for box in boxes if box.name == b"trak"]
            inside = [
                box for box in boxes if box.name == b"stsd" and tracks[index].start < box.start < tracks[index].end
            ]
            if not inside:
                return ""
            file.seek(inside[0].start + 12)  # version and flags, number of entries, size of the first
            return file.read(4).decode("latin-1").strip()
        if container.format.name.startswith("matroska"):
            names = re.findall(rb"\x86[\x80-\xc0](A_[A-Z0-9/_]+)", file.read(1 << 20))  # the element CodecID
            return str(names[0].decode()) if names else ""
    return ""


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


def decodes(stream: Stream) -> bool:
    """Whether FFmpeg has a decoder for a track."""
    return bool(stream.codec_context is not None)


def _is_moving(stream: Stream) -> bool:
    return not stream.disposition & _STILL


def _default(candidates: list[VideoStream] | list[AudioStream], best: Stream | None) -> Stream | None:
    decodable = [s for s in candidates if decodes(s)]
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
        for count, packet in enumerate(packets(container, stream)):
            for frame in packet.decode():
                return frame
            if count >= _PROBE_PACKETS:
                break
    except av.FFmpegError:
        pass  # whoever decodes the track says where it breaks
    return None


def _reason(path: Path | str, error: Exception) -> str:
    if isinstance(path, str):
        reason = getattr(error, "strerror", None) or type(error).__name__
        return f"cannot be read from there ({reason}); check the address"
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied; change its permissions"
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as os_error:
        return f"cannot be read ({os_error.strerror})"
    if not head:
        return "is empty; get the file again"
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
                f"it declares; get the whole file (ccstereo binauralize --allow-truncated takes what is there)"
            )
