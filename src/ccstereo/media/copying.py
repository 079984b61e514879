"""Copying every track but the sound from one container to another, packet for packet."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from ccstereo.media.containers import holds
from ccstereo.media.damage import broken_off
from ccstereo.media.probe import only, open_input, seconds

# What describes the file that was, not the one that will be.
_STALE = (
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "bps",
    "number_of_",
    "_statistics_",
)
_MP4 = ("mp4", "mov")


def fresh(metadata: dict[str, str]) -> dict[str, str]:
    """Metadata without the entries that a new file would carry wrongly.

    >>> fresh({"title": "Rain", "encoder": "Lavf58", "DURATION-eng": "00:00:02"})
    {'title': 'Rain'}
    """
    return {key: value for key, value in metadata.items() if not key.lower().startswith(_STALE)}


class PacketCopier:
    """Copies tracks from an input to an output, up to a time at a go.

    Attributes:
        notes: which tracks were skipped, and why.
    """

    def __init__(self, path: Path, source: InputContainer, target: OutputContainer, shift: Fraction) -> None:
        """Copy from `source` (at `path`), not yet demuxed, to `target`, not yet started; `shift` seconds later."""
        self._path = path
        self._source = source
        self._target = target
        self._shift = shift
        self._streams: dict[int, Stream] = {}
        self._last: dict[int, int] = {}
        self._packets: Iterator[Packet[Stream]] | None = None
        self._next: Packet[Stream] | None = None
        self.notes: list[str] = []

    def add(self, stream: Stream) -> bool:
        """Add a track of the input to the output; False, and a note, if the output cannot hold it."""
        if stream.type == "data" and self._is_chapters(stream):
            return False  # goes over as chapters
        muxer = self._target.format.name
        if stream.disposition & Disposition.attached_pic and muxer != "mp4":
            return self._attach(stream)
        if stream.type == "data" or not holds(muxer, stream):
            return self._leave_out(stream)
        copy: Any = self._target.add_stream_from_template(stream, opaque=True)
        copy.disposition = stream.disposition
        copy.metadata.update(fresh(stream.metadata))
        if isinstance(stream, VideoStream):
            if stream.average_rate:
                copy.codec_context.framerate = stream.average_rate
            self._keep_tag(stream, copy)
        self._streams[stream.index] = copy
        return True

    def _leave_out(self, stream: Stream) -> bool:
        suffix = Path(self._target.name).suffix
        self.notes.append(f"{describe(stream)} is skipped: {suffix} cannot hold it")
        return False

    def _attach(self, stream: Stream) -> bool:
        """Keep cover art as Matroska does, as an attached file: its writer would make it a video."""
        if self._target.format.name != "matroska":
            return self._leave_out(stream)
        codec = stream.codec_context.codec.canonical_name
        ending = {"mjpeg": "jpeg"}.get(codec, codec)
        name = stream.metadata.get("filename", f"cover.{ending}")
        with open_input(self._path) as source:
            image = next(source.demux(source.streams[stream.index]))
            self._target.add_attachment(name, stream.metadata.get("mimetype", f"image/{ending}"), bytes(image))
        return True

    def copy_until(self, time: Fraction | None) -> None:
        """Copy packets that are decoded up to `time` seconds of the output's clock; all that remain if None.

        Raises:
            MediaError: the input cannot be read on.
        """
        if self._packets is None:
            wanted = [self._source.streams[index] for index in self._streams]
            only(self._source, *wanted)
            self._packets = self._demux(wanted)
            self._next = next(self._packets, None)
        while self._next is not None:
            packet = self._next
            if time is not None and seconds(packet.dts, packet.time_base) > time:
                return
            packet.stream = self._streams[packet.stream_index]
            self._target.mux(packet)
            self._next = next(self._packets, None)

    def _demux(self, wanted: list[Stream]) -> Iterator["Packet[Stream]"]:
        reached = Fraction(0)
        try:
            for packet in self._source.demux(wanted) if wanted else ():
                if packet.size == 0 and packet.dts is None:  # PyAV's mark of the end
                    continue
                self._time(packet)
                reached = seconds(packet.dts, packet.time_base)
                yield packet
        except av.FFmpegError as error:
            raise broken_off(self._path, reached, error) from error

    def _time(self, packet: "Packet[Stream]") -> None:
        """Shift a packet, and let decoding times rise where a broken input does not."""
        ticks = round(self._shift / packet.time_base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is None:
            return
        packet.dts += ticks
        last = self._last.get(packet.stream_index)
        if last is not None and packet.dts <= last and self._source.streams[packet.stream_index].type == "video":
            packet.dts = last + 1
            packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
        self._last[packet.stream_index] = packet.dts

    def _keep_tag(self, stream: VideoStream, copy: Any) -> None:
        """Keep or choose the tag in MP4: Apple's players take HEVC as hvc1 only, not as FFmpeg's hev1."""
        context, muxer = stream.codec_context, self._target.format.name
        if muxer not in _MP4:
            return
        tag = ""
        if self._source.format.name.startswith("mov"):
            tag = context.codec_tag
        elif context.codec.canonical_name == "hevc" and (context.extradata or b"")[:1] == b"\1":
            tag = "hvc1"  # parameter sets are in the header, as the name promises
        if tag.strip("\0") and holds(muxer, stream, tag):
            copy.codec_context.codec_tag = tag

    def _is_chapters(self, stream: Stream) -> bool:
        return bool(self._source.chapters()) and stream.name == "bin_data"


def describe(stream: Stream) -> str:
    """A track for a note: "subtitle track 2 (mov_text, eng)"."""
    context = stream.codec_context
    codec = context.codec.canonical_name if context is not None else getattr(stream, "name", None)
    details = ", ".join(text for text in (codec, stream.language) if text)
    return f"{stream.type} track {stream.index}" + (f" ({details})" if details else "")
