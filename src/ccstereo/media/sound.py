"""One sound track of a file as one unbroken signal, in blocks."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Literal, TypeAlias

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.media.damage import Damage, clock
from ccstereo.media.demuxing import packets
from ccstereo.media.drift import DriftCorrector
from ccstereo.media.mpegaudio import mpeg_rate
from ccstereo.media.probe import decodes, default_audio, default_video, no_sound, only, open_input, seconds
from ccstereo.media.remix import Remix
from ccstereo.media.seeking import seek
from ccstereo.media.source import as_source

# Timestamps in milliseconds, as Matroska keeps them, wander by 1 ms around the truth, those of telephones by several. A
# lost packet is 20 ms or more in nearly all recordings. A jump between the two from one frame to the next becomes a gap
# or an overlap; less is rounding, or drift. So is a jump that is undone within two seconds: some telephones' timestamps
# wander by 20 ms and back, and what is lost does not come back. From then on jumps of its size mean nothing. Where the
# format changes, another recording was joined on: there any jump is one, and so it is where the frames before it and
# behind it agree with one another: nothing wanders there.
_TOLERANCE = Fraction(15, 1000)
_WANDERS = Fraction(1, 10)  # the largest jump that may be undone
_UNDONE = 2  # seconds of sound within which it is
_AT_A_JOIN = Fraction(1, 1000)
_AGREE = Fraction(1, 10_000)  # seconds, or a tick of the clock, by which deviations of frames that agree may differ
_AROUND = 4  # frames on either side that must agree, as far as there are so many; a last frame alone says nothing
_BLOCK = Fraction(1, 10)  # seconds a block holds at least, but the last
_LOOSE_END = 60  # seconds past the declared end at which a timestamp is taken for nonsense
_FORWARDS = (
    1800  # seconds of silence in a track beyond which its clock is taken for broken: a whole day may be declared
)
_BACKWARDS = 1  # seconds that a timestamp may lie in the past: more is another recording that begins, not an overlap

_Decoded: TypeAlias = tuple[AudioFrame, NDArray[np.float32], bool]  # a frame, its samples, whether the format changed


class SoundTrack:
    """Decodes a sound track at its own sample rate, downmixed to mono or stereo, or with its channels.

    FFmpeg's decoders cut the priming that the container declares; gaps in the timestamps come out as silence and
    overlaps are cut, so that sample n is played at `start` + n / `sample_rate`. Where the sound's clock runs slower or
    faster than the timestamps, it is stretched as little, see `DriftCorrector`.

    Attributes:
        sample_rate: Hz, of the first decoded frame (an HE-AAC header gives half of it), or the one asked for.
        start: presentation time in seconds of the first sample, on the file's own clock.
        index: of the track in the file.
        notes: what was damaged and has been replaced by silence.
    """

    def __init__(
        self,
        path: Path | str,
        channels: int | Literal["played"] | None = None,
        *,
        index: int | None = None,
        sample_rate: int | None = None,
        begin: Fraction | None = None,
        end: Fraction | None = None,
        allow_truncated: bool = False,
    ) -> None:
        """Open a video or sound file and decode up to its first sound.

        Args:
            path: of the file.
            channels: that the sound must have throughout, to be given as they are; None downmixes to mono, "played" to
                stereo as `stereo_weights` has it.
            index: of the track in the file; None takes the default one.
            sample_rate: Hz to convert to; None keeps the track's own.
            begin: time in seconds on the file's own clock of the first sample that is wanted, None from the start.
            end: the same of the end.
            allow_truncated: take a file that is cut off for what is there.

        Raises:
            MediaError: the file cannot be read or has no sound that decodes.
        """
        self._path = path
        self._container = open_input(path, allow_truncated=allow_truncated)
        try:
            self._stream = self._find(index)
            self.index = self._stream.index
            self._format = self._container.format.name
            self._declared = _declared(self._container)
            self._damage = Damage(path, "sound", allow_truncated=allow_truncated)
            self._remix = Remix(path, channels)
            self._latest = Fraction(0)  # end of the last packet of any track
            self._any = False
            if begin is not None:
                seek(self._container, self._stream, begin)
            self._frames = self._decode()
            first = next(self._frames, None)
            if first is None:
                raise MediaError(f"{path}: {self._nothing()}")
            self._first = first
            self._origin = seconds(first.pts, first.time_base)  # the time at which decoding began
            self.sample_rate: int = sample_rate or first.sample_rate
            self.start: Fraction = self._origin if begin is None else max(begin, self._origin)
            self._end_wanted = end
        except BaseException:
            self._container.close()
            raise

    def _find(self, index: int | None) -> AudioStream:
        stream = default_audio(self._container) if index is None else self._container.streams[index]
        if not isinstance(stream, AudioStream) or not decodes(stream):
            raise no_sound(self._path, self._container)
        return stream

    def _nothing(self) -> str:
        codec = self._stream.codec_context.name
        if not self._any:
            return f"its {codec} sound track is empty: it holds no packets; get the file again"
        return f"no sound decodes from its {codec} track; get it again"

    @property
    def notes(self) -> list[str]:
        """What has been replaced by silence, and what is missing."""
        return self._damage.notes + self._remix.notes

    def close(self) -> None:
        """Release the file."""
        self._frames.close()
        self._container.close()

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the signal as blocks (T, ...) of a tenth of a second or more; may be called once.

        Raises:
            MediaError: the file breaks off before its declared end, or too much of it is damaged.
        """
        least = int(_BLOCK * self.sample_rate)
        pending: list[NDArray[np.float32]] = []
        held = 0
        for piece in self._pieces():
            pending.append(piece)
            held += len(piece)
            if held >= least:
                yield np.concatenate(pending)
                pending, held = [], 0
        if held:
            yield np.concatenate(pending)

    def _pieces(self) -> Iterator[NDArray[np.float32]]:
        """What is wanted of the signal, in pieces of a frame."""
        skip = round((self.start - self._origin) * self.sample_rate)
        left = None
        if self._end_wanted is not None:
            left = max(0, round((self._end_wanted - self.start) * self.sample_rate))
        for piece in self._in_time():
            wanted = piece[skip:] if left is None else piece[skip : skip + left]
            skip = max(0, skip - len(piece))
            if len(wanted):
                yield wanted
            if left is not None:
                left -= len(wanted)
                if left == 0:
                    return

    def _in_time(self) -> Iterator[NDArray[np.float32]]:
        """The signal in pieces of a frame, each at its time, the last one cut where the container says it ends."""
        given = 0  # samples before `last`, which is held back
        last: NDArray[np.float32] | None = None
        for piece in self._aligned():
            if last is not None:
                yield last
                given += len(last)
            last = piece
        if last is None:
            return
        end = self._end(self._last_frame)
        if end is not None and 0 < given + len(last) - end < len(last):
            last = last[: end - given]
        yield last
        self._check_end(given + len(last))

    def _aligned(self) -> Iterator[NDArray[np.float32]]:
        done = 0  # samples that came, gaps and overlaps counted, but nothing stretched
        drift = DriftCorrector(self.sample_rate)
        corrected = 0  # by earlier correctors
        before: deque[int] = deque([0], _AROUND)  # deviations of the last frames' timestamps from their places
        self._last_frame: AudioFrame | None = None
        self._wander = 0  # samples by which timestamps are known to jump and come back
        for (frame, samples, joined), behind in _with_following(self._at_rate(), _UNDONE * self.sample_rate):
            due = self._due(frame)
            if due is not None:
                now = due - done - corrected
                jump = Fraction(abs(now - before[-1]), self.sample_rate)
                if jump > _AT_A_JOIN and (
                    joined or self._is_gap(frame, before, now, self._deviations(due - now + len(samples), behind))
                ):
                    yield from drift.finish()
                    corrected += drift.corrected
                    drift = DriftCorrector(self.sample_rate)
                    gap = due - done - corrected
                    self._check_time(due, gap)
                    samples = samples[max(0, -gap) :]
                    if len(samples) == 0:
                        continue
                    yield from self._silence(gap, samples)
                    done += max(0, gap)
                    now = 0
                    before.clear()
                before.append(now)
            yield from drift.push(before[-1], samples)
            done += len(samples)
            self._last_frame = frame
        yield from drift.finish()

    def _due(self, frame: AudioFrame) -> int | None:
        """Sample at which a frame begins by its timestamp."""
        if frame.pts is None:
            return None
        return round((seconds(frame.pts, frame.time_base) - self._origin) * self.sample_rate)

    def _deviations(self, place: int, frames: "Iterable[_Decoded]") -> Iterator[int]:
        """Of timestamps from the places of frames, the first of which follows at sample `place`."""
        for frame, samples, _ in frames:
            due = self._due(frame)
            if due is not None:
                yield due - place
            place += len(samples)

    def _is_gap(self, frame: AudioFrame, before: Sequence[int], now: int, later: Iterator[int]) -> bool:
        """Whether a jump from the last of the deviations before is more than timestamps that wander."""
        jump = abs(now - before[-1])
        if jump <= self._wander:
            return False
        soon = list(islice(later, _AROUND))
        if jump <= _TOLERANCE * self.sample_rate:
            return self._is_step(frame, before, [now, *soon])
        undone = (abs(value - before[-1]) < abs(value - now) for value in chain(soon, later))
        if jump > _WANDERS * self.sample_rate or not any(undone):
            return True
        self._wander = jump + jump // 4
        return False

    def _is_step(self, frame: AudioFrame, before: Sequence[int], since: Sequence[int]) -> bool:
        """Whether deviations of the frames before a jump agree, and so do those since, its own and a few behind it."""
        near = max(_AGREE, frame.time_base or Fraction(0)) * self.sample_rate
        apart = abs(since[0] - before[-1]) > _AT_A_JOIN * self.sample_rate + 2 * near
        return apart and len(since) > 1 and max(before) - min(before) <= near and max(since) - min(since) <= near

    def _silence(self, length: int, like: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        while length > 0:  # a second at a time: a gap may be long
            yield np.zeros((min(length, self.sample_rate), *like.shape[1:]), np.float32)
            length -= self.sample_rate

    def _at_rate(self) -> "Iterator[_Decoded]":
        """Frames with their samples at the track's rate, and whether the format has changed before them."""
        resampler: av.AudioResampler | None = None
        source: tuple[int, str, str] | None = None
        joined = False
        for frame in chain([self._first], self._frames):
            kind = (frame.sample_rate, frame.layout.name, frame.format.name)
            joined = source is not None and kind != source
            if joined and resampler is not None:
                for rest in resampler.resample(None):
                    yield rest, self._remix(rest), False
                resampler = None
            if frame.sample_rate == self.sample_rate:
                yield frame, self._remix(frame), joined
            else:
                if resampler is None:
                    resampler = av.AudioResampler(format="flt", rate=self.sample_rate)
                for converted in resampler.resample(frame):
                    yield converted, self._remix(converted), joined
                    joined = False
            source = kind
        if resampler is not None:
            for rest in resampler.resample(None):
                yield rest, self._remix(rest), False

    def _decode(self) -> Generator[AudioFrame, None, None]:
        mpeg = self._stream.codec_context.name.startswith(("mp1", "mp2", "mp3"))
        for packet in self._packets():
            # FFmpeg's decoders of MPEG audio give a frame the rate of the one before.
            rate = mpeg_rate(bytes(packet)[:4]) if mpeg and packet.size else None
            for frame in self._damage.decode(packet):
                if frame.samples:
                    frame.sample_rate = rate or frame.sample_rate
                    yield frame

    def _packets(self) -> Iterator["Packet[Stream]"]:
        # The ends of all tracks show whether a Matroska file is whole; in MP4 each track declares its own.
        if self._format.startswith("mov"):
            only(self._container, self._stream)
        try:
            for packet in packets(self._container):
                if packet.pts is not None and packet.time_base is not None:
                    end = seconds(packet.pts + (packet.duration or 0), packet.time_base)
                    self._latest = max(self._latest, end)
                if packet.stream.index == self._stream.index:  # PyAV leaves stream_index 0 in its mark of the end
                    self._any = self._any or packet.size > 0
                    yield packet
        except av.FFmpegError as error:
            self._damage.break_off(self._latest, error)

    def _end(self, last: AudioFrame | None) -> int | None:
        """Samples the container declares, where it does so to the sample."""
        if not self._format.startswith("mov") or last is None or last.pts is None or last.time_base is None:
            return None
        ends = []
        if last.duration > 0:  # the last sample's duration in stts is short where FFmpeg has padded the last frame
            ends.append(seconds(last.pts + last.duration, last.time_base))
        if self._stream.duration:  # less than the sum of stts where an edit list cuts the end, as Apple's encoders do
            ends.append(seconds((self._stream.start_time or 0) + self._stream.duration, self._stream.time_base))
        return min((round((end - self._origin) * self.sample_rate) for end in ends), default=None)

    def _check_time(self, due: int, gap: int) -> None:
        time = Fraction(due, self.sample_rate)
        beyond = self._declared and time > self._declared + _LOOSE_END
        if beyond or not -_BACKWARDS <= Fraction(gap, self.sample_rate) <= _FORWARDS:
            jump = f"from {clock(time - Fraction(gap, self.sample_rate))} to {clock(time)}"
            raise MediaError(f"{self._path}: its timestamps are broken: the sound jumps {jump}; remux the file first")

    def _check_end(self, samples: int) -> None:
        if self._format.startswith("mov"):
            declared = seconds(self._stream.duration, self._stream.time_base)
            before = self._origin - seconds(self._stream.start_time, self._stream.time_base)  # that was not read
            reached = max(Fraction(0), before) + Fraction(samples, self.sample_rate)
            self._damage.check_end(reached, declared)
        elif self._format.startswith(("matroska", "avi", "flv", "asf")):
            self._damage.check_end(self._latest, self._declared)
        self._damage.check_whole()


def _declared(container: InputContainer) -> Fraction:
    """Where a file says it ends, in seconds; 0 where it does not."""
    video = default_video(container)
    if container.format.name == "avi" and video is not None and video.average_rate:
        return video.frames / video.average_rate  # FFmpeg shortens the duration to what is there
    return Fraction(container.duration or 0, av.time_base)


def read_channels(path: str | Path, channels: int) -> tuple[NDArray[np.float32], int]:
    """Read the whole default sound track of a file that has so many channels.

    Returns:
        (T, channels) samples in the file's own order, full scale +-1, and the sample rate in Hz.

    Raises:
        MediaError: the file cannot be read, has no sound, another number of channels, or breaks off.
    """
    return _read_all(SoundTrack(as_source(path), channels))


def read_mono(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """Read the whole default sound track of any file as `read_channels` does, but (T,), mixed to mono."""
    return _read_all(SoundTrack(as_source(path)))


def _read_all(track: SoundTrack) -> tuple[NDArray[np.float32], int]:
    with closing(track):
        return np.concatenate(list(track.blocks())), track.sample_rate


def _with_following(frames: "Iterable[_Decoded]", samples: int) -> "Iterator[tuple[_Decoded, Sequence[_Decoded]]]":
    """Yield each with those that follow, so many samples or more, and `_AROUND` frames at least; fewer at the end."""
    held: deque[_Decoded] = deque()
    length = 0
    for item in frames:
        held.append(item)
        length += len(item[1])
        while len(held) > _AROUND and length - len(held[0][1]) >= samples:
            length -= len(held[0][1])
            yield held.popleft(), held
    while held:
        yield held.popleft(), held
