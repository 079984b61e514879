"""The filters against SciPy's."""

import itertools

import numpy as np
import pytest
from scipy.signal import firwin, sosfilt

from ccstereo.mastering.loudness import k_weighting
from ccstereo.mastering.peaks import _HALF, _interpolation
from ccstereo.mastering.sections import Sections


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_sections_are_scipy_s_however_sound_is_cut(rate):
    sound = np.random.default_rng(0).standard_normal((2, 30_000)).astype(np.float32)
    wanted = sosfilt(k_weighting(rate), sound.astype(np.float64))
    sections = Sections(k_weighting(rate), channels=2)
    cuts = [0, 1, 1, 128, 255, 4_800, 9_600, 9_601, 30_000]
    found = np.concatenate([sections.push(sound[:, a:b]) for a, b in itertools.pairwise(cuts)], axis=1)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_interpolation_is_a_windowed_sinc(factor):
    wanted = factor * firwin(2 * _HALF * factor + 1, 1 / factor, window=("kaiser", 6.0))
    np.testing.assert_allclose(_interpolation(factor)[::-1].ravel(), wanted[:-1], atol=1e-6)
