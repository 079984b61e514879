"""The scores that the papers' tables print, as their released code defines them.

All take predicted and true clips (..., 2, T), left ear first, and return one number a clip (...). Leading dimensions of
the truth broadcast to those of the predictions: of one truth for many predictions everything is computed once. Shapes
that do not fit or are not (..., 2, T) raise ValueError.
`normalize` divides each side by its own peak first, as papers do; without it errors of level count as well. `config`
has the sizes of the transform; the defaults are the papers', for 16 kHz. Clips are padded with zeros at both ends.
Magnitude distance is twice STFT distance by construction, and waveform distance follows it closely: the three columns
of a table hold one number. Lower is better, except for the signal-to-noise ratio.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from ccstereo.audio import STFTConfig, stft
from ccstereo.metrics.functional._pairs import paired_clips, safe_sqrt

PAPERS = STFTConfig()
"""Transform sizes of the papers' scores: at 16 kHz, 25 ms windows every 10 ms."""
_SNR_FLOOR = 1e-4


def stft_distance(pred: Tensor, target: Tensor, *, normalize: bool = False, config: STFTConfig = PAPERS) -> Tensor:
    """Mean squared error over real and imaginary parts, summed over the ears: "STFT" (2.5D Visual Sound, section 5.2).

    Clips (..., 2, T) give (...) distances >= 0; for arguments and errors see the module.

    >>> x = torch.randn(3, 2, 16000)
    >>> stft_distance(x, x)
    tensor([0., 0., 0.])
    """
    pred, target = paired_clips(pred, target, normalize)
    return stft(pred - target, config).square().mean((-3, -2, -1)).sum(-1)  # the transform is linear


def magnitude_distance(pred: Tensor, target: Tensor, *, normalize: bool = False, config: STFTConfig = PAPERS) -> Tensor:
    """Squared modulus of the complex STFT error, summed over the ears: "Mag" (PseudoBinaural, section 4).

    Despite its name it compares complex values, so it is exactly twice `stft_distance`; kept to fill papers' columns.

    Clips (..., 2, T) give (...) distances >= 0; for arguments and errors see the module.
    """
    return 2 * stft_distance(pred, target, normalize=normalize, config=config)


def envelope_distance(pred: Tensor, target: Tensor, *, normalize: bool = False) -> Tensor:
    """Root mean squared error of the analytic envelope, summed over the ears: "ENV" (2.5D Visual Sound, section 5.2).

    Clips (..., 2, T) give (...) distances >= 0; for arguments and errors see the module.
    """
    pred, target = paired_clips(pred, target, normalize)
    return safe_sqrt((envelope(pred) - envelope(target)).square().mean(-1)).sum(-1)


def envelope(waveform: Tensor) -> Tensor:
    """Magnitude of the analytic signal, whose imaginary part lags a quarter turn at each frequency (Marple 1999).

    Samples (..., T) give magnitudes (..., T) >= 0.

    >>> t = torch.arange(100) / 100
    >>> torch.allclose(envelope(0.5 * torch.sin(2 * math.pi * 7 * t)), torch.tensor(0.5))
    True
    """
    # irfft leaves out what turns imaginary at 0 and at the Nyquist frequency, as it should: they have no quarter turn.
    lagging = torch.fft.irfft(-1j * torch.fft.rfft(waveform), n=waveform.shape[-1])
    return torch.complex(waveform, lagging).abs()


def waveform_distance(
    pred: Tensor, target: Tensor, *, normalize: bool = False, reduction: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """Mean squared error of the samples, times 1000: "WAV".

    Papers' tables hold the mean over the two ears; the released CCStereo code prints their sum, twice as much: this is
    `reduction`. Another one raises ValueError, too.

    Clips (..., 2, T) give (...) distances >= 0, in thousandths; for arguments and errors see the module.

    >>> waveform_distance(torch.ones(2, 4), torch.zeros(2, 4)).item()
    1000.0
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction is 'mean' or 'sum', got {reduction!r}")
    pred, target = paired_clips(pred, target, normalize)
    return (pred - target).square().mean((-2, -1)) * (1e3 if reduction == "mean" else 2e3)


def phase_distance(pred: Tensor, target: Tensor, *, normalize: bool = False, config: STFTConfig = PAPERS) -> Tensor:
    """Mean wrapped phase error of the difference l - r over all bins: "Phs" (PseudoBinaural, section 4).

    Loud and silent bins count alike. A prediction without difference has angle 0 everywhere: it scores pi/2 where the
    true angles are spread evenly, and 0 in bins where the true difference is exactly zero, too.

    Clips (..., 2, T) give (...) radians in [0, pi]; for arguments and errors see the module.

    >>> x = torch.randn(2, 1600)
    >>> round(phase_distance(-x, x).item(), 4)
    3.1416
    """
    pred, target = paired_clips(pred, target, normalize)
    turn = (_difference_angle(pred, config) - _difference_angle(target, config)).abs()
    return torch.minimum(turn, 2 * math.pi - turn).mean((-2, -1))


def _difference_angle(binaural: Tensor, config: STFTConfig) -> Tensor:
    re, im = stft(binaural[..., 0, :] - binaural[..., 1, :], config).unbind(-3)
    return torch.atan2(im.clone(), re.clone())  # several times as fast as on parts that lie between each other


def signal_to_noise_ratio(pred: Tensor, target: Tensor, *, normalize: bool = False) -> Tensor:
    """Power of the truth over power of the error, both ears together, in dB: "SNR" (PseudoBinaural, section 4).

    The released code's 1e-4, added to both powers, caps the score of a perfect clip of power 0.01 at 20 dB.

    Clips (..., 2, T) give (...) dB, higher is better; for arguments and errors see the module.

    >>> round(signal_to_noise_ratio(torch.zeros(2, 8), torch.ones(2, 8)).item(), 4)
    0.0
    """
    pred, target = paired_clips(pred, target, normalize)
    noise = (pred - target).square().mean((-2, -1))
    return 10 * torch.log10((target.square().mean((-2, -1)) + _SNR_FLOOR) / (noise + _SNR_FLOOR))
