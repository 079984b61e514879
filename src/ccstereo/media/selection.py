"""Which of a file's sound tracks are used, and which part of its time."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from ccstereo.errors import MediaError
from ccstereo.media.damage import clock
from ccstereo.media.demuxing import packets
from ccstereo.media.probe import decodes, default_audio, default_video, no_sound, only, open_input, seconds
from ccstereo.media.seeking import seek

ALL = "all"
_LENIENCE = Fraction(1, 1000)  # seconds by which a key frame may lie behind the start that was asked for

Cut: TypeAlias = tuple[Fraction, Fraction | None]  # begin and end in seconds on the file's own clock; None is its end


@dataclass(frozen=True)
class Selection:
    """What is read of a file.

    Attributes:
        audio_track: number, counted from 1 among the sound tracks, "all", or a language; None for the default track, or
            for both where there are two mono ones, as cameras record.
        start: seconds into the file at which reading begins.
        duration: seconds from `start` at which it ends; None is the end of the file.
        snap: begin at the key frame at or before `start`, where a copy of the video can begin.
        allow_truncated: take a file that is cut off for what is there.
    """

    audio_track: int | str | None = None
    start: float = 0.0
    duration: float | None = None
    snap: bool = True
    allow_truncated: bool = False


def choose_audio(path: Path | str, container: InputContainer, wanted: int | str | None) -> list[AudioStream]:
    """The sound tracks that are mixed, one or more, each with a decoder.

    Raises:
        MediaError: there is no such track, or none that decodes.
    """
    tracks = container.streams.audio
    usable = [track for track in tracks if decodes(track)]
    default = default_audio(container)
    if default is None:
        raise no_sound(path, container)
    if wanted is None:
        return usable if is_pair(usable) and len(tracks) == 2 else [default]
    if wanted == ALL:
        return usable
    if isinstance(wanted, int):
        chosen = [track for track in tracks[wanted - 1 : wanted] if track in usable] if wanted >= 1 else []
    else:
        chosen = [track for track in usable if (track.language or "").lower() == wanted.lower()][:1]
    if not chosen:
        what = f"audio track {wanted}" if isinstance(wanted, int) else f"audio track in {wanted!r}"
        there = ", ".join(f"{number} ({_describe(track)})" for number, track in enumerate(tracks, 1))
        raise MediaError(f"{path}: has no {what} that decodes; it has {there}")
    return chosen


def describe_sound(path: Path | str, selection: Selection) -> tuple[int, str]:
    """How many channels the selected sound has in all, and what they are called, such as "5.1 sound".

    Raises:
        MediaError: the file cannot be read, or has no such sound.
    """
    with open_input(path) as container:
        chosen = choose_audio(path, container, selection.audio_track)
        layouts = [stream.codec_context.layout for stream in chosen]
    channels = sum(layout.nb_channels for layout in layouts)
    name = f"{len(layouts)} tracks of sound" if len(layouts) > 1 else f"{_layout(layouts[0])} sound"
    return channels, name


def _layout(layout: AudioLayout) -> str:
    """What people call it: of "5.1(side)" or "2 channels", "5.1" and "stereo"."""
    if layout.nb_channels == 2:
        return "stereo"
    return (
        layout.name.split("(")[0]
        if layout.name[:1].isdecimal() and "." in layout.name
        else f"{layout.nb_channels}-channel"
    )


def is_pair(tracks: Sequence[AudioStream]) -> bool:
    """Whether two tracks are the two channels of one recording: both mono, alike, and not of two languages."""
    if len(tracks) != 2:
        return False
    first, second = (
        (c.layout.nb_channels, c.sample_rate, c.codec.canonical_name, track.language or "und")
        for track in tracks
        for c in [track.codec_context]
    )
    return first == second and first[0] == 1


def _describe(track: AudioStream) -> str:
    if not decodes(track):
        return "no decoder for it"
    context = track.codec_context
    channels = context.layout.nb_channels
    return ", ".join(
        text
        for text in (context.codec.canonical_name, "mono" if channels == 1 else f"{channels} channels", track.language)
        if text
    )


def find_cut(path: Path | str, selection: Selection) -> Cut | None:
    """Begin and end of what is read; None is all of it.

    Raises:
        MediaError: the start lies past the end of the file.
    """
    if selection.start == 0 and selection.duration is None:
        return None
    with open_input(path, allow_truncated=selection.allow_truncated) as container:
        zero = Fraction(container.start_time or 0, av.time_base)
        length = Fraction(container.duration or 0, av.time_base)
        start = Fraction(selection.start).limit_denominator(1_000_000)
        if length and start >= length:
            raise MediaError(f"{path}: is {clock(length)} long; a start at {clock(start)} is past its end")
        end = None
        if selection.duration is not None:
            end = zero + start + Fraction(selection.duration).limit_denominator(1_000_000)
        video = default_video(container)
        if not selection.snap or start == 0 or video is None:
            return zero + start, end
        return min(zero + start, key_frame(container, video, zero + start)), end


def key_frame(container: InputContainer, video: VideoStream, time: Fraction) -> Fraction:
    """When the last key frame at or before `time` is shown, else the first one, in seconds on the file's own clock."""
    only(container, video)
    seek(container, video, time)
    found = None
    with suppress(av.FFmpegError):  # whoever reads on says where the file breaks
        for packet in packets(container, video):
            if packet.pts is None or not packet.size:
                continue
            shown = seconds(packet.pts, packet.time_base)
            if packet.is_keyframe and (found is None or found < shown <= time + _LENIENCE):
                found = shown
            if packet.dts is not None and seconds(packet.dts, packet.time_base) > time + _LENIENCE:
                break
    return time if found is None else found
