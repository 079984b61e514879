"""Getting near a time in a file without reading all that lies before it."""

from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Stream

from ccstereo.media.demuxing import packets
from ccstereo.media.probe import seconds

_PREROLLS = (1, 10, 60)  # seconds before the time at which a seek is tried, in turn
_NEAR = Fraction(5)  # seconds that are read sooner than a seek is tried


def seek(container: InputContainer, stream: Stream, time: Fraction) -> None:
    """Have a track read on from a key packet more than a second before `time`, where the file has one.

    Not every format can seek exactly, and a decoder of sound needs a run-up: where nothing better is found, the file is
    read from its start.

    Args:
        container: freshly opened.
        stream: the track, of which nothing was decoded.
        time: seconds on the file's own clock.
    """
    begin = Fraction(container.start_time or 0, av.time_base)
    if time - begin < _NEAR:
        return
    for preroll in _PREROLLS:
        try:
            container.seek(max(container.start_time or 0, round((time - preroll) * av.time_base)))
            first = next((p for p in packets(container, stream) if p.size and p.pts is not None), None)
            if first is not None and first.is_keyframe and seconds(first.pts, first.time_base) <= time - 1:
                container.seek(max(container.start_time or 0, round((time - preroll) * av.time_base)))
                return
        except av.FFmpegError:
            continue
    container.seek(container.start_time or 0)
