"""The physics of the stage's heads, measured on rendered signals by estimators that share nothing with the code."""

import numpy as np
import pytest
from scipy import signal
from scipy.special import eval_legendre, spherical_jn, spherical_yn

from ccstereo.scenes.acoustics.hrir import HEAD_RADIUS, SPEED_OF_SOUND, HRIRSet, spherical_head, spherical_head_delay
from ccstereo.scenes.acoustics.spatialize import spatialize

TOLERANCE = 60e-6  # seconds, a tenth of the longest delay
STAGE = [azimuth for azimuth in range(-60, 61, 10) if azimuth]  # the directions within a picture
FRONT = [azimuth for azimuth in range(-90, 91, 10) if azimuth]


def render(head: HRIRSet, azimuth: float, dry: np.ndarray | None = None) -> np.ndarray:
    dry = np.random.default_rng(0).standard_normal(head.sample_rate // 4) if dry is None else dry
    return spatialize(dry.astype(np.float32), np.array([azimuth]), head).astype(np.float64)


def heard(head: HRIRSet, azimuth: float) -> float:
    """Azimuth of the measured direction that is really rendered."""
    return float(head.directions[head.nearest_index(azimuth)][0])


def formula(azimuth: float) -> float:
    """Seconds by which sound from `azimuth` reaches the left ear before the right one."""
    return float(spherical_head_delay(90 + azimuth) - spherical_head_delay(90 - azimuth))


def by_correlation(pair: np.ndarray, rate: int, below: float = np.inf, fine: int = 16) -> float:
    """Lead of the left ear: the peak of the ears' correlation, on a grid `fine` times finer than the samples."""
    size = 2 * pair.shape[-1]
    left, right = np.fft.rfft(pair, size)
    product = np.conj(left) * right * (np.fft.rfftfreq(size, 1 / rate) <= below)
    curve = np.fft.irfft(product, size * fine)
    reach = round(1.2e-3 * rate * fine)
    return (int(np.argmax(np.concatenate([curve[-reach:], curve[: reach + 1]]))) - reach) / (rate * fine)


def by_onset(pair: np.ndarray, rate: int, fine: int = 16) -> float:
    """Lead of the left ear: when each ear's response first exceeds a tenth of its peak."""
    curves = np.abs(signal.resample(pair, pair.shape[-1] * fine, axis=-1))
    first = [np.argmax(curve > 0.1 * curve.max()) for curve in curves]
    return float(first[1] - first[0]) / (rate * fine)


def by_minimum_phase(pair: np.ndarray, rate: int, fine: int = 16) -> float:
    """Lead of the left ear: where each response fits best upon its own minimum-phase version (Nam et al., 2008)."""
    size = 2_048
    level = np.abs(np.fft.fft(pair, size))
    cepstrum = np.fft.ifft(np.log(np.maximum(level, 1e-4 * level.max(-1, keepdims=True)))).real
    cepstrum[:, 1 : size // 2] *= 2
    cepstrum[:, size // 2 + 1 :] = 0
    prompt = np.exp(np.fft.fft(cepstrum))[:, : size // 2 + 1]
    curves = np.fft.irfft(np.fft.rfft(pair, size) * np.conj(prompt), size * fine)[:, : size * fine // 2]
    first = curves.argmax(-1)
    return float(first[1] - first[0]) / (rate * fine)


class TestCues:
    @pytest.mark.parametrize("azimuth", FRONT)
    def test_the_nearer_ear_hears_it_louder_and_earlier(self, head, azimuth):
        pair = render(head, azimuth)
        near, far = pair if azimuth > 0 else pair[::-1]
        assert np.sum(near**2) > 1.2 * np.sum(far**2)
        lead = by_correlation(np.stack([near, far]), head.sample_rate)
        assert lead > 0.5 * formula(abs(heard(head, azimuth)))

    def test_straight_ahead_both_ears_hear_the_same(self, head):
        left, right = render(head, 0.0)
        assert abs(10 * np.log10(np.sum(left**2) / np.sum(right**2))) < 1.5
        assert abs(by_correlation(np.stack([left, right]), head.sample_rate)) < 30e-6


class TestDelays:
    @pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
    def test_the_spherical_head_has_the_formulas_delays(self, rate):
        head = spherical_head(rate)
        errors = [by_correlation(render(head, azimuth), rate) - formula(azimuth) for azimuth in FRONT]
        assert np.abs(errors).max() < TOLERANCE

    def test_measured_heads_have_the_formulas_delays(self, measured):
        impulse = np.eye(1, 512)[0]
        for azimuth in FRONT:
            lead = by_onset(render(measured, azimuth, impulse), measured.sample_rate)
            assert lead == pytest.approx(formula(heard(measured, azimuth)), abs=TOLERANCE)

    def test_and_keep_them_at_the_working_rate(self, measured):
        head = measured.resampled(16_000)
        impulse = np.eye(1, 256)[0]
        for azimuth in STAGE:
            lead = by_minimum_phase(render(head, azimuth, impulse), 16_000)
            assert lead == pytest.approx(formula(heard(head, azimuth)), abs=TOLERANCE)

    @pytest.mark.parametrize("azimuth", [20, 45, 70, 90])
    def test_low_frequencies_are_delayed_more_as_around_any_rigid_sphere(self, heads, azimuth):
        """Kuhn 1977: the delay grows from Woodworth's at high frequencies to 3 r/c sin(azimuth) at low ones."""
        low = by_correlation(render(heads["sphere44"], azimuth), 44_100, below=1_000)
        limit = 3 * HEAD_RADIUS / SPEED_OF_SOUND * np.sin(np.radians(azimuth))
        assert formula(azimuth) < low < limit + TOLERANCE

    def test_the_formula(self):
        unit = HEAD_RADIUS / SPEED_OF_SOUND
        assert spherical_head_delay(np.array([0.0, 60.0, 90.0, 180.0])) == pytest.approx(
            [-unit, -unit / 2, 0.0, unit * np.pi / 2]
        )
        assert (np.diff(spherical_head_delay(np.arange(181))) > 0).all()
        assert formula(90.0) == pytest.approx(656e-6, abs=1e-6)


class TestShadow:
    @pytest.mark.parametrize("azimuth", [15, 30, 45, 60])
    def test_lies_within_6_decibels_of_the_rigid_spheres(self, heads, azimuth):
        frequencies = np.array([500.0, 1_000.0, 2_000.0, 4_000.0])
        left, right = heads["sphere44"].nearest(azimuth).astype(np.float64)
        wave = np.exp(-2j * np.pi * np.outer(frequencies, np.arange(len(left))) / 44_100)
        model = 20 * np.log10(np.abs(wave @ left) / np.abs(wave @ right))
        exact = np.array([rigid_sphere(f, 90 - azimuth) / rigid_sphere(f, 90 + azimuth) for f in frequencies])
        assert np.abs(model - 20 * np.log10(exact)).max() < 6
        assert (model > 0).all()
        assert (np.diff(model) > 0).all()  # heads shade high frequencies more

    def test_the_lowest_frequencies_go_around_the_head_unhindered(self, heads):
        gain = heads["sphere"].responses.astype(np.float64).sum(-1)
        np.testing.assert_allclose(gain, 1.0, atol=1e-5)


def rigid_sphere(frequency: float, incidence: float) -> float:
    """Sound pressure on a rigid sphere in a plane wave, by its series (Duda & Martens 1998, equation 5, far away)."""
    size = 2 * np.pi * frequency * HEAD_RADIUS / SPEED_OF_SOUND
    m = np.arange(40)
    hankel = spherical_jn(m, size, derivative=True) + 1j * spherical_yn(m, size, derivative=True)
    terms = (2 * m + 1) * (-1j) ** m * eval_legendre(m, np.cos(np.radians(incidence))) / hankel
    return float(abs(np.nansum(terms)) / size**2)


class TestSymmetry:
    def test_the_spherical_head_is_the_same_on_both_sides(self, heads):
        for azimuth in range(91):
            difference = heads["sphere"].nearest(azimuth) - heads["sphere"].nearest(-azimuth)[::-1]
            assert np.abs(difference).max() < 1e-6

    @pytest.mark.parametrize("path", [[37.0], [60.0, -15.0, 20.0]])
    def test_mirrored_paths_give_mirrored_signals(self, heads, path):
        dry = np.random.default_rng(1).uniform(-1, 1, 8_000).astype(np.float32)
        there = spatialize(dry, np.array(path), heads["sphere"])
        back = spatialize(dry, -np.array(path), heads["sphere"])
        assert np.abs(there - back[::-1]).max() < 1e-6
        assert np.abs(there - back).max() > 0.1

    def test_directions_behind_are_those_in_front_turned_over(self):
        head = spherical_head(16_000, np.array([30.0, 150.0, -150.0, 210.0]))
        np.testing.assert_allclose(head.responses[1], head.responses[0], atol=1e-6)
        np.testing.assert_allclose(head.responses[2], head.responses[0][::-1], atol=1e-6)
        np.testing.assert_allclose(head.responses[3], head.responses[2], atol=1e-6)


class TestDirections:
    def test_the_nearest_in_angle_is_taken(self, measured):
        rng = np.random.default_rng(2)
        azimuths, elevations = np.radians(measured.directions).T
        for azimuth, elevation in zip(rng.uniform(-180, 180, 20), rng.uniform(-40, 80, 20), strict=True):
            a, e = np.radians(azimuth), np.radians(elevation)
            cosine = np.sin(e) * np.sin(elevations) + np.cos(e) * np.cos(elevations) * np.cos(a - azimuths)
            assert cosine[measured.nearest_index(azimuth, elevation)] == pytest.approx(cosine.max(), abs=1e-9)

    def test_a_grid_of_one_degree_is_off_by_half_of_one_at_most(self, heads):
        head = heads["sphere"]
        for azimuth in np.linspace(-90, 90, 37):
            assert abs(heard(head, azimuth) - azimuth) <= 0.5
        assert np.array_equal(head.nearest(12.2), head.responses[102])


def gain(head: HRIRSet, azimuth: float, frequencies: np.ndarray) -> np.ndarray:
    """(2, F) gain of both ears."""
    seconds = np.arange(head.responses.shape[-1]) / head.sample_rate
    return np.abs(head.nearest(azimuth) @ np.exp(-2j * np.pi * np.outer(seconds, frequencies)))


class TestResampling:
    @pytest.mark.parametrize("rate", [16_000, 48_000])
    def test_keeps_delays_in_seconds(self, head, rate):
        if rate == head.sample_rate:
            pytest.skip("its own rate")
        other = head.resampled(rate)
        highest = 0.4 * min(rate, head.sample_rate)
        impulse = np.eye(1, 1_024)[0]
        for azimuth in (-60, -25, 10, 45):
            was = by_correlation(render(head, azimuth, impulse), head.sample_rate, highest)
            now = by_correlation(render(other, azimuth, impulse), rate, highest)
            assert now == pytest.approx(was, abs=5e-6)

    @pytest.mark.parametrize("rate", [16_000, 48_000])
    def test_keeps_the_gain_at_every_frequency(self, head, rate):
        other = head.resampled(rate)
        assert other.sample_rate == rate
        frequencies = np.linspace(300, 6_000, 50)
        for azimuth in (-60, 0, 45):
            before, after = gain(head, azimuth, frequencies), gain(other, azimuth, frequencies)
            assert np.abs(20 * np.log10(after / before)).max() < 0.5

    def test_its_own_rate_changes_nothing(self, head):
        assert head.resampled(head.sample_rate) is head
