"""`ccstereo.audio.rms_gain`, `stft` and `istft` on NumPy's arrays, so that a stream needs no torch."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ccstereo.config import STFTConfig

Array = NDArray[np.float32]


def rms_gain(mix: Array, target: float = 0.1, floor: float = 1e-4) -> Array:
    """Gain (..., 1) that brings each window (..., T) to RMS `target`, see `ccstereo.audio.rms_gain`.

    >>> rms_gain(np.full(4, 0.5, np.float32)).round(6).tolist()
    [0.20000000298023224]
    """
    rms = np.sqrt(np.square(mix).mean(-1, keepdims=True))
    return np.asarray(target / np.maximum(rms, floor), dtype=np.float32)


def stft(waveform: Array, config: STFTConfig = STFTConfig()) -> Array:  # noqa: B008  (frozen)
    """Transform (..., T) to (..., 2, F, frames), see `ccstereo.audio.stft`.

    >>> stft(np.zeros((3, 10080), np.float32)).shape
    (3, 2, 257, 64)
    """
    side = config.n_fft // 2
    padded = np.pad(waveform, [(0, 0)] * (waveform.ndim - 1) + [(side, side)])
    pieces = np.lib.stride_tricks.sliding_window_view(padded, config.n_fft, axis=-1)[..., :: config.hop_length, :]
    spec = np.fft.rfft(pieces * _hann(config), axis=-1)
    return np.stack([spec.real, spec.imag], axis=-3).swapaxes(-1, -2).astype(np.float32)


def istft(spec: Array, length: int, config: STFTConfig = STFTConfig()) -> Array:  # noqa: B008  (frozen)
    """Invert `stft`: (..., 2, F, frames) to (..., length), see `ccstereo.audio.istft`.

    >>> x = np.random.default_rng(0).standard_normal((2, 10080)).astype(np.float32)
    >>> np.allclose(istft(stft(x), 10080), x, atol=1e-5)
    True
    """
    across = spec.swapaxes(-1, -2)
    pieces = np.fft.irfft(across[..., 0, :, :] + 1j * across[..., 1, :, :], config.n_fft, axis=-1).astype(np.float32)
    window = _hann(config)
    total = _overlap_add(pieces * window, config.hop_length)
    cover = _overlap_add(np.broadcast_to(window**2, pieces.shape[-2:]), config.hop_length)
    inner = slice(config.n_fft // 2, config.n_fft // 2 + length)
    found = total[..., inner] / np.maximum(cover[inner], 1e-11)
    return np.asarray(np.pad(found, [(0, 0)] * (found.ndim - 1) + [(0, length - found.shape[-1])]), dtype=np.float32)


@lru_cache(maxsize=4)
def _hann(config: STFTConfig) -> Array:
    """The periodic window, amid the zeros that fill it up to the transform's length."""
    window = np.sin(np.pi * np.arange(config.win_length) / config.win_length) ** 2
    before = (config.n_fft - config.win_length) // 2
    return np.pad(window, (before, config.n_fft - config.win_length - before)).astype(np.float32)


def _overlap_add(pieces: Array, hop: int) -> Array:
    """Add pieces (..., frames, n), each `hop` behind the one before, to (..., (frames - 1) * hop + n or more)."""
    *batch, frames, n = pieces.shape
    parts = -(-n // hop)  # a piece is that many hops long
    cut = np.pad(pieces, [(0, 0)] * (pieces.ndim - 1) + [(0, parts * hop - n)]).reshape(*batch, frames, parts, hop)
    total = np.zeros((*batch, frames + parts - 1, hop), np.float32)
    for part in range(parts):
        total[..., part : part + frames, :] += cut[..., part, :]
    return total.reshape(*batch, -1)
