"""Times of copied video packets: display times where a file has none, cuts, and decoding times that a writer takes.

Each stage takes the packets of one track in decoding order and gives them on, some of them later.
"""

import heapq
from bisect import insort
from collections import deque
from fractions import Fraction
from typing import Any, Protocol, TypeAlias

import av
from av.video.stream import VideoStream

AnyPacket: TypeAlias = Any  # a Packet; PyAV declares times that it does not have as None, all through

_REORDERED = 32  # packets of which a later one may be shown before the first: H.264 and HEVC allow 16
_FINE = 90_000  # units a second that are fine enough for any shift


class Stage(Protocol):
    """What every stage does."""

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """Take a packet; returns those that are ready."""

    def finish(self) -> list[AnyPacket]:
        """Return those that are held back."""


class Shift:
    """Moves packets in time, in units fine enough to do so."""

    def __init__(self, by: Fraction) -> None:
        self._by = by

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """See `Stage`."""
        base = finer(packet.time_base, self._by)
        if base != packet.time_base:
            _count_in(packet, base)
        ticks = round(self._by / base)
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks
        return [packet]

    def finish(self) -> list[AnyPacket]:
        """See `Stage`."""
        return []


def _count_in(packet: AnyPacket, base: Fraction) -> None:
    """Give a packet's times in another unit. PyAV's own `rescale_ts` takes no Fraction in some of its versions."""
    factor = packet.time_base / base
    times = (packet.pts, packet.dts, packet.duration)
    pts, dts, duration = (None if time is None else round(time * factor) for time in times)
    packet.time_base = base
    packet.pts, packet.dts, packet.duration = pts, dts, duration or 0


