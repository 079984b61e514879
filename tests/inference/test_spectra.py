"""The stream's transforms on NumPy's arrays are those that networks are trained with, in PyTorch."""

import numpy as np
import pytest
import torch

from ccstereo import audio
from ccstereo.config import STFTConfig
from ccstereo.inference import spectra


@pytest.mark.parametrize(
    "config", [STFTConfig(), STFTConfig(64, 48, 17), STFTConfig(33, 33, 8), STFTConfig(64, 31, 16)]
)
@pytest.mark.parametrize("samples", [200, 1_000, 10_080])
def test_transforms_agree(config: STFTConfig, samples: int) -> None:
    sound = np.random.default_rng(0).standard_normal((3, 2, samples)).astype(np.float32)
    wanted = audio.stft(torch.from_numpy(sound), config)
    found = spectra.stft(sound, config)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-5)
    back = spectra.istft(found * 0.5, samples, config)
    assert back.dtype == np.float32
    whole = slice(0, (config.frames(samples) - 1) * config.hop_length)  # torch, too, has no windows behind
    theirs = audio.istft(wanted * 0.5, whole.stop, config).numpy()
    np.testing.assert_allclose(back[..., whole], theirs, atol=1e-5)


def test_gains_agree() -> None:
    sound = np.random.default_rng(0).standard_normal((4, 900)).astype(np.float32) * [[1.0], [1e-3], [1e-7], [0.0]]
    sound = sound.astype(np.float32)
    wanted = audio.rms_gain(torch.from_numpy(sound), 0.1).numpy()
    np.testing.assert_allclose(spectra.rms_gain(sound, 0.1), wanted, rtol=1e-5)
