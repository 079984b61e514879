"""The limiter against peaks measured at 16 times the rate."""

import numpy as np
import pytest
from scipy.signal import resample_poly

from ccstereo.mastering import Limiter
from ccstereo.mastering.narrower import Narrower


def limit(sound, rate=48_000, ceiling=-1.0, step=4321):
    limiter = Limiter(rate, ceiling)
    pieces = [limiter.push(sound[:, at : at + step]) for at in range(0, sound.shape[1], step)]
    return np.concatenate([*pieces, limiter.finish()], axis=1), limiter


def true_peak(sound):
    """In dBTP, by another interpolation than the limiter's."""
    return 20 * np.log10(np.abs(resample_poly(sound.astype(np.float64), 16, 1, axis=1)).max())


def music(rate, seconds=1.0, level=1.0):
    """Decaying chords and a drum: peaks of all lengths."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * rate)) / rate
    sound = sum(
        np.sin(2 * np.pi * f * time + p) * np.exp(-3 * (time % 0.5))
        for f, p in zip((110, 277, 659, 1661), rng.uniform(0, 6, 4), strict=True)
    )
    drum = rng.normal(0, 1, (2, len(time))) * np.exp(-40 * (time % 0.25))
    return (level * (0.3 * np.stack([sound, np.roll(sound, 20)]) + 0.5 * drum)).astype(np.float32)


@pytest.mark.parametrize(("rate", "ceiling"), [(8000, -1.0), (44_100, 0.0), (48_000, -6.0), (96_000, -1.0)])
def test_nothing_exceeds_the_ceiling(rate, ceiling):
    sound = music(rate)
    assert true_peak(sound) > 1
    limited, limiter = limit(sound, rate, ceiling)
    assert limited.shape == sound.shape
    assert true_peak(limited) <= ceiling + 0.1
    assert 20 * np.log10(limiter.true_peak) == pytest.approx(true_peak(limited), abs=0.15)
    assert limiter.reduction == pytest.approx(true_peak(sound) - ceiling, abs=0.3)


def test_a_peak_between_samples_is_found():
    sound = np.sin(np.pi / 2 * np.arange(9600) + np.pi / 4)[None].repeat(2, 0).astype(np.float32)  # samples at 0.707
    limited, limiter = limit(sound)
    assert limiter.reduction == pytest.approx(1, abs=0.15)
    assert np.abs(limited).max() == pytest.approx(10 ** (-1 / 20) * 0.5**0.5, abs=0.005)


def test_what_stays_below_goes_through_untouched():
    sound = music(48_000, level=0.3)
    assert true_peak(sound) < -1.0
    limited, limiter = limit(sound)
    np.testing.assert_array_equal(limited, sound)
    assert limiter.reduction == 0
    assert 20 * np.log10(limiter.true_peak) == pytest.approx(true_peak(sound), abs=0.1)


def test_only_the_time_around_a_peak_is_lowered_and_both_ears_alike():
    sound = music(48_000, level=0.3)
    sound[0, 20_000:20_010] = 1.5
    limited, _ = limit(sound)
    changed = np.flatnonzero((limited != sound).any(0)) / 48_000
    assert changed.min() > 20_000 / 48_000 - 0.007
    assert changed.max() < 20_000 / 48_000 + 1
    np.testing.assert_allclose(limited[0] * sound[1], limited[1] * sound[0], atol=1e-6)


def test_peaks_at_both_ends():
    sound = np.zeros((2, 10_000), np.float32)
    sound[:, [0, -1]] = 2
    limited, _ = limit(sound)
    assert true_peak(np.pad(limited, ((0, 0), (100, 100)))) <= -0.9


def test_a_peak_in_one_ear_is_shared_with_the_other_one():
    """Clicks from the left, above a ceiling that mono of the same power would not reach."""
    sound = np.zeros((2, 48_000), np.float32)
    for at in range(2000, 46_000, 4000):
        sound[:, at : at + 40] = np.float32([[1.2], [0.2]]) * np.hanning(40).astype(np.float32)
    narrower = Narrower(48_000, -1.0)
    pieces = [narrower.push(sound[:, at : at + 777]) for at in range(0, 48_000, 777)]
    shared = np.concatenate([*pieces, narrower.finish()], axis=1)
    assert shared.shape == sound.shape
    assert true_peak(shared) <= -0.6  # the limiter takes the rest
    assert np.square(shared).sum() == pytest.approx(np.square(sound).sum(), rel=0.07)
    assert (shared[0] >= shared[1] - 1e-6).all()
    assert np.square(limit(sound)[0]).sum() < 0.65 * np.square(sound).sum()


def test_a_peak_that_both_ears_have_is_left_to_the_limiter():
    sound = music(48_000)[[0, 0]]
    narrower = Narrower(48_000, -6.0)
    assert true_peak(sound) > 1.0
    np.testing.assert_array_equal(np.concatenate([narrower.push(sound), narrower.finish()], axis=1), sound)


@pytest.mark.parametrize("step", [100, 4800, 1_000_000])
def test_pieces_of_any_length_give_the_same(step):
    sound = music(48_000)
    np.testing.assert_array_equal(limit(sound)[0], limit(sound, step=step)[0])
