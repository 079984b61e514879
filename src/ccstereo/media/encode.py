"""Samples, of two ears or ambisonics, as packets of a sound track, each at its true time."""

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet, PacketSideData, packet_sidedata_type_from_literal
from numpy.typing import NDArray

# Names and sample formats of FFmpeg's encoders. The lossless ones get 24 bits: as 32-bit samples, low byte 0.
_ENCODERS = {
    "aac": ("aac", "fltp"),
    "opus": ("libopus", "flt"),
    "flac": ("flac", "s32"),
    "alac": ("alac", "s32p"),
    "pcm": ("pcm_s24le", "s32"),
}
# Opus alone has a layout for ambisonics. The others take any of four channels; this one's order is kept by all.
_AMBISONIC = {"opus": "ambisonic 1"}
_FOUR = "4.0"
_AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_OPUS_RATE = 48_000  # what every Opus decoder gives, whatever went in
_MILLISECOND = Fraction(1, 1000)


def encoder_rate(codec: str, sample_rate: int) -> int:
    """Sample rate at which a codec keeps sound of `sample_rate`: the same where it can.

    >>> encoder_rate("aac", 44_100), encoder_rate("aac", 50_000), encoder_rate("opus", 44_100), encoder_rate("flac", 7)
    (44100, 48000, 48000, 7)
    """
    if codec == "opus":
        return _OPUS_RATE
    if codec == "aac":
        return min(_AAC_RATES, key=lambda rate: (abs(rate - sample_rate), -rate))
    return sample_rate


