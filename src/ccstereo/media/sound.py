"""The default sound track of a file as one unbroken mono signal, in blocks."""

from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.media.damage import Damage, broken_off, clock
from ccstereo.media.probe import default_audio, default_video, only, open_input, seconds
from ccstereo.media.remix import Remix

# Timestamps in milliseconds, as Matroska keeps them, wander by 1 ms around the truth, those of telephones by several. A
# lost packet is 20 ms or more in nearly all recordings. Between the two a jump becomes a gap or an overlap.
_TOLERANCE = Fraction(15, 1000)
_BLOCK = Fraction(1, 10)  # seconds a block holds at least, but the last
_LOOSE_END = 60  # seconds past the declared end at which a timestamp is taken for nonsense
_BACKWARDS = 1  # seconds that a timestamp may lie in the past: more is another recording that begins, not an overlap


class SoundTrack:
    """Decodes the default sound track at its own sample rate, downmixed to mono or with its channels.

    FFmpeg's decoders cut the priming that the container declares; gaps in the timestamps come out as silence and
    overlaps are cut, so that sample n is played at `start` + n / `sample_rate`.

    Attributes:
        sample_rate: Hz, of the first decoded frame (an HE-AAC header gives half of it).
        start: presentation time in seconds of the first sample, on the file's own clock.
        notes: what was damaged and has been replaced by silence.
    """

    def __init__(self, path: Path, channels: int | None = None) -> None:
        """Open a video or sound file and decode up to its first sound.

        Args:
            path: of the file.
            channels: that the sound must have throughout, to be given as they are; None downmixes to mono.

        Raises:
            MediaError: the file cannot be read or has no sound that decodes.
        """
        self._path = path
        self._container = open_input(path)
        try:
            stream = default_audio(self._container)
            if stream is None:
                raise MediaError(f"{path}: has no audio track; give a video with sound")
            self._stream = stream
            self._format = self._container.format.name
            self._declared = _declared(self._container)
            self._damage = Damage(path, "sound")
            self._remix = Remix(path, channels)
            self._latest = Fraction(0)  # end of the last packet of any track
            self._frames = self._decode()
            first = next(self._frames, None)
            if first is None:
                raise MediaError(f"{path}: no sound decodes from its {stream.codec_context.name} track; get it again")
            self._first = first
            self.sample_rate: int = first.sample_rate
            self.start: Fraction = seconds(first.pts, first.time_base)
        except BaseException:
            self._container.close()
            raise

    @property
    def notes(self) -> list[str]:
        """See `Damage`: what has been replaced by silence."""
        return self._damage.notes

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
        """The signal in pieces of a frame, the last one cut where the container says it ends."""
        done = 0  # samples before `last`
        last = np.zeros(0, np.float32)
        last_frame: AudioFrame | None = None
        for frame, samples in self._at_rate():
            due = round((seconds(frame.pts, frame.time_base) - self.start) * self.sample_rate)
            gap = 0 if frame.pts is None else due - done - len(last)
            if abs(gap) <= _TOLERANCE * self.sample_rate:
                gap = 0
            self._check_time(due, gap)
            samples = samples[max(0, -gap) :]
            if len(samples) == 0:
                continue
            if len(last):
                yield last
            yield from self._silence(gap, samples)
            done += len(last) + max(0, gap)
            last, last_frame = samples, frame
        end = self._end(last_frame)
        if end is not None and 0 < done + len(last) - end < len(last):
            last = last[: end - done]
        yield last
        self._check_end(done + len(last))

    def _silence(self, length: int, like: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        while length > 0:  # a second at a time: a gap may be long
            yield np.zeros((min(length, self.sample_rate), *like.shape[1:]), np.float32)
            length -= self.sample_rate

    def _at_rate(self) -> Iterator[tuple[AudioFrame, NDArray[np.float32]]]:
        """Frames with their mono samples at the track's rate, whatever rate they have themselves."""
        resampler: av.AudioResampler | None = None
        source: tuple[int, str, str] | None = None
        for frame in chain([self._first], self._frames):
            kind = (frame.sample_rate, frame.layout.name, frame.format.name)
            if kind != source and resampler is not None:
                for rest in resampler.resample(None):
                    yield rest, self._remix(rest)
                resampler = None
            if frame.sample_rate == self.sample_rate:
                yield frame, self._remix(frame)
            else:
                if resampler is None:
                    resampler = av.AudioResampler(format="flt", rate=self.sample_rate)
                for converted in resampler.resample(frame):
                    yield converted, self._remix(converted)
            source = kind
        if resampler is not None:
            for rest in resampler.resample(None):
                yield rest, self._remix(rest)

    def _decode(self) -> Generator[AudioFrame, None, None]:
        for packet in self._packets():
            yield from (frame for frame in self._damage.decode(packet) if frame.samples)

    def _packets(self) -> Iterator["Packet[Stream]"]:
        # The ends of all tracks show whether a Matroska file is whole; in MP4 each track declares its own.
        if self._format.startswith("mov"):
            only(self._container, self._stream)
        try:
            for packet in self._container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    end = seconds(packet.pts + (packet.duration or 0), packet.time_base)
                    self._latest = max(self._latest, end)
                if packet.stream.index == self._stream.index:  # PyAV leaves stream_index 0 in its mark of the end
                    yield packet
        except av.FFmpegError as error:
            raise broken_off(self._path, self._latest, error) from error

    def _end(self, last: AudioFrame | None) -> int | None:
        """Samples the container declares, where it does so to the sample."""
        if not self._format.startswith("mov") or last is None or last.pts is None or last.time_base is None:
            return None
        ends = []
        if last.duration > 0:  # the last sample's duration in stts is short where FFmpeg has padded the last frame
            ends.append(seconds(last.pts + last.duration, last.time_base))
        if self._stream.duration:  # less than the sum of stts where an edit list cuts the end, as Apple's encoders do
            ends.append(seconds((self._stream.start_time or 0) + self._stream.duration, self._stream.time_base))
        return min((round((end - self.start) * self.sample_rate) for end in ends), default=None)

    def _check_time(self, due: int, gap: int) -> None:
        time = Fraction(due, self.sample_rate)
        beyond = self._declared and time > self._declared + _LOOSE_END
        if beyond or gap < -_BACKWARDS * self.sample_rate:
            jump = f"from {clock(time - Fraction(gap, self.sample_rate))} to {clock(time)}"
            raise MediaError(f"{self._path}: its timestamps are broken: the sound jumps {jump}; remux the file first")

    def _check_end(self, samples: int) -> None:
        reached = Fraction(samples, self.sample_rate)
        if self._format.startswith("mov"):
            declared = seconds(self._stream.duration, self._stream.time_base)
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
    return _read_all(SoundTrack(Path(path), channels))


def read_mono(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """Read the whole default sound track of any file as `read_channels` does, but (T,), mixed to mono."""
    return _read_all(SoundTrack(Path(path)))


def _read_all(track: SoundTrack) -> tuple[NDArray[np.float32], int]:
    with closing(track):
        return np.concatenate(list(track.blocks())), track.sample_rate
