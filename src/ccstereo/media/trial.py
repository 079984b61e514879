"""Whether a video that FFmpeg's writer takes can be read from what it writes.

A file's header may lose what the decoder must know, as Matroska's does the bits a pixel of QuickTime's Animation.
"""

import io
from itertools import islice
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from ccstereo.media.demuxing import packets
from ccstereo.media.tracks import add_copy

_PROVEN = ("h264", "hevc", "av1", "vp8", "vp9")  # tested in every container; a trial takes up to half a second
_PACKETS = 50


def reads_back(container: InputContainer, video: VideoStream, muxer: str, tag: str | None) -> bool:
    """Copy the first packets of a video into a file in memory, and see whether a frame decodes from there.

    True, too, where the input or the writer fails: what is really read and written says why.

    Args:
        container: of the input, at its start; it is read from.
        video: its track.
        muxer: FFmpeg's name of the writer.
        tag: as of `add_copy`.
    """
    if video.codec_context.codec.canonical_name in _PROVEN:
        return True
    try:
        taken = _until_a_frame(container, video)
        if not taken:
            return True
        file = _copied(taken, video, muxer, tag)
    except (av.FFmpegError, ValueError):
        return True
    try:
        with av.open(file, "r") as written:
            return any(_decodes(packet) for packet in packets(written, *written.streams.video[:1]))
    except av.FFmpegError:
        return False


def _until_a_frame(container: InputContainer, video: VideoStream) -> "list[Packet[Any]]":
    """The first packets, up to the one with which a frame decodes; none where none does soon."""
    taken = []
    for packet in islice(packets(container, video), _PACKETS):
        shown = _decodes(packet)
        if packet.size:
            taken.append(packet)
        if shown:
            return taken
    return []


def _copied(taken: "list[Packet[Any]]", video: VideoStream, muxer: str, tag: str | None) -> io.BytesIO:
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as output:
        copy = add_copy(output, video, tag)
        output.start_encoding()
        for packet in taken:
            packet.stream = copy
            output.mux(packet)
    file.seek(0)
    return file


def _decodes(packet: "Packet[Any]") -> bool:
    try:
        return bool(packet.decode())
    except av.FFmpegError:
        return False
