"""Broadcasts that carry several programmes in one file."""

from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream


def other_program(container: InputContainer, stream: Stream, video: VideoStream) -> bool:
    """Whether a track belongs to another programme than `video`.

    PyAV lists no programmes; but the best track of a kind that FFmpeg finds for a track is one of its programme.
    """
    if container.format.name != "mpegts" or stream.index == video.index:
        return False
    return _key(container, stream) != _key(container, video)


def _key(container: InputContainer, stream: Stream) -> tuple[int | None, int | None]:
    """What the tracks of a programme have in common: its best video and its best sound."""
    found = (container.streams.best("video", stream), container.streams.best("audio", stream))
    video, audio = (None if best is None else best.index for best in found)
    return video, audio