def finer(time_base: Fraction, shift: Fraction) -> Fraction:
    """A unit of time of which both are multiples, or one that is fine enough.

    >>> finer(Fraction(1, 25), Fraction(2, 25)), finer(Fraction(1, 25), Fraction(-1024, 48_000))
    (Fraction(1, 25), Fraction(1, 90000))
    """
    if (shift / time_base).denominator == 1:
        return time_base
    return Fraction(1, time_base.denominator * -(-_FINE // time_base.denominator))


class Clip:
    """Keeps what of a track that is no video, such as subtitles, is shown from `start` to `end`."""

    def __init__(self, start: Fraction, end: Fraction | None) -> None:
        self._start = start
        self._end = end

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """See `Stage`."""
        if packet.pts is None:
            return [packet]
        base = packet.time_base
        begin, length = packet.pts * base, (packet.duration or 0) * base
        if (self._end is not None and begin >= self._end) or begin + length < self._start:
            return []
        if begin < self._start:
            packet.pts = packet.dts = -int(-self._start // base)
        if length:
            stop = begin + length if self._end is None else min(begin + length, self._end)
            packet.duration = max(1, int(stop / base) - packet.pts)
        return [packet]

    def finish(self) -> list[AnyPacket]:
        """See `Stage`."""
        return []


class DisplayOrder:
    """Gives packets their display times where the file has none, as .avi: by the order in which they come decoded.

    The frames are shown at the times at which a file without reordering would have them decoded.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._context = stream.codec_context
        self._context.copy_opaque = True
        self._waiting: deque[AnyPacket] = deque()
        self._slots: list[int] = []  # decoding times that no frame has taken yet
        self._shown: dict[int, int] = {}  # display time of a packet, by its number
        self._keys: dict[int, int] = {}  # decoding time of a key frame, by its number
        self._pushed = 0
        self._given = 0

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """See `Stage`."""
        if packet.dts is None:
            return [packet]
        self._waiting.append(packet)
        insort(self._slots, packet.dts)
        packet.opaque = self._pushed
        if packet.is_keyframe:
            self._keys[self._pushed] = packet.dts
        self._pushed += 1
        self._decode(packet)
        return self._ready(_REORDERED)

    def finish(self) -> list[AnyPacket]:
        """See `Stage`."""
        self._decode(None)
        return self._ready(0)

    def _decode(self, packet: AnyPacket | None) -> None:
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            return
        for frame in frames:
            number = frame.opaque
            if not isinstance(number, int) or number < self._given or number in self._shown or not self._slots:
                continue
            least = self._keys.pop(number, self._slots[0])
            while len(self._slots) > 1 and self._slots[0] < least:  # of frames that did not decode
                self._slots.pop(0)
            self._shown[number] = self._slots.pop(0)

    def _ready(self, held: int) -> list[AnyPacket]:
        """The packets whose time is known, in their order; those of which no frame comes do not hold up others."""
        ready = []
        while self._waiting and (self._given in self._shown or len(self._waiting) > held):
            packet = self._waiting.popleft()
            packet.pts = self._shown.pop(self._given, None)
            if packet.pts is None:
                packet.pts = packet.dts
            self._given += 1
            ready.append(packet)
        return ready


class Trim:
    """Keeps what is shown from `start` to `end`, and what a decoder needs for it.

    Frames before the start are kept from the last key frame on; those after the end as far as others before it need
    them. Where the container cannot hide them, they stand at the start or the end itself, where they take no time.
    """

    def __init__(self, start: Fraction, end: Fraction | None, *, hides: bool) -> None:
        self._start = start
        self._end = end
        self._hides = hides
        self._begun = False
        self._first: int | None = None  # display time of the first packet kept
        self._leading: list[AnyPacket] = []
        self._trailing: list[AnyPacket] = []
        self._over = False
        self.hidden = 0  # frames that stand at the start or the end itself

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """See `Stage`."""
        if self._over or packet.pts is None:
            return []
        kept = self._keep_start(packet)
        return [placed for one in kept for placed in self._keep_end(one)]

    def finish(self) -> list[AnyPacket]:
        """See `Stage`."""
        kept, self._leading = self._leading, []
        self._begun = True
        return [placed for one in kept for placed in self._keep_end(one)]

    @property
    def over(self) -> bool:
        """Whether nothing that follows is kept."""
        return self._over

    def _keep_start(self, packet: AnyPacket) -> list[AnyPacket]:
        time = packet.pts * packet.time_base
        if self._begun:
            # Frames shown before the first key frame cannot be decoded without what is before it.
            return [packet] if packet.pts >= (self._first or 0) or self._first is None else []
        if packet.is_keyframe and time <= self._start:
            self._leading = []
        if not self._leading and not packet.is_keyframe:
            return []
        if not self._leading:
            self._first = packet.pts
        if packet.pts >= (self._first or 0):
            self._leading.append(packet)
        if time <= self._start:
            return []
        self._begun = True
        kept, self._leading = self._leading, []
        return kept

    def _keep_end(self, packet: AnyPacket) -> list[AnyPacket]:
        if self._end is not None and packet.pts * packet.time_base >= self._end:
            self._trailing.append(packet)
            self._over = len(self._trailing) > _REORDERED
            return []
        kept, self._trailing = [*self._trailing, packet], []
        return [self._placed(one) for one in kept]

    def _placed(self, packet: AnyPacket) -> AnyPacket:
        if self._hides:
            return packet
        start, end = self._start / packet.time_base, None if self._end is None else self._end / packet.time_base
        shown = packet.pts + max(packet.duration or 0, 1)
        if shown <= start:
            packet.pts, packet.duration = -(-start.numerator // start.denominator), 0
            self.hidden += 1
        elif end is not None and packet.pts >= end:
            packet.pts, packet.duration = end.numerator // end.denominator, 0
            self.hidden += 1
        elif packet.pts < start:
            packet.pts = -(-start.numerator // start.denominator)
        if packet.dts is not None:
            packet.dts = min(packet.dts, packet.pts)
        return packet


class DecodingTimes:
    """Gives packets decoding times that rise and are not after their display times, where the file's do not.

    They come from the display times in order, as many places later as frames are out of order.
    """

    def __init__(self, *, strict: bool, window: int = _REORDERED) -> None:
        """`strict` where the container has no two packets at one time; `window` packets are looked at ahead."""
        self._ahead = window
        self._least = 1 if strict else 0
        self._window: list[AnyPacket] | None = []
        self._delay: int | None = None  # places; None while the file's own times are right
        self._times: list[int] = []  # display times, smallest first, that no packet is decoded at yet
        self._start: deque[int] = deque()
        self._last: int | None = None

    def push(self, packet: AnyPacket) -> list[AnyPacket]:
        """See `Stage`."""
        if self._window is None:
            return [self._timed(packet)]
        self._window.append(packet)
        return self._begin() if len(self._window) == self._ahead else []

    def finish(self) -> list[AnyPacket]:
        """See `Stage`."""
        return [] if self._window is None else self._begin()

    def _begin(self) -> list[AnyPacket]:
        packets, self._window = self._window or [], None
        if not self._right(packets) and all(packet.pts is not None for packet in packets):
            times = [packet.pts for packet in packets]
            self._delay = max(sum(earlier > time for earlier in times[:k]) for k, time in enumerate(times))
            ordered = sorted(times)
            step = max(1, (ordered[-1] - ordered[0]) // max(1, len(times) - 1))
            self._start = deque(ordered[0] - step * k for k in range(self._delay, 0, -1))
        return [self._timed(packet) for packet in packets]

    def _right(self, packets: list[AnyPacket]) -> bool:
        last: int | None = None
        for packet in packets:
            if packet.dts is None or packet.pts is None or packet.dts > packet.pts:
                return False
            if last is not None and packet.dts < last + self._least:
                return False
            last = packet.dts
        return True

    def _timed(self, packet: AnyPacket) -> AnyPacket:
        if self._delay is not None and packet.pts is not None:
            heapq.heappush(self._times, packet.pts)
            packet.dts = self._start.popleft() if self._start else heapq.heappop(self._times)
        if packet.dts is None:
            packet.dts = (
                (packet.pts or 0) if self._last is None else self._last + max(self._least, packet.duration or 0)
            )
        if self._last is not None:
            packet.dts = max(packet.dts, self._last + self._least)
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        self._last = packet.dts
        return packet
