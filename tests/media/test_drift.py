"""Clocks that run slow or fast, and those that only seem to."""

import numpy as np
import pytest

from ccstereo.media import read_mono
from ccstereo.media.drift import DriftCorrector, stretch

RATE = 48_000


def run(clock, seconds=8, frame=1024, noise=0.0):
    """Push a sine in frames whose timestamps come from `clock`; returns what came out, and errors of its times in s."""
    rng = np.random.default_rng(0)
    sound = np.sin(2 * np.pi * 440 * np.arange(seconds * RATE) / RATE).astype(np.float32)
    drift, pieces, true = DriftCorrector(RATE), [], []
    for at in range(0, len(sound), frame):
        true.append(clock(at / RATE))
        deviation = (true[-1] + rng.uniform(-noise, noise)) * RATE - at
        pieces += drift.push(round(deviation), sound[at : at + frame])
    pieces += drift.finish()
    begins = np.cumsum([0, *map(len, pieces)])[: len(true)] / RATE
    return np.concatenate(pieces), begins - np.array(true)


@pytest.mark.parametrize("slope", [1e-4, -1e-3, 5e-3, -1e-2])
def test_a_wrong_clock_is_followed_to_a_millisecond(slope):
    sound, errors = run(lambda time: round(time * (1 + slope), 3))  # rounded to ms, as Matroska does
    assert np.abs(errors).max() < 1.5e-3  # half of one is rounding
    # Smoothly: the bend of a sine never exceeds its own by more than the stretching makes it.
    bend = np.abs(np.diff(sound, 2)).max()
    assert bend <= 1.15 * (2 * np.pi * 440 / RATE) ** 2


@pytest.mark.parametrize("frame", [160, 1024, 1152, 4608])
def test_rounded_timestamps_change_nothing(frame):
    sound, _ = run(lambda time: round(time, 3), seconds=4, frame=frame)
    np.testing.assert_array_equal(sound, np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE).astype(np.float32))


def test_timestamps_that_wander_change_nothing():
    sound, _ = run(lambda time: time, noise=4e-3)
    assert len(sound) == 8 * RATE


def test_stretching_keeps_a_tone():
    time = np.arange(1040) / RATE
    tone = np.sin(2 * np.pi * 3000 * time).astype(np.float32)
    stretched = stretch(tone[:8], tone[8:1032], tone[1032:], 1030)
    expected = np.sin(2 * np.pi * 3000 * (8 + np.arange(1030) * 1024 / 1030) / RATE)
    assert np.abs(stretched - expected).max() < 2e-3
    both = stretch(np.stack([tone[:8]] * 2, 1), np.stack([tone[8:1032]] * 2, 1), np.stack([tone[1032:]] * 2, 1), 1030)
    np.testing.assert_allclose(both[:, 1], stretched, atol=1e-6)


def test_a_file_with_a_slow_clock(make, tools):
    """Its sound is 0.3 % longer than its timestamps: a click at n comes at the time of its packet."""
    gaps = [(at, -3) for at in range(1000, 6 * 48_000, 1000)]
    clicks = range(24_000, 6 * 48_000, 48_000)
    sound = tools.clicks(6 * 48_000, *clicks)
    path = make("a.mkv", tools.grays(20), sound, audio={"codec": "pcm_s16le", "fmt": "s16", "gaps": gaps})
    mono, _ = read_mono(path)
    expected = [at - 3 * (at // 1000) for at in clicks]
    assert np.abs(np.array(tools.peaks(mono, 6)) - expected).max() <= 1e-3 * RATE
    assert len(mono) == pytest.approx(6 * 48_000 * 0.997, abs=1e-3 * RATE)
