"""Loudness against the signals of EBU Tech 3341 and the filter that BS.1770-4 prints, and the gain that keeps it."""

import numpy as np
import pytest
from scipy.signal import freqz_sos

from ccstereo.mastering import BlockPowers, LoudnessMatcher, integrated_loudness
from ccstereo.mastering.loudness import k_weighting

RATE = 48_000


def sine(*parts, rate=RATE, frequency=1000):
    """A stereo sine whose level in dBFS is that of each part (dB, seconds) in turn."""
    level = np.concatenate([np.full(round(seconds * rate), 10 ** (db / 20)) for db, seconds in parts])
    wave = level * np.sin(2 * np.pi * frequency * np.arange(len(level)) / rate)
    return np.stack([wave, wave]).astype(np.float32)


def loudness(sound, rate=RATE, step=None):
    meter = BlockPowers(rate)
    for at in range(0, sound.shape[1], step or sound.shape[1]):
        meter.push(sound[:, at : at + (step or sound.shape[1])])
    meter.finish()
    return meter.integrated


def match(reference, sound, step=5000):
    matcher, pieces = LoudnessMatcher(RATE), []
    for at in range(0, sound.shape[1], step):
        matcher.push_reference(reference[:, at : at + step])
        pieces.append(matcher.push(sound[:, at : at + step]))
    return np.concatenate([*pieces, matcher.finish()], axis=1)


@pytest.mark.parametrize(
    "parts",
    [
        [(-23, 20)],
        [(-36, 10), (-23, 60), (-36, 10)],
        [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
        [(-26, 20), (-20, 20.1), (-26, 20)],
    ],
)
def test_ebu_tech_3341_cases_1_3_4_5_read_minus_23(parts):
    assert loudness(sine(*parts)) == pytest.approx(-23, abs=0.1)


def test_ebu_tech_3341_case_2_reads_minus_33():
    assert loudness(sine((-33, 20))) == pytest.approx(-33, abs=0.1)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 96_000])
def test_other_rates_read_the_same(rate):
    assert loudness(sine((-23, 5), rate=rate), rate) == pytest.approx(-23, abs=0.1)


def test_the_filter_is_the_one_that_bs1770_prints():
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    high_pass = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]
    frequencies = np.geomspace(20, 20_000, 50)
    ours, printed = (
        20 * np.log10(np.abs(freqz_sos(sos, frequencies, fs=RATE)[1]))
        for sos in (k_weighting(RATE), np.array([shelf, high_pass]))
    )
    np.testing.assert_allclose(ours, printed, atol=0.01)


def test_the_reading_does_not_depend_on_the_pieces():
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 50_000)).astype(np.float32)
    assert loudness(noise) == loudness(noise, step=777)


def test_silence_and_short_sounds():
    assert integrated_loudness([]) == loudness(np.zeros((2, RATE), np.float32)) == -np.inf
    assert loudness(sine((-23, 0.2))) == pytest.approx(-23, abs=0.3)


@pytest.mark.parametrize("length", [100, 4800, 10_000, 7 * RATE + 123])
def test_sound_gets_the_loudness_of_its_reference(length):
    rng = np.random.default_rng(0)
    reference = rng.normal(0, 0.1, (2, length)).astype(np.float32)
    sound = reference * np.linspace(0.3, 2, length, dtype=np.float32) * np.float32([[1.5], [0.5]])
    matched = match(reference, sound)
    assert matched.shape == sound.shape
    assert abs(loudness(sound) - loudness(reference)) > 0.5
    assert loudness(matched) == pytest.approx(loudness(reference), abs=0.3)
    np.testing.assert_array_equal(matched, match(reference, sound, step=311))


def test_what_is_as_loud_already_is_not_touched():
    sound = np.random.default_rng(0).normal(0, 0.1, (2, 4 * RATE)).astype(np.float32)
    np.testing.assert_array_equal(match(sound, sound), sound)
    np.testing.assert_array_equal(match(sound, sound[::-1]), sound[::-1])


def test_the_gain_has_bounds_and_leaves_silence():
    loud = np.random.default_rng(0).normal(0, 0.3, (2, RATE)).astype(np.float32)
    np.testing.assert_allclose(match(loud, loud * 1e-3), loud * 1e-3 * 10 ** (15 / 20), rtol=1e-4)
    assert not match(loud, np.zeros_like(loud)).any()
