"""Text subtitles in the form that a container holds."""

from typing import Any, cast

import av
from av.codec.codec import Properties
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from ccstereo.media.timing import AnyPacket

_KINDS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
# Text by FFmpeg's account, but of another making: each packet of these changes what the one before showed.
_STREAMED = ("eia_608", "dvb_teletext", "hdmv_text_subtitle", "arib_caption")


def converts_to(muxer: str, stream: Stream) -> str | None:
    """The codec in which a container holds the text of a subtitle track; None where the track is no text.

    Args:
        muxer: FFmpeg's name of the writer, such as "mp4".
        stream: track of an input.
    """
    if not isinstance(stream, SubtitleStream) or stream.codec_context is None:
        return None
    codec = stream.codec_context.codec
    if codec.canonical_name in _STREAMED or not codec.properties & cast(int, Properties.TEXT_SUB.value):
        return None
    return _KINDS[muxer]


class TextSubtitles:
    """Converts the packets of a text subtitle track; a stage as those in `timing`.

    Attributes:
        copy: the track in the output.
    """

    def __init__(self, output: OutputContainer, stream: Stream, codec: str) -> None:
        """Add a track in `codec` to an output, not yet started."""
        assert isinstance(stream, SubtitleStream)
        self._decoder = stream.codec_context
        self._decoder.open(strict=False)
        encoder: Any = output.add_stream(codec)
        encoder.codec_context.subtitle_header = self._decoder.subtitle_header or b""
        encoder.time_base = stream.time_base
        self.copy: Stream = encoder

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """See `timing.Stage`: one packet for each that holds a text."""
        context: Any = self.copy.codec_context
        try:
            texts = self._decoder.decode2(packet)
            if texts is None or packet.pts is None:
                return []
            converted: AnyPacket = context.encode_subtitle(texts)
        except av.FFmpegError:
            return []  # a text that no player could show either
        converted.time_base = packet.time_base
        converted.pts = converted.dts = packet.pts
        converted.duration = packet.duration
        return [converted]

    def finish(self) -> list[AnyPacket]:
        """See `timing.Stage`."""
        return []
