import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from ccstereo.scenes.acoustics.hrir import HRIRSet, spherical_head
from ccstereo.scenes.acoustics.spatialize import spatialize

RATE = 16_000
SPHERE = spherical_head(RATE)
FINE = spherical_head(RATE, np.arange(-900, 901) / 10)


def noise(samples: int = RATE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32) * 0.1


def along(path: list[float], samples: int) -> np.ndarray:
    """Azimuth at every sample."""
    return np.interp(np.linspace(0, 1, samples), np.linspace(0, 1, len(path)), path)


def sample_by_sample(dry: np.ndarray, path: list[float]) -> np.ndarray:
    """Every single sample through the response of the direction it comes from."""
    index = np.round((along(path, len(dry)) + 90) * 10).astype(int)
    taps = FINE.responses.shape[-1]
    out = np.zeros((2, len(dry) + taps))
    for tap in range(taps):
        out[:, tap : tap + len(dry)] += FINE.responses[index, :, tap].T * dry
    return out[:, : len(dry)]


def decibels(x: np.ndarray, reference: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(x)) / np.mean(np.square(reference))))


def ild(pair: np.ndarray) -> float:
    return decibels(pair[0], pair[1])


class TestStill:
    @pytest.mark.parametrize("azimuth", [-60.0, -7.0, 0.0, 41.0])
    def test_a_still_sound_goes_through_one_response(self, head, azimuth):
        dry = noise(3_000)
        out = spatialize(dry, np.array([azimuth]), head)
        assert (out.shape, out.dtype) == ((2, 3_000), np.float32)
        expected = [signal.convolve(dry, response)[:3_000] for response in head.nearest(azimuth)]
        np.testing.assert_allclose(out, expected, atol=1e-5)

    def test_a_path_that_stays_is_still(self):
        dry = noise(5_000)
        np.testing.assert_array_equal(
            spatialize(dry, np.full(7, 20.0), SPHERE), spatialize(dry, np.full(1, 20.0), SPHERE)
        )


class TestMoving:
    @given(
        samples=st.integers(1, 4_000),
        path=st.lists(st.floats(-60, 60), min_size=1, max_size=8),
        block=st.sampled_from([0.02, 0.005, 0.3]),
    )
    @settings(max_examples=40, deadline=None)
    def test_keeps_the_length_and_fades_nothing_away(self, samples, path, block):
        """Through a head that hears every direction alike, a moving sound is a still one."""
        alike = HRIRSet("alike", SPHERE.directions, np.broadcast_to(SPHERE.nearest(30.0), (181, 2, 128)), RATE)
        dry = noise(samples)
        out = spatialize(dry, np.array(path), alike, block)
        assert (out.shape, out.dtype) == ((2, samples), np.float32)
        np.testing.assert_allclose(out, spatialize(dry, np.array([0.0]), alike), atol=1e-5)

    def test_sums_and_gains_pass_through(self):
        a, b, path = noise(8_000, 1), noise(8_000, 2), np.array([-40.0, 50.0, 0.0])
        both = spatialize(a + 3 * b, path, SPHERE)
        apart = spatialize(a, path, SPHERE) + 3 * spatialize(b, path, SPHERE)
        np.testing.assert_allclose(both, apart, atol=1e-5)

    @pytest.mark.parametrize(("path", "worst"), [([-60.0, 60.0], -30), ([60.0, -60.0, 60.0], -25), ([10.0, 25.0], -27)])
    def test_is_close_to_a_direction_for_every_sample(self, path, worst):
        dry = noise()
        expected = sample_by_sample(dry, path)
        assert decibels(spatialize(dry, np.array(path), SPHERE) - expected, expected) < worst

    @pytest.mark.parametrize("name", ["sphere", "kemar", "cipic"])
    @pytest.mark.parametrize("path", [[-60.0, 60.0], [60.0, -60.0, 60.0]])
    def test_does_not_click(self, heads, name, path):
        """A click is heard at every frequency: a low tone must stay free of high ones, as in the reference."""
        if name not in heads:
            pytest.skip("measured heads are not there")
        tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)
        filter_ = signal.butter(8, 2_500, "high", fs=RATE, output="sos")
        out = spatialize(tone.astype(np.float32), np.array(path), heads[name].resampled(RATE))
        inner = slice(500, -500)  # the filter's own beginning
        assert decibels(signal.sosfilt(filter_, out)[:, inner], out[:, inner]) < -75
        abrupt = in_blocks(tone, path, heads[name].resampled(RATE))  # what a listener would call clicks
        assert decibels(signal.sosfilt(filter_, abrupt)[:, inner], abrupt[:, inner]) > -65

    def test_where_it_rests_it_sounds_as_if_it_had_never_moved(self):
        dry = noise()
        out = spatialize(dry, np.array([-50.0] * 10 + [40.0] * 10), SPHERE)
        quarter = RATE // 4
        np.testing.assert_allclose(out[:, :quarter], spatialize(dry, np.array([-50.0]), SPHERE)[:, :quarter], atol=1e-5)
        np.testing.assert_allclose(
            out[:, -quarter:], spatialize(dry, np.array([40.0]), SPHERE)[:, -quarter:], atol=1e-5
        )

    def test_the_level_difference_follows_the_path(self):
        dry, path = noise(2 * RATE), [60.0, -60.0, 30.0]
        out = spatialize(dry, np.array(path), SPHERE)
        azimuth, length = along(path, 2 * RATE), RATE // 10
        curve = []
        for start in range(0, 2 * RATE, length):
            part = slice(start, start + length)
            now = spatialize(dry[part], np.array([azimuth[part].mean()]), SPHERE)
            curve.append(ild(out[:, part]))
            assert curve[-1] == pytest.approx(ild(now), abs=1.0)
        assert curve[0] > 10
        assert curve[10] < -10
        assert (np.diff(curve[:10]) < 0).all()
        assert (np.diff(curve[10:]) > 0).all()


def in_blocks(dry: np.ndarray, path: list[float], head: HRIRSet, block: int = 320) -> np.ndarray:
    """One direction after the other without a fade."""
    azimuth = along(path, len(dry))
    out = np.zeros((2, len(dry)))
    for start in range(0, len(dry), block):
        for ear, response in zip(out, head.nearest(azimuth[start]), strict=True):
            # Each block is what a still source would send from there, cut hard at both ends.
            before = min(start, len(response))
            ear[start : start + block] = signal.convolve(dry[start - before : start + block], response)[before:][:block]
    return out
