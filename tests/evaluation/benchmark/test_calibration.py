"""Predictions that know how sure they are are calibrated; those that do not are found."""

import numpy as np
import pytest

from ccstereo.evaluation.benchmark.calibration import calibration, side_to_mid

RATE = 16_000
WINDOWS = 400


def energies(known: float, factor: float = 1.0) -> np.ndarray:
    """Windows whose true difference is a ratio of the mixture on either side; a fraction of them are predicted.

    The side is known in so many of the windows, the others are guessed: `factor` times what is expected then.
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(WINDOWS):
        mid = rng.standard_normal(int(0.63 * RATE))
        ratio = rng.uniform(0.1, 0.9) * rng.choice([-1, 1])
        guess = ratio * (1 if rng.random() < known else -1)
        true, ours = (np.stack([mid * (1 + r), mid * (1 - r)]) / 2 for r in (ratio, factor * (2 * known - 1) * guess))
        found.append(side_to_mid(ours.astype(np.float32), true.astype(np.float32), RATE))
    return np.concatenate(found)


@pytest.mark.parametrize("known", [1.0, 0.8])
def test_the_expected_difference_is_calibrated(known):
    for each in calibration(energies(known), bins=4):
        assert each.windows == WINDOWS / 4
        assert each.agreed == pytest.approx(each.predicted, rel=0.25 if known < 1 else 1e-3)
        assert each.true >= each.predicted * 0.999


def test_one_that_is_too_sure_is_not():
    for each in calibration(energies(0.8, factor=1 / 0.6), bins=4):
        assert each.predicted == pytest.approx(each.true, rel=1e-3)
        assert each.agreed < 0.8 * each.predicted


def test_a_wrong_side_counts_as_negative_and_the_middle_as_nothing():
    rng = np.random.default_rng(1)
    true = rng.standard_normal((2, RATE)).astype(np.float32)
    (wrong,) = calibration(side_to_mid(true[::-1], true, RATE), bins=1)
    assert wrong.agreed == pytest.approx(-wrong.true, rel=1e-3)
    (mono,) = calibration(side_to_mid(np.stack([true.mean(0)] * 2), true, RATE), bins=1)
    assert (mono.predicted, mono.agreed) == (0, 0)


def test_too_few_windows_are_refused():
    with pytest.raises(ValueError, match="1 windows are too few for 8 bins"):
        calibration(np.ones((1, 4)))
