"""How a recording is played: from a loud moment on, over and over, at another speed, with another tone, less clean."""

from dataclasses import dataclass

import numpy as np

from ccstereo.errors import DatasetError

TONE_KNOTS = np.array([100.0, 300.0, 900.0, 2700.0, 8000.0])  # Hz between which a filter bends
HISS_LEVELS = (-40.0, -10.0)  # dB of noise, over the recording's own
ECHO_SECONDS = (0.05, 0.5)  # in which an echo falls by 60 dB
ECHO_LEVELS = (-12.0, 3.0)  # dB of an echo, over what it is of


@dataclass(frozen=True)
class AudioAugmentation:
    """How differently recordings are played, so that few of them teach what their class sounds like.

    Attributes:
        speeds: least and greatest factor on the speed.
        tone: dB by which a filter raises or lowers parts of the spectrum at most.
        hiss: share of the recordings that noise is added to.
        echo: share of the recordings that are heard as in another room, by one microphone.

    Raises:
        DatasetError: a speed or the tone is out of range, or a share is none.
    """

    speeds: tuple[float, float] = (0.88, 1.14)
    tone: float = 6.0
    hiss: float = 0.0
    echo: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.speeds[0] <= self.speeds[1]:
            raise DatasetError(f"speeds go from a least to a greatest factor above 0, not {list(self.speeds)}")
        if self.tone < 0:
            raise DatasetError(f"tone is a range in dB, at least 0, not {self.tone:g}")



@dataclass(frozen=True)
class AudioEffect:
    """How one recording is played; by default as it is.

    Attributes:
        speed: factor, which changes the pitch with the tempo.
        tone: dB at each of `TONE_KNOTS`; empty is no filter.
        hiss: RMS of white noise over the recording's; the filter colours it, too.
        echo: RMS of an echo over that of what it is of.
        echo_seconds: in which it falls by 60 dB.
        seed: of the noise that both are made of.
    """

    speed: float = 1.0
    tone: tuple[float, ...] = ()
    hiss: float = 0.0
    echo: float = 0.0
    echo_seconds: float = 0.0
    seed: int = 0


NO_EFFECT = AudioEffect()


def sample_audio_effect(variety: AudioAugmentation, rng: np.random.Generator) -> AudioEffect:
    """Draw how a recording is played."""
    speed = float(rng.uniform(*variety.speeds))
    tone = tuple(map(float, rng.uniform(-variety.tone, variety.tone, len(TONE_KNOTS))))
    if not variety.hiss and not variety.echo:
        return AudioEffect(speed, tone)
    hiss, echo = (
        float(10 ** (rng.uniform(*levels) / 20)) if rng.random() < share else 0.0
        for share, levels in ((variety.hiss, HISS_LEVELS), (variety.echo, ECHO_LEVELS))
    )
    return AudioEffect(speed, tone, hiss, echo, float(rng.uniform(*ECHO_SECONDS)), int(rng.integers(2**32)))


def played(recording: np.ndarray, samples: int, start: float, playing: AudioEffect, sample_rate: int) -> np.ndarray:
    """Play a recording from a sample on: (samples,), from its end on over and over."""
    track = play(recording, samples, start, playing.speed)
    rng = np.random.default_rng(playing.seed)
    if playing.hiss:
        track = track + playing.hiss * rms(track) * rng.standard_normal(samples)
    if playing.echo:
        track = track + playing.echo * echoed(track, playing.echo_seconds, sample_rate, rng)
    return filtered(track, np.array(playing.tone), sample_rate) if playing.tone else track


def play(recording: np.ndarray, samples: int, start: float, speed: float = 1.0) -> np.ndarray:
    """Play a recording, repeated as long as needed.

    Args:
        recording: (T,) samples.
        samples: number of samples wanted.
        start: sample at which to begin.
        speed: 1 as recorded; another speed changes the pitch with the tempo.

    Returns:
        (samples,).

    >>> play(np.array([0.0, 1.0, 2.0]), 4, 2)
    array([2., 0., 1., 2.])
    """
    if speed == 1.0:
        return np.resize(np.roll(recording, -round(start)), samples)
    first = start % len(recording)
    times = first - int(first) + speed * np.arange(samples)
    before = times.astype(np.int64)
    around = np.resize(np.roll(recording, -int(first)), int(before[-1]) + 2)
    low = around[before]
    return np.asarray(low + (times - before) * (around[before + 1] - low))


def filtered(track: np.ndarray, tone: np.ndarray, sample_rate: int) -> np.ndarray:
    """Filter a track (T,) without delay by gains in dB at `TONE_KNOTS`, straight between them over log frequency."""
    spectrum = np.fft.rfft(track)
    frequencies = np.maximum(np.fft.rfftfreq(len(track), 1 / sample_rate), 1.0)
    gain = np.interp(np.log(frequencies), np.log(TONE_KNOTS), tone)
    return np.asarray(np.fft.irfft(spectrum * 10 ** (gain / 20), len(track)))


def echoed(track: np.ndarray, seconds: float, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Let a track (T,) ring in noise that falls by 60 dB in some seconds: (T,) of the same RMS, its end in front."""
    length = min(len(track), max(1, round(seconds * sample_rate)))
    response = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / (seconds * sample_rate))
    ringing = np.fft.irfft(np.fft.rfft(track) * np.fft.rfft(response, len(track)), len(track))
    return np.asarray(ringing * (rms(track) / max(rms(ringing), 1e-12)))


def rms(track: np.ndarray) -> float:
    """Root mean square of a track (T,)."""
    return float(np.sqrt(np.mean(np.square(track))))


def loud_offset(recording: np.ndarray, sample_rate: int, rng: np.random.Generator) -> float:
    """Seconds into a recording from where half a second is not quiet, so that short scenes are rarely silent."""
    block = sample_rate // 50
    count = len(recording) // block
    if count <= 25:
        return 0.0
    power = np.square(recording[: count * block]).reshape(count, block).mean(1)
    total = np.concatenate([[0.0], np.cumsum(power)])
    loud = np.flatnonzero(total[25:] - total[:-25] >= 0.25 * 25 * power.mean())
    return float(rng.choice(loud)) / 50
