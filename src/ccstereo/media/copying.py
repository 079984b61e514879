"""Copying every track but the sound from one container to another, packet for packet."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.codec.codec import Properties
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from ccstereo.media.damage import broken_off
from ccstereo.media.demuxing import packets
from ccstereo.media.editlist import WHOLE, Edit
from ccstereo.media.probe import only, open_input, seconds
from ccstereo.media.reencode import Reencoder, first_frame
from ccstereo.media.subtitles import TextSubtitles, converts_to
from ccstereo.media.timing import AnyPacket, Clip, DecodingTimes, DisplayOrder, Shift, Stage, Trim, finer
from ccstereo.media.tracks import add_copy, choose_tag

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
_EVER = Fraction(-(10**9))  # before any timestamp
_UNTIMED = ("avi", "h264", "hevc", "m4v", "mpegvideo")  # readers of files that have no display times


def fresh(metadata: dict[str, str]) -> dict[str, str]:
    """Metadata without the entries that a new file would carry wrongly.

    >>> fresh({"title": "Rain", "encoder": "Lavf58", "DURATION-eng": "00:00:02"})
    {'title': 'Rain'}
    """
    return {key: value for key, value in metadata.items() if not key.lower().startswith(_STALE)}


@dataclass
class Copied:
    """A track on its way: what its packets go through, and what of it is shown in the end.

    Times are in seconds of the output's clock: `first_decoded` is the decoding time of the first packet, the track is
    shown from `shown` (None before the first packet) to `end`.
    """

    stream: Stream
    copy: Stream
    stages: list[Stage]
    start: Fraction  # nothing is shown before
    stop: Fraction | None  # nor after
    trim: Trim | None = None
    first_decoded: Fraction | None = None
    shown: Fraction | None = None
    end: Fraction = Fraction(0)
    _latest: Fraction = field(default=Fraction(-1), repr=False)

    @property
    def still(self) -> bool:
        """Whether this is cover art, which has no track of its own in an MP4."""
        return bool(self.stream.disposition & Disposition.attached_pic)

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """Send a packet through all stages; returns those that are ready to be written."""
        return self._through(self.stages, [packet])

    def finish(self) -> list[AnyPacket]:
        """Empty the stages one after the other."""
        ready: list[AnyPacket] = []
        for place, stage in enumerate(self.stages):
            ready += self._through(self.stages[place + 1 :], stage.finish())
        return ready

    def _through(self, stages: list[Stage], packets: list[AnyPacket]) -> list[AnyPacket]:
        for stage in stages:
            packets = [out for packet in packets for out in stage.push(packet)]
        for packet in packets:
            self._note(packet)
        return packets

    def _note(self, packet: AnyPacket) -> None:
        base = packet.time_base
        if not packet.duration and isinstance(self.stream, VideoStream) and self.stream.guessed_rate and not self.still:
            packet.duration = max(1, round(1 / (self.stream.guessed_rate * base)))  # FLV and ASF tell none
        begin = packet.pts * base
        end = begin + (packet.duration or 0) * base
        if self.stop is not None and end > self.stop:
            # Durations are counted in decoding order there: that of a frame before a pause may stand at another.
            end = max(begin, self.stop)
            packet.duration = int((end - begin) / base)
        if self.first_decoded is None:
            self.first_decoded = packet.dts * base
        if begin > self._latest and (self.stop is None or begin < self.stop):
            self._latest, self.end = begin, end
        if end > self.start or begin >= self.start:
            shown = max(begin, self.start)
            self.shown = shown if self.shown is None else min(self.shown, shown)


class PacketCopier:
    """Copies tracks from an input to an output, up to a time at a go.

    Attributes:
        notes: which tracks were skipped, and why.
        copied: the tracks that are copied, by their index in the output.
    """

    def __init__(
        self,
        path: Path | str,
        source: InputContainer,
        target: OutputContainer,
        *,
        shift: Fraction,
        edits: list[Edit] | None = None,
        cut: tuple[Fraction, Fraction | None] | None = None,
    ) -> None:
        """Copy from `source` (at `path`), not yet demuxed, to `target`, not yet started.

        Args:
            path: of the input, for messages.
            source: container; one that ignores edit lists where `edits` are given.
            target: container.
            shift: seconds to be added to the input's clock.
            edits: what is shown of each track, where the source does not heed it.
            cut: start and end of what is wanted, on the input's clock; the end may be None.
        """
        self._path = path
        self._source = source
        self._target = target
        self._shift = shift
        self._edits = edits
        self._cut = cut
        self._packets: Iterator[tuple[Copied, AnyPacket]] | None = None
        self._next: tuple[Copied, AnyPacket] | None = None
        self.notes: list[str] = []
        self.copied: dict[int, Copied] = {}
        self._reencoder: Reencoder | None = None

    def encode(self, stream: VideoStream) -> None:
        """Add a video of the input to the output, encoded anew."""
        edit = self._edit(stream)
        start, stop = self._interval(edit)
        reencoder = Reencoder(
            self._path,
            self._target,
            stream,
            first=first_frame(self._path),
            offset=self._offset(stream),
            start=start,
            stop=stop,
            timed=self._source.format.name not in _UNTIMED,
        )
        self._reencoder = reencoder
        self._enter(stream, reencoder.copy, [reencoder], hidden=False)

    def add(self, stream: Stream) -> bool:
        """Add a track of the input to the output; False, and a note, if the output cannot hold it."""
        if stream.type == "data" and self._is_chapters(stream):
            return False  # goes over as chapters
        muxer = self._target.format.name
        if stream.disposition & Disposition.attached_pic and muxer != "mp4":
            return self._attach(stream)
        if isinstance(stream, AttachmentStream):
            return self._add_attachment(stream)
        if stream.type == "data" and "timecode" in stream.metadata:
            return self._note_timecode(stream)
        if stream.type == "data" and stream.name is None:
            self.notes.append(f"{describe(stream)} is skipped: FFmpeg does not know what it holds")
            return False
        held, tag = choose_tag(muxer, stream)
        if held:
            copy = add_copy(self._target, stream, tag)
            copy.time_base = finer(stream.time_base or Fraction(1, 1000), self._offset(stream))
            self._enter(stream, copy, self._stages(stream))
            return True
        codec = converts_to(muxer, stream)
        if codec is None:
            return self._leave_out(stream)
        converter = TextSubtitles(self._target, stream, codec)
        self._enter(stream, converter.copy, [*self._stages(stream), converter])
        return True

    def _enter(self, stream: Stream, copy: Stream, stages: list[Stage], *, hidden: bool = True) -> None:
        copy.disposition = stream.disposition
        copy.metadata.update(fresh(stream.metadata))
        start, stop = self._interval(self._edit(stream)) if hidden else (_EVER, None)
        trim = next((stage for stage in stages if isinstance(stage, Trim)), None)
        self.copied[copy.index] = Copied(stream, copy, stages, start, stop, trim)

    def _edit(self, stream: Stream) -> Edit:
        return WHOLE if self._edits is None else self._edits[stream.index]

    def _offset(self, stream: Stream) -> Fraction:
        """Seconds to add to the times of a track."""
        return self._edit(stream).offset + self._shift

    def _interval(self, edit: Edit) -> tuple[Fraction, Fraction | None]:
        """What is shown of a track, on the output's clock: what is inside its edit and the cut."""
        start, ends = edit.start if edit is not WHOLE else _EVER, [edit.end]
        if self._cut is not None:
            start = max(start, self._cut[0])
            ends.append(self._cut[1])
        known = [end for end in ends if end is not None]
        return start + self._shift, min(known) + self._shift if known else None

    def _stages(self, stream: Stream) -> list[Stage]:
        shift = Shift(self._offset(stream))
        edit = self._edit(stream)
        start, stop = self._interval(edit)
        limited = self._cut is not None or edit is not WHOLE
        if not isinstance(stream, VideoStream):
            return [shift, *([Clip(start, stop)] if limited else []), DecodingTimes(strict=False, window=1)]
        muxer = self._target.format.name
        stages: list[Stage] = [shift]
        if self._source.format.name in _UNTIMED and reorders(stream):
            stages.append(DisplayOrder(stream))
        if self._cut is not None or (edit is not WHOLE and muxer not in _MP4):
            stages.append(Trim(start, stop, hides=muxer in _MP4))
        stages.append(DecodingTimes(strict=muxer in _MP4))
        return stages

    def _leave_out(self, stream: Stream) -> bool:
        suffix = Path(self._target.name).suffix
        self.notes.append(f"{describe(stream)} is skipped: {suffix} cannot hold it")
        return False

    def _note_timecode(self, stream: Stream) -> bool:
        """A timecode is written anew by MP4's writer, from the metadata of the video that it belongs to."""
        if self._target.format.name not in _MP4:
            text = stream.metadata["timecode"]
            self.notes.append(f"{describe(stream)} is kept as metadata of the video alone: timecode {text}")
        return False

    def _add_attachment(self, stream: AttachmentStream) -> bool:
        if self._target.format.name != "matroska":
            return self._leave_out(stream)
        kind = stream.mimetype or "application/octet-stream"
        self._target.add_attachment(stream.name or f"attachment {stream.index}", kind, stream.data)
        return True

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
            self._packets = self._ready()
            self._next = next(self._packets, None)
        while self._next is not None:
            track, packet = self._next
            if time is not None and seconds(packet.dts, packet.time_base) > time:
                return
            packet.stream = track.copy
            self._target.mux(packet)
            self._next = next(self._packets, None)

    @property
    def end(self) -> Fraction:
        """Seconds after which no copied track shows anything."""
        return max((track.end for track in self.copied.values()), default=Fraction(0))

    def late_notes(self) -> list[str]:
        """What could not be kept as the packets came."""
        suffix = Path(self._target.name).suffix
        damage = [] if self._reencoder is None else self._reencoder.notes
        return damage + [
            f"{track.trim.hidden} frame{'s' * (track.trim.hidden != 1)} that the input hides but others need: {suffix} "
            f"has them take no time at the start or end of {describe(track.stream)}; .mp4 hides them"
            for track in self.copied.values()
            if track.trim is not None and track.trim.hidden
        ]

    def _ready(self) -> Iterator[tuple[Copied, AnyPacket]]:
        tracks = {track.stream.index: track for track in self.copied.values()}
        wanted = [track.stream for track in tracks.values()]
        only(self._source, *wanted)
        self._seek(wanted)
        for packet in self._demux(wanted):
            track = tracks[packet.stream_index]
            yield from ((track, ready) for ready in track.push(packet))
            if self._over():
                break
        for track in tracks.values():
            yield from ((track, ready) for ready in track.finish())

    def _over(self) -> bool:
        """Whether the input can be left, as nothing that follows lies in the cut."""
        trims = [track.trim for track in self.copied.values() if track.trim is not None]
        return self._cut is not None and bool(trims) and all(trim.over for trim in trims)

    def _seek(self, wanted: list[Stream]) -> None:
        """Begin near the cut where the input can: at the last key frame of the video before it."""
        videos = [stream for stream in wanted if stream.type == "video"]
        if self._cut is None or self._cut[0] <= 0 or not videos:
            return
        time = int((self._cut[0] - self._edit(videos[0]).offset) / (videos[0].time_base or 1))
        with contextlib.suppress(av.FFmpegError):  # else it is read from the start
            self._source.seek(time, stream=videos[0])

    def _demux(self, wanted: list[Stream]) -> Iterator[AnyPacket]:
        reached = Fraction(0)
        try:
            for packet in packets(self._source, *wanted) if wanted else ():
                if packet.size == 0 and packet.dts is None:  # PyAV's mark of the end
                    continue
                if packet.is_corrupt and self._source.format.name.startswith("mov"):
                    continue  # the end of a file that is cut off lies within it
                reached = seconds(packet.dts, packet.time_base)
                yield packet
        except av.FFmpegError as error:
            raise broken_off(self._path, reached, error) from error

    def _is_chapters(self, stream: Stream) -> bool:
        return bool(self._source.chapters()) and stream.name == "bin_data"


def reorders(stream: VideoStream) -> bool:
    """Whether frames of the codec may be shown in another order than they are decoded in."""
    return bool(stream.codec_context.codec.properties & cast(int, Properties.REORDER.value))


def describe(stream: Stream) -> str:
    """A track for a note: "subtitle track 2 (mov_text, eng)"."""
    context = stream.codec_context
    codec = context.codec.canonical_name if context is not None else getattr(stream, "name", None)
    details = ", ".join(text for text in (codec, stream.language) if text)
    return f"{stream.type} track {stream.index}" + (f" ({details})" if details else "")
