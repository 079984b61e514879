"""Short-time Fourier transform with the real and imaginary part in a channel axis, as the field's networks take it."""

from functools import lru_cache

import torch
from torch import Tensor

from ccstereo.config import STFTConfig as STFTConfig


@lru_cache(maxsize=16)
def _hann(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # a window first made while predicting must serve training, too
        return torch.hann_window(length, device=device, dtype=dtype)


def stft(waveform: Tensor, config: STFTConfig = STFTConfig()) -> Tensor:  # noqa: B008  (frozen)
    """Transform a waveform to a two-channel (real, imaginary) spectrogram.

    Args:
        waveform: (..., T) real samples.
        config: transform sizes.

    Returns:
        (..., 2, F, frames): Hann window, centred, zero padding at both ends.

    >>> stft(torch.zeros(3, 10080)).shape
    torch.Size([3, 2, 257, 64])
    """
    *batch, samples = waveform.shape
    spec = torch.stft(
        waveform.reshape(-1, samples),
        config.n_fft,
        config.hop_length,
        config.win_length,
        window=_hann(config.win_length, waveform.device, waveform.dtype),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return torch.view_as_real(spec).permute(0, 3, 1, 2).reshape(*batch, 2, *spec.shape[-2:])


def istft(spec: Tensor, length: int, config: STFTConfig = STFTConfig()) -> Tensor:  # noqa: B008  (frozen)
    """Invert `stft`.

    Args:
        spec: (..., 2, F, frames) real and imaginary part.
        length: samples T of the result.
        config: transform sizes; the frequency axis must hold `config.bins` bins, the Nyquist bin included
            (inferring the size from 256 bins is the mistake that caps Mono2Binaural's released path at 13-38 dB).

    Returns:
        (..., T) waveform.

    Raises:
        ValueError: the frequency axis does not fit `config`.

    >>> x = torch.randn(2, 10080)
    >>> torch.allclose(istft(stft(x), 10080), x, atol=1e-5)
    True
    """
    if spec.shape[-3] != 2 or spec.shape[-2] != config.bins:
        raise ValueError(f"expected a spectrogram (..., 2, {config.bins}, frames), got {tuple(spec.shape)}")
    *batch, _, bins, frames = spec.shape
    flat = spec.reshape(-1, 2, bins, frames).permute(0, 2, 3, 1).contiguous()
    waveform = torch.istft(
        torch.view_as_complex(flat),
        config.n_fft,
        config.hop_length,
        config.win_length,
        window=_hann(config.win_length, spec.device, spec.dtype),
        center=True,
        length=length,
    )
    return waveform.reshape(*batch, length)


def apply_mask(mask: Tensor, spec: Tensor) -> Tensor:
    """Multiply two complex spectrograms (..., 2, F, frames): difference = mask * mixture.

    >>> i = torch.tensor([0.0, 1.0]).reshape(2, 1, 1)
    >>> apply_mask(i, i).flatten().tolist()
    [-1.0, 0.0]
    """
    mask_re, mask_im = mask.unbind(-3)
    re, im = spec.unbind(-3)
    return torch.stack([mask_re * re - mask_im * im, mask_re * im + mask_im * re], dim=-3)
