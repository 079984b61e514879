"""Which sounds count as delayed between the ears: rendered and mixed ones, whose truth is known."""

import numpy as np
import pytest

from ccstereo.datasets.sources.stereo_kind import ORDINARY, balance, delayed_fraction
from ccstereo.scenes import render_sources, sample_scene, spherical_head, synthetic_material

RATE = 16_000


def scene(seed: int, **options) -> np.ndarray:
    """(S, 2, T) sources as two ears hear them."""
    material = synthetic_material("val")
    made = sample_scene(material, seed, duration=3.0, sources=1 + seed % 3, **options)
    return render_sources(made, material, spherical_head(RATE))


def panned(seed: int) -> np.ndarray:
    """The same sources, mixed to mono each and placed by level alone."""
    dry = scene(seed).mean(1)
    place = np.random.default_rng(seed).uniform(0, np.pi / 2, len(dry))
    return np.stack([np.cos(place) @ dry, np.sin(place) @ dry]).astype(np.float32)


def hall(pair: np.ndarray, seed: int) -> np.ndarray:
    """A stereo reverberation on top, 15 dB below the direct sound, without correlation between the channels."""
    rng = np.random.default_rng(seed)
    tails = 0.006 * rng.standard_normal((2, 6_000)) * np.exp(-np.arange(6_000) / 1_600)
    return (pair + np.stack([np.convolve(pair.sum(0), tail)[: pair.shape[1]] for tail in tails])).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_rendered_and_panned_sounds_lie_on_both_sides_of_the_threshold(seed: int) -> None:
    binaural, mixed = scene(seed, moving=bool(seed % 2), min_azimuth=15.0).sum(0), panned(seed)
    assert delayed_fraction(binaural, RATE) > 2 * ORDINARY
    assert delayed_fraction(hall(binaural, seed), RATE) > ORDINARY
    assert delayed_fraction(mixed, RATE) < 0.5 * ORDINARY
    assert delayed_fraction(hall(mixed, seed), RATE) < ORDINARY


def test_at_other_rates() -> None:
    rng = np.random.default_rng(0)
    for rate in (44_100, 48_000):
        dry = rng.standard_normal(4 * rate).astype(np.float32)
        assert delayed_fraction(np.stack([dry, 0.5 * np.roll(dry, round(0.0003 * rate))]), rate) > 0.9
        assert delayed_fraction(np.stack([dry, 0.5 * dry]), rate) == 0


def test_what_is_no_delay_of_a_head() -> None:
    """In opposite phase, unrelated, later than any head makes it, in the middle; and silence and next to nothing."""
    dry, other = np.random.default_rng(0).standard_normal((2, 3 * RATE)).astype(np.float32)
    for pair in ([dry, -dry], [dry, other], [dry, np.roll(dry, 100)], [dry, dry], [0 * dry, 0 * dry]):
        assert delayed_fraction(np.stack(pair), RATE) < ORDINARY
    assert delayed_fraction(np.zeros((2, 100), np.float32), RATE) == 0


def test_balance_finds_what_is_not_stereo() -> None:
    dry, other = 0.1 * np.random.default_rng(0).standard_normal((2, 2 * RATE)).astype(np.float32)

    def fault(left: np.ndarray, right: np.ndarray) -> str:
        pair = np.stack([left, right], 1).astype(np.float32)
        return balance([pair[:5_000], pair[5_000:]], RATE).fault or ""

    assert "equal" in fault(dry, dry)
    assert "equal" in fault(dry, dry + 1e-5 * other)
    assert "right channel is silent" in fault(dry, 0 * dry)
    assert "left channel is silent" in fault(0 * dry, dry)
    assert "silent" in fault(0 * dry, 0 * dry)
    assert fault(dry, other) == fault(dry, 0.9 * dry) == ""
