"""Where a sound seems to come from, judged through measured ears.

With one source s the ears receive L = HL s and R = HR s, so L HR - R HL vanishes for the true head-related impulse
response and for no other. The score needs no true sound, only the true direction and a bank to compare with.
"""

import torch
from torch import Tensor

from ccstereo.audio import STFTConfig, stft
from ccstereo.metrics.functional._pairs import binaural_clips

_CONFIG = STFTConfig(n_fft=1024, win_length=1024, hop_length=512)


def estimate_azimuth(binaural: Tensor, sample_rate: int, hrir_bank: Tensor, azimuths: Tensor) -> Tensor:
    """Azimuth of the impulse responses that best explain a clip of one still source.

    The error |L HR - R HL|^2 is divided, at each frequency, by its greatest value (|L|^2 + |R|^2)(|HL|^2 + |HR|^2), and
    averaged with the amplitude of the clip as weight, so that neither loud frequencies nor loud responses decide
    alone. This is the library's own estimator.

    Args:
        binaural: (..., 2, T) clips.
        sample_rate: in Hz, of clips and impulse responses alike; frequencies below 100 Hz and above 8 kHz are skipped.
        hrir_bank: (A, 2, K) head-related impulse responses, K <= 1024, left ear first.
        azimuths: (A,) their azimuths in degrees, positive to the left. Front and back are easily confused: offer
            only the half that is in view.

    Returns:
        (...) one of `azimuths`.

    Raises:
        ValueError: a shape does not fit.

    >>> bank = torch.tensor([[[1.0, 0, 0], [0, 0, 0.5]], [[0, 0, 0.5], [1.0, 0, 0]]])  # earlier and louder: left, right
    >>> x = torch.randn(4000)
    >>> estimate_azimuth(torch.stack([0.5 * x.roll(2), x]), 16000, bank, torch.tensor([40.0, -40.0])).item()
    -40.0
    """
    binaural = binaural_clips(binaural)
    if hrir_bank.ndim != 3 or hrir_bank.shape[1] != 2 or hrir_bank.shape[2] > _CONFIG.n_fft:
        raise ValueError(f"expected impulse responses (A, 2, up to {_CONFIG.n_fft}), got {tuple(hrir_bank.shape)}")
    if azimuths.shape != hrir_bank.shape[:1]:
        raise ValueError(f"expected {len(hrir_bank)} azimuths, got shape {tuple(azimuths.shape)}")
    frequency = torch.arange(_CONFIG.bins, device=binaural.device) * sample_rate / _CONFIG.n_fft
    inside = (frequency >= 100) & (frequency <= 8000)
    response = torch.fft.rfft(hrir_bank.to(binaural), n=_CONFIG.n_fft)[..., inside]
    response_left, response_right = response.unbind(1)  # (A, F)

    spec = stft(binaural, _CONFIG)[..., inside, :]
    left, right = torch.complex(spec[..., 0, :, :], spec[..., 1, :, :]).unbind(-3)
    power_left, power_right = left.abs().square().sum(-1), right.abs().square().sum(-1)  # (..., F)
    cross = (left * right.conj()).sum(-1)

    # The error summed over frames, of every clip with every response, as matrix products over the frequency.
    power = power_left + power_right
    weight = power.sqrt() / power.clamp_min(torch.finfo(power.dtype).tiny)
    response_power = (response_left.abs().square() + response_right.abs().square()).clamp_min(1e-20)
    part_left, part_right = (r.abs().square() / response_power for r in (response_left, response_right))
    pair = response_right * response_left.conj() / response_power
    error = (weight * power_left) @ part_right.T + (weight * power_right) @ part_left.T
    error = error - 2 * ((weight * cross.real) @ pair.real.T - (weight * cross.imag) @ pair.imag.T)  # (..., A)
    found = azimuths.to(binaural)[error.argmin(-1)]
    return torch.where(error.isnan().any(-1), torch.nan, found)  # a clip that is NaN comes from nowhere


def azimuth_error(pred: Tensor, true_azimuth: Tensor, sample_rate: int, hrir_bank: Tensor, azimuths: Tensor) -> Tensor:
    """Angle between the direction estimated from a predicted clip and the true one.

    Clips (..., 2, T) and true azimuths (...) in degrees give (...) degrees in [0, 180]; all else as `estimate_azimuth`.
    """
    found = estimate_azimuth(pred, sample_rate, hrir_bank, azimuths)
    return ((found - true_azimuth.to(found) + 180) % 360 - 180).abs()
