"""Sources on a side are louder and earlier there, either way they are rendered; a rate that is wrong shows."""

import numpy as np
import pytest
from scipy.signal import correlate

from ccstereo.scenes import HRIRSet, Material, Scene, Source, load_ears, render_sources, spherical_head_delay
from ccstereo.scenes.acoustics.decoders import whole_sphere

RATE = 16_000


def render(ears, dry: np.ndarray, azimuths: list[float], elevation: float = 0.0) -> np.ndarray:
    """A source alone at both ears, (2, T)."""
    path = tuple(0.5 - azimuth / 120 for azimuth in azimuths)
    source = Source("a", 0, 0, 0.5, 0.2, path, 0.5, (0, 0, 1, 1), False, 0.0, 1.0, elevation=elevation)
    scene = Scene(0, len(dry) / RATE, 0, (0, 0, 1, 1), (source,))
    return render_sources(scene, Material("one", {}, {"a": (dry,)}, (), RATE), ears)[0]


def noise(seed: int = 0, samples: int = 8000) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def delay(pair: np.ndarray, fine: int = 16) -> float:
    """Microseconds by which the right ear is later, to a sixteenth of a sample, below 1.5 kHz."""
    spectrum = np.fft.rfft(pair)
    spectrum[:, np.fft.rfftfreq(pair.shape[1], 1 / RATE) > 1500] = 0
    left, right = np.fft.irfft(spectrum, pair.shape[1] * fine)
    lags = correlate(right, left, "same", method="fft")
    return (int(lags.argmax()) - len(left) // 2) * 1e6 / (RATE * fine)


def level(pair: np.ndarray) -> float:
    """Decibels by which the left ear is louder."""
    return float(10 * np.log10(np.square(pair[0]).sum() / np.square(pair[1]).sum()))


@pytest.mark.parametrize("kind", ["hrir", "ambisonic"])
@pytest.mark.parametrize("elevation", [0.0, 30.0])
def test_the_left_is_louder_and_earlier_on_the_left(kind: str, elevation: float) -> None:
    ears = load_ears(RATE, kind)
    for azimuth in (20.0, 55.0):
        left, right = (render(ears, noise(), [side * azimuth], elevation) for side in (1, -1))
        assert level(left) > 1
        assert delay(left) > 50
        assert level(right) == pytest.approx(-level(left), abs=0.1)
        assert delay(right) == pytest.approx(-delay(left), abs=8)
    ahead = render(ears, noise(), [0.0], elevation)
    np.testing.assert_allclose(ahead[0], ahead[1], atol=1e-4)


def test_the_delay_is_that_of_a_sphere() -> None:
    """Woodworth's formula at the lateral angle: raising a source brings it nearer to the middle."""
    for azimuth, elevation in [(60, 0), (60, 45), (30, 22.5)]:
        lateral = np.degrees(np.arcsin(np.sin(np.radians(azimuth)) * np.cos(np.radians(elevation))))
        wanted = 1e6 * float(spherical_head_delay(90 + lateral) - spherical_head_delay(90 - lateral))
        measured = delay(render(load_ears(RATE), noise(), [azimuth], elevation))
        # The shadow's filter delays low sound around the head by up to half as much again (Kuhn 1977).
        assert 0.95 * wanted < measured < 1.6 * wanted


@pytest.mark.parametrize("kind", ["hrir", "ambisonic"])
def test_legacy_rate_stretches_delays(kind: str) -> None:
    """What is 44.1 kHz and taken for 16 kHz lasts 44.1 / 16 times as long."""
    true, legacy = (load_ears(RATE, kind, legacy_rate=rate) for rate in (False, True))
    one = np.zeros(2000, np.float32)
    one[500] = 1
    for azimuth in (30.0, 60.0):
        pairs = [render(ears, one, [azimuth]) for ears in (true, legacy)]
        delays = [_group_delay(pair, band) for pair, band in zip(pairs, (1100.0, 400.0), strict=True)]
        assert delays[1] / delays[0] == pytest.approx(44_100 / 16_000, rel=0.02)


def _group_delay(pair: np.ndarray, upper: float) -> float:
    """Seconds between the ears by the slope of their phases up to a frequency."""
    frequency = np.fft.rfftfreq(16_000, 1 / RATE)
    band = (frequency > 0) & (frequency < upper)
    left, right = np.fft.rfft(pair, 16_000)[:, band]
    phase = np.unwrap(np.angle(left / right))
    return float(np.polyfit(2 * np.pi * frequency[band], phase, 1)[0])


def test_legacy_rate_of_a_measured_head(shared) -> None:
    sofa = shared / "stage" / "hrtf" / "CIPIC_subject_003.sofa"
    true, legacy = (load_ears(RATE, "hrir", sofa, rate) for rate in (False, True))
    pairs = [render(ears, noise(), [55.0]) for ears in (true, legacy)]
    responses = [np.abs(ears.nearest(55.0)) for ears in (true, legacy)]
    onsets = [np.argmax(response > 0.3 * response.max(1, keepdims=True), axis=1) for response in responses]
    assert level(pairs[0]) > 3
    assert level(pairs[1]) > 3
    late = [ear[1] - ear[0] for ear in onsets]
    assert late[1] / late[0] == pytest.approx(44_100 / 16_000, rel=0.15)


@pytest.mark.parametrize("kind", ["hrir", "ambisonic"])
def test_what_moves_changes_sides(kind: str) -> None:
    ears = load_ears(RATE, kind)
    pair = render(ears, noise(samples=16_000), [60.0, -60.0])
    assert level(pair[:, :4000]) > 2
    assert level(pair[:, -4000:]) < -2


def test_ambisonics_is_the_sum_over_eight_loudspeakers() -> None:
    """The released code's way, written out: encode, project on the circle, convolve with the nearest responses."""
    head = whole_sphere(RATE)
    dry = noise(samples=1000)
    azimuth, elevation = np.radians([35.0, 20.0])
    unit = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    wanted = np.zeros((2, 1000))
    for k in range(8):
        turn = (k / 4 - 1) * np.pi
        gain = 1 + unit @ [np.sin(turn), 0, np.cos(turn)]
        for ear in range(2):
            wanted[ear] += np.convolve(gain * dry, head.nearest(np.degrees(turn))[ear])[:1000] / 8
    got = render(load_ears(RATE, "ambisonic"), dry, [35.0], 20.0)
    np.testing.assert_allclose(got, wanted * 0.1 / np.sqrt(np.mean(dry**2)), atol=1e-4)
    assert isinstance(load_ears(RATE), HRIRSet)
