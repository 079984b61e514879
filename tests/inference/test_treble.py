"""Sound above what the network hears: it goes where the octave below is, by as many decibels."""

import numpy as np
import pytest
import soxr
import torch

from ccstereo.audio import mix_and_difference, stft
from ccstereo.inference.treble import treble_gain
from ccstereo.metrics.functional import interaural_level_difference
from ccstereo.scenes import spatialize, spherical_head
from panner import Panner, noise, run

RATE = 48_000


def shown(brightness: int) -> np.ndarray:
    """A picture whose left half is this bright, the right half black."""
    frames = np.zeros((10, 24, 48, 3), np.uint8)
    frames[:, :, :24] = brightness
    return frames


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_a_panned_sound_is_panned_at_every_frequency(rate: int) -> None:
    sound = noise(rate)
    left, right = run(Panner(), sound, shown(30), sample_rate=rate, tdss=False)
    pan = float(torch.tanh(torch.tensor(30 / 255 / 0.225)))
    inner = slice(rate // 20, -rate // 20)
    np.testing.assert_allclose(left[inner], (1 + pan) * sound[inner], atol=0.01)
    np.testing.assert_allclose(right[inner], (1 - pan) * sound[inner], atol=0.01)
    np.testing.assert_allclose((left + right) / 2, sound, atol=1e-6)


@pytest.mark.parametrize("azimuth", [-70, -35, 0, 20, 50])
def test_a_head_shadows_it_about_as_much(azimuth: float) -> None:
    truth = spatialize(noise(RATE), np.array([float(azimuth)]), spherical_head(RATE))
    heard = torch.from_numpy(soxr.resample(truth.T, RATE, 16_000).T.copy())
    mix, difference = (stft(signal)[None] for signal in mix_and_difference(heard))
    gain = treble_gain(mix, difference, heard.shape[-1])
    carried = 20 * torch.log10((1 + gain) / (1 - gain)).mean()
    wanted = interaural_level_difference(torch.from_numpy(truth), RATE, edges=(8_000.0, 16_000.0)).mean()
    assert carried.item() == pytest.approx(wanted.item(), rel=0.25, abs=0.3)
    assert abs(azimuth) < 15 or abs(wanted.item()) > 3


def test_gains_stay_within_one_and_mirror() -> None:
    torch.manual_seed(0)
    mix, difference = torch.randn(3, 2, 257, 30), 3 * torch.randn(3, 2, 257, 30)
    gain = treble_gain(mix, difference, 4_000)
    assert gain.shape == (3, 4_000)
    assert gain.abs().max() <= 1
    torch.testing.assert_close(treble_gain(mix, -difference, 4_000), -gain)
    assert treble_gain(0 * mix, 0 * mix, 4_000).abs().max() == 0