class SoundEncoder:
    """Adds a sound track of two ears or of first-order ambisonics to an output and encodes for it.

    Attributes:
        stream: the track.
        ambisonic: whether it has the four channels of ambisonics, W, Y, Z, X.
        rate: Hz of the track.
        priming: samples that the encoder puts before the first true one, known from the first packet on.
    """

    def __init__(
        self,
        output: OutputContainer,
        codec: str,
        *,
        sample_rate: int,
        start: Fraction,
        bitrate: int | None,
        ambisonic: bool = False,
    ) -> None:
        """Add the track.

        Args:
            output: container, not yet started.
            codec: "aac", "opus", "flac", "alac" or "pcm".
            sample_rate: Hz of the sound to come.
            start: time in seconds of its first sample.
            bitrate: bits a second, for AAC and Opus; None for a transparent one.
            ambisonic: four channels instead of two.
        """
        name, self._format = _ENCODERS[codec]
        self._codec = codec
        self._rate_in = sample_rate
        self.rate = encoder_rate(codec, sample_rate)
        self._start = round(start * self.rate)
        self._done = 0  # samples encoded
        self._given = 0  # samples written to us, at their own rate
        self.ambisonic = ambisonic
        self._channels = 4 if ambisonic else 2
        self._layout = _AMBISONIC.get(codec, _FOUR) if ambisonic else "stereo"
        self._held = np.zeros((self._channels, 0), np.float32)
        self._resampler = (
            None if self.rate == sample_rate else av.AudioResampler(format="fltp", layout=self._layout, rate=self.rate)
        )
        self._matroska = output.format.name in ("matroska", "webm")
        self.priming: int | None = None
        ambisonics = {"mapping_family": "2"} if ambisonic and codec == "opus" else {}
        stream = output.add_stream(name, rate=self.rate, options=ambisonics)
        assert isinstance(stream, AudioStream)
        self.stream = stream
        context = stream.codec_context
        context.layout = self._layout
        context.format = self._format
        context.time_base = Fraction(1, self.rate)
        if codec in ("aac", "opus"):
            # 96 kbit/s a channel at 48 kHz, in proportion below; an AAC frame has a largest size.
            context.bit_rate = bitrate or min(192_000, 4 * self.rate) * self._channels // 2

    @property
    def start(self) -> Fraction:
        """Time in seconds of the first true sample, to a sample."""
        return Fraction(self._start, self.rate)

    @property
    def length(self) -> Fraction:
        """Seconds encoded."""
        return Fraction(self._done, self.rate)

    def encode(self, samples: NDArray[np.float32]) -> list["Packet[AudioStream]"]:
        """Encode the next samples (C, T); returns the packets that are ready."""
        self._given += samples.shape[1]
        return self._encode(self._resample(samples), last=False)

    def finish(self) -> list["Packet[AudioStream]"]:
        """Encode what is held back; returns the last packets."""
        rest = self._resample(None)
        due = round(Fraction(self._given * self.rate, self._rate_in)) - self._done - self._held.shape[1]
        rest = np.pad(rest, ((0, 0), (0, max(0, due - rest.shape[1]))))[:, : max(0, due)]
        packets = self._encode(rest, last=True)
        return packets + [self._timed(packet) for packet in self.stream.encode(None)]

    def _resample(self, samples: NDArray[np.float32] | None) -> NDArray[np.float32]:
        if self._resampler is None:
            return np.zeros((self._channels, 0), np.float32) if samples is None else samples
        frame = None
        if samples is not None:
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
            frame.sample_rate = self._rate_in
        pieces = [piece.to_ndarray() for piece in self._resampler.resample(frame)]
        return np.concatenate([np.zeros((self._channels, 0), np.float32), *pieces], axis=1, dtype=np.float32)

    def _encode(self, samples: NDArray[np.float32], *, last: bool) -> list["Packet[AudioStream]"]:
        held = np.concatenate([self._held, samples], axis=1)
        size = self.stream.codec_context.frame_size or held.shape[1]
        packets: list[Packet[AudioStream]] = []
        while held.shape[1] >= size > 0 or (last and held.shape[1]):
            frame = self._frame(held[:, :size])
            held = held[:, size:]
            packets += [self._timed(packet) for packet in self.stream.encode(frame)]
        self._held = held
        return packets

    def _frame(self, samples: NDArray[np.float32]) -> AudioFrame:
        data: NDArray[Any] = samples
        if self._format.startswith("s32"):
            data = np.clip(np.rint(samples.astype(np.float64) * 2**23), -(2**23), 2**23 - 1).astype(np.int32) * 256
        packed = data if self._format.endswith("p") else data.T.reshape(1, -1)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(packed), format=self._format, layout=self._layout)
        frame.sample_rate = self.rate
        frame.time_base = Fraction(1, self.rate)
        frame.pts = self._start + self._done
        self._done += samples.shape[1]
        return frame

    def _timed(self, packet: "Packet[AudioStream]") -> "Packet[AudioStream]":
        """Make Matroska's millisecond clock give the time of the first true sample, and the end to the sample."""
        if self.priming is None:
            self.priming = self._start - (packet.pts or 0)
        if packet.pts is None:
            return packet
        if not self._matroska:
            return packet
        if self._codec == "aac" and packet.duration and packet.duration < self.stream.codec_context.frame_size:
            _discard_end(packet, self.stream.codec_context.frame_size - packet.duration)
        # The writer adds the priming, and a reader takes it away, each rounded to a millisecond: rounding the sum
        # first keeps the two from adding up to a whole one.
        played = _milliseconds(Fraction(packet.pts + self.priming, self.rate))
        packet.pts = packet.dts = played - _milliseconds(Fraction(self.priming, self.rate))
        packet.duration = _milliseconds(Fraction(packet.duration or 0, self.rate))
        packet.time_base = _MILLISECOND
        return packet


def _milliseconds(time: Fraction) -> int:
    """Rounded as FFmpeg rounds: halves away from zero."""
    return int(abs(time) / _MILLISECOND + Fraction(1, 2)) * (-1 if time < 0 else 1)


def _discard_end(packet: "Packet[AudioStream]", samples: int) -> None:
    """Mark samples at the end of a packet as padding; Matroska keeps that as DiscardPadding."""
    side_data = PacketSideData(packet_sidedata_type_from_literal("skip_samples"), 10)  # type: ignore[call-arg]
    # AV_PKT_DATA_SKIP_SAMPLES: samples to skip at the start and at the end, and the reasons for each.
    side_data.update((0).to_bytes(4, "little") + samples.to_bytes(4, "little") + bytes(2))
    packet.set_sidedata(side_data)
