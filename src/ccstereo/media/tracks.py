"""Tracks of an output that are copies of an input's: which codecs and tags a container takes."""

import io
from fractions import Fraction

import av
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

# A codec that each writer surely takes: PyAV asks for one to make a track, whose description is replaced at once.
_ANY = {"mp4": "h264", "mov": "h264", "matroska": "h264", "webm": "vp9"}
_PARAMETER_SETS = {"hevc": {32, 33, 34}, "h264": {7, 8}}  # types of the units that a decoder cannot start without
_TAGS = {"hevc": ("hvc1", "hev1"), "h264": ("avc1", "avc3")}  # those sets in the header, or between the frames

_FASTEST = 300  # frames a second that a video may have


def add_copy(output: OutputContainer, stream: Stream, tag: str | None) -> Stream:
    """Add a track that takes the packets of `stream` as they are.

    FFmpeg's writers hold more than PyAV lets one ask for: Matroska keeps every codec that .avi files know, under its
    name there. As FFmpeg's own command line does it, the whole description of the track is copied.

    Args:
        output: not yet started.
        stream: of an input.
        tag: four letters that name the codec in the file; None leaves the choice to the writer.
    """
    copy = output.add_mux_stream(_ANY[output.format.name], rate=_rate(stream))
    with _Tagged(stream, tag) as described:
        BitStreamFilterContext("null", described, copy)
    copy.time_base = stream.time_base
    return copy


def _rate(stream: Stream) -> Fraction | None:
    """Frames a second, by the whole track; where that is no rate of a video, by its first packets."""
    if not isinstance(stream, VideoStream):
        return None
    average = stream.average_rate
    return average if average and average <= _FASTEST else stream.guessed_rate or average


class _Tagged:
    """A stream with another tag: a track of a writer to nowhere, which takes every codec."""

    def __init__(self, stream: Stream, tag: str | None) -> None:
        self._stream = stream
        self._tag = tag
        self._nowhere: OutputContainer | None = None

    def __enter__(self) -> Stream:
        if self._stream.codec_context is None or self._tag == self._stream.codec_context.codec_tag:
            return self._stream
        self._nowhere = av.open(io.BytesIO(), "w", format="null")
        described = self._nowhere.add_stream_from_template(self._stream, opaque=True)  # without a tag
        if self._tag is not None:
            described.codec_context.codec_tag = self._tag
        self._nowhere.start_encoding()
        return described

    def __exit__(self, *_: object) -> None:
        if self._nowhere is not None:
            self._nowhere.close()


def takes(muxer: str, stream: Stream, tag: str | None) -> bool:
    """Whether a file can hold a copy of a track under a tag: its writer knows best, so one starts in memory."""
    try:
        with av.open(io.BytesIO(), "w", format=muxer) as writer:
            add_copy(writer, stream, tag)
            writer.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def choose_tag(muxer: str, stream: Stream) -> tuple[bool, str | None]:
    """Whether a file can hold a copy of a track, and under which tag.

    HEVC whose parameter sets are all in its header is "hvc1", the one that Apple's players take; without them it must
    stay "hev1". Else a tag stays as it is where the container knows it, as FFmpeg's command line does it.

    Args:
        muxer: FFmpeg's name of the writer, such as "mp4".
        stream: track of an input.
    """
    context = stream.codec_context
    own = "" if context is None else context.codec_tag.strip("\0")
    tags = [own or None, None]
    if muxer in ("mp4", "mov") and isinstance(stream, VideoStream) and own not in ("dvh1", "dvhe", "dva1", "dvav"):
        codec = stream.codec_context.codec.canonical_name
        if codec in _TAGS:
            in_header, between = _TAGS[codec]
            whole = _PARAMETER_SETS[codec] <= parameter_sets(codec, stream.codec_context.extradata or b"")
            tags.insert(0, in_header if whole else between)
    for tag in dict.fromkeys(tags):
        if takes(muxer, stream, tag):
            return True, tag
    return False, None


def parameter_sets(codec: str, header: bytes) -> set[int]:
    """Types of the units in the header of H.264 or HEVC, in the form of MP4 (ISO/IEC 14496-15) or of a broadcast.

    >>> sorted(parameter_sets("h264", bytes.fromhex("01640028ffe1000267640100026800")))
    [7, 8]
    >>> sorted(parameter_sets("hevc", bytes.fromhex("000001400100000142010000014401")))
    [32, 33, 34]
    """
    if not header.startswith(b"\1"):
        units = [unit for unit in header.replace(b"\0\0\1", b"\0\0\0\1").split(b"\0\0\0\1")[1:] if unit]
    elif codec == "hevc":
        units = _listed(header, 22, typed=True)
    else:
        units = _listed(header, 5, typed=False)
    return {unit[0] >> 1 & 63 if codec == "hevc" else unit[0] & 31 for unit in units if unit}


def _listed(header: bytes, at: int, *, typed: bool) -> list[bytes]:
    """The units of an hvcC (arrays, each with a type) or an avcC (two arrays: SPS, PPS)."""
    arrays = header[at] if typed and len(header) > at else 2
    at += typed
    units = []
    for array in range(arrays):
        if typed:
            count = int.from_bytes(header[at + 1 : at + 3], "big")
            at += 3
        else:
            count = header[at] & (31 if array == 0 else 255) if at < len(header) else 0
            at += 1
        for _ in range(count):
            size = int.from_bytes(header[at : at + 2], "big")
            units.append(header[at + 2 : at + 2 + size])
            at += 2 + size
    return units
