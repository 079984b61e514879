"""What kind of two-channel sound a recording is: equal channels, ordinary stereo, or with delays between ears."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from ccstereo.media.sound import SoundTrack

MONO = 1e-3  # RMS of left - right over that of left + right, up to which the channels count as equal (-60 dB)
COMPARED = 8_000  # Hz, the rate at which they are: above 4 kHz, AAC gives channels of a mono sound noise of their own
SILENT = 1e-4  # RMS of one channel over that of the other, up to which it counts as silent (-80 dB)
ORDINARY = 0.1  # fraction of delayed sound below which a file counts as ordinary stereo

_WINDOW = 0.032  # seconds
_GROUP = 16  # windows, half overlapping, over which coherence is measured: a stretch of a quarter of a second
_BAND = (200.0, 1500.0)  # Hz, where ears go by delay (the duplex theory of Lord Rayleigh)
_COHERENCE = 0.9  # of a cell in which one source prevails
_HEAD = 1e-3  # seconds, no more than a head's 0.8 ms and a margin
_STEP = 2.5e-5  # seconds between the delays that are tried
_OFF_MIDDLE = 5e-5  # seconds, about 5 degrees
_AGREE = 0.55  # fraction of a stretch's magnitude that must agree on one delay
_BETTER = 0.05  # by which that delay must be better than none


@dataclass(frozen=True)
class Balance:
    """RMS below 4 kHz of the left and right channel, of their difference and their sum."""

    left: float
    right: float
    difference: float
    mixture: float

    @property
    def fault(self) -> str | None:
        """Why the sound is not true stereo, None if it is."""
        low, high = sorted((self.left, self.right))
        if high == 0:
            return "its sound is silent"
        if self.difference <= MONO * self.mixture:
            return "its two channels are equal: mono in a stereo track"
        if low <= SILENT * high:
            return f"its {'left' if self.left < self.right else 'right'} channel is silent"
        return None


def balance(blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> Balance:
    """Measure the levels of sound that comes in blocks (T, 2), one after the other."""
    sums, samples = np.zeros(4), 0
    stream = soxr.ResampleStream(sample_rate, COMPARED, 2, dtype="float32")
    for block in chain(blocks, [np.zeros((0, 2), np.float32)]):
        low = stream.resample_chunk(block, last=len(block) == 0) if sample_rate > COMPARED else block
        left, right = low.T.astype(np.float64)
        sums += [np.square(x).sum() for x in (left, right, left - right, left + right)]
        samples += len(low)
    return Balance(*(float(x) for x in np.sqrt(sums / max(1, samples))))


def file_balance(path: Path) -> Balance:
    """Measure the levels of a two-channel file, in bounded memory, without decoding its frames.

    Raises:
        MediaError: the file cannot be read, or its sound has not two channels.
    """
    with closing(SoundTrack(path, 2)) as track:
        return balance((block for block in track.blocks() if len(block)), track.sample_rate)


def delayed_fraction(sound: NDArray[np.float32], sample_rate: int) -> float:
    """Fraction of the sound between 200 and 1500 Hz that reaches one channel later than the other, as it does two ears.

    A sound that a mixing desk places between two channels reaches both at the same time, at different levels: where
    one source prevails, the channels are in phase. It reaches two ears, or two microphones apart, with a delay of up
    to 0.8 ms: phase grows in proportion to frequency. For every stretch of a quarter of a second, the delay is sought
    on which the phases of its coherent cells agree best; the stretch counts if they do agree, off the middle, and much
    better than on none. (A reverberation shifts phases, too, but each in its own way.)

    This cannot tell a dummy head from two spaced microphones, finds nothing in a source that stays in the middle, and
    fails where sources overlap much or the reverberation is about as loud as the direct sound.

    Args:
        sound: (2, T).
        sample_rate: Hz.

    Returns:
        0 to 1; 0 for silence and sounds shorter than a quarter of a second.
    """
    window = round(_WINDOW * sample_rate)
    hop = window // 2
    groups = ((sound.shape[1] - window) // hop + 1) // _GROUP if sound.shape[1] >= window else 0
    if groups == 0:
        return 0.0
    frequencies = np.fft.rfftfreq(window, 1 / sample_rate)
    band = (frequencies >= _BAND[0]) & (frequencies <= _BAND[1])
    pieces = np.lib.stride_tricks.sliding_window_view(sound, window, axis=1)[:, ::hop][:, : groups * _GROUP]
    spectra = np.fft.rfft(pieces * np.hanning(window), axis=-1)[..., band]
    left, right = spectra.reshape(2, groups, _GROUP, -1)  # (groups, windows, frequencies)
    cross = (left * right.conj()).sum(1)
    power = [np.square(np.abs(side)).sum(1) for side in (left, right)]
    total = power[0] + power[1]
    if total.max() <= 0:
        return 0.0
    coherent = np.abs(cross) >= _COHERENCE * np.sqrt(power[0] * power[1])
    magnitude = np.sqrt(total)
    weight = magnitude.sum(1)  # (groups,)
    count = round(_HEAD / _STEP)
    delays = np.arange(-count, count + 1) * _STEP
    turns = np.exp(-2j * np.pi * np.outer(frequencies[band], delays))
    agreement = ((magnitude * coherent * np.exp(1j * np.angle(cross))) @ turns).real
    agreement /= np.maximum(weight, 1e-20)[:, None]
    best = agreement.argmax(1)
    later = (np.abs(delays[best]) >= _OFF_MIDDLE - 1e-9) & (np.abs(best - count) < count)
    later &= (agreement.max(1) >= _AGREE) & (agreement.max(1) - agreement[:, count] >= _BETTER)
    return float((weight * later).sum() / weight.sum())
