"""Convolution with impulse responses: at once, or block by block."""

from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

Array = TypeVar("Array", Tensor, NDArray[Any])


def convolve(signal: Array, response: Array) -> Array:
    """Convolve along the last axis, by fast Fourier transforms of a length that is fast.

    Args:
        signal: (..., T), T >= 1.
        response: (..., K), K >= 1; the leading axes broadcast.

    Returns:
        (..., T + K - 1), of the same precision.

    >>> convolve(np.array([1.0, 0.0, 2.0]), np.array([[1.0, 0.5], [0.0, 1.0]])).round(6) + 0.0
    array([[1. , 0.5, 2. , 1. ],
           [0. , 1. , 0. , 2. ]])
    """
    length = signal.shape[-1] + response.shape[-1] - 1
    size, fft = _fast_size(length), _fft(signal)
    spectrum = fft.rfft(signal, size) * fft.rfft(response, size)
    return cast(Array, fft.irfft(spectrum, size)[..., :length])


def convolve_blocks(signal: Tensor, spectra: Tensor, taps: int) -> Tensor:
    """Convolve a signal with short responses whose spectra are known, block by block (overlap-add).

    A response of some milliseconds and a signal of some seconds: a fifth of the time of one long transform.

    Args:
        signal: (T,), T >= 1.
        spectra: (..., B / 2 + 1), `torch.fft.rfft(responses, B)` of (..., K) responses with an even B of at least K.
        taps: K.

    Returns:
        (..., T + K - 1).

    >>> responses = torch.tensor([[1.0, 0.5], [0.0, 1.0]])
    >>> convolve_blocks(torch.tensor([1.0, 0.0, 2.0]), torch.fft.rfft(responses, 4), 2).round(decimals=6)
    tensor([[1.0000, 0.5000, 2.0000, 1.0000],
            [0.0000, 1.0000, 0.0000, 2.0000]])
    """
    size = 2 * (spectra.shape[-1] - 1)
    hop, length = size - taps + 1, signal.shape[-1]
    count = -(-length // hop)
    blocks = torch.nn.functional.pad(signal, (0, count * hop - length)).view(count, hop)
    wet = torch.fft.irfft(torch.fft.rfft(blocks, size) * spectra[..., None, :], size)  # (..., count, B)
    places = -(-(taps - 1) // hop)  # blocks into which a tail reaches
    out = signal.new_zeros(*spectra.shape[:-1], count + places, hop)
    for place in range(places + 1):
        part = wet[..., place * hop : (place + 1) * hop]
        out[..., place : place + count, : part.shape[-1]] += part
    return out.flatten(-2)[..., : length + taps - 1]


class BlockConvolver:
    """Convolves channels with a matrix of impulse responses, one block after the other (overlap-add).

    What a block leaves sounding goes on in the next, so blocks of any lengths give the sound that one call would.

    Args:
        responses: (E, C, K) from each of C channels to each of E outputs, tensor or array.
    """

    def __init__(self, responses: Any) -> None:
        self.responses = responses
        self._spectra: tuple[int, Any] = (0, None)  # of the last size: blocks are mostly of one
        self._tail: Any = None

    def __call__(self, block: Any) -> Any:
        """Convolve the next block (..., C, T), T >= 1, to (..., E, T)."""
        length, taps, fft = block.shape[-1], self.responses.shape[-1], _fft(block)
        size = _fast_size(length + taps - 1)
        if self._spectra[0] != size:
            self._spectra = (size, fft.rfft(self.responses, size))
        wet = fft.irfft((self._spectra[1] * fft.rfft(block, size)[..., None, :, :]).sum(-2), size)
        wet = wet[..., : length + taps - 1]
        if self._tail is not None:
            wet[..., : taps - 1] += self._tail
        self._tail = wet[..., length:]
        return wet[..., :length]

    def finish(self) -> Any:
        """Return what still sounds after the last block, (..., E, K - 1); None before the first."""
        return self._tail


def _fast_size(length: int) -> int:
    """Smallest product of powers of 2, 3 and 5 that is at least `length`."""
    return int(next_fast_len(length, real=True))


def _fft(signal: Any) -> Any:
    """The module of transforms for a tensor or an array."""
    return torch.fft if isinstance(signal, Tensor) else np.fft
