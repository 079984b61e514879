"""Tensors made again, bit for bit, from a name and a seed: the weights and inputs of the golden cases.

The golden outputs were computed with the authors' released code from these very tensors, so no weights file has to be
carried. All values come from the raw 64-bit stream of numpy's PCG64, which numpy guarantees on every machine.
"""

from zlib import crc32

import numpy as np

SEED = 7


def uniform(name: str, shape: tuple[int, ...], seed: int = SEED) -> np.ndarray:
    """Uniform values in [-1, 1), float32, of the given shape."""
    stream = np.random.PCG64(crc32(f"{seed}/{name}".encode()))
    bits = stream.random_raw(int(np.prod(shape, dtype=np.int64))) >> np.uint64(11)
    return (2.0 * (bits.astype(np.float64) * 2.0**-53) - 1.0).astype(np.float32).reshape(shape)


def weight(name: str, shape: tuple[int, ...], seed: int = SEED) -> np.ndarray:
    """A value for the state-dict entry `name`, of a size that keeps a deep network's signals in range."""
    leaf = name.split(".")[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, dtype=np.int64)
    values = uniform(name, shape, seed)
    if leaf == "running_mean":
        return 0.1 * values
    if leaf == "running_var":
        return 1.0 + 0.5 * np.abs(values)
    if leaf.endswith("bias"):
        return 0.05 * values
    if len(shape) < 2:  # scale of a norm
        return 1.0 + 0.1 * values
    return np.float32(np.sqrt(6.0 / np.prod(shape[1:], dtype=np.int64))) * values


def noise_audio(name: str, channels: int, samples: int, seed: int = SEED) -> np.ndarray:
    """Coloured noise under a slow envelope, (channels, samples) at 16 kHz, |x| <= 1."""
    window = np.hanning(9) / 4.0
    noise = uniform(name, (channels, samples), seed).astype(np.float64)
    smooth = np.stack([np.convolve(channel, window, mode="same") for channel in noise])
    phase = 0.7 * (np.arange(samples) / 16000.0) + np.linspace(0.0, 0.5, channels)[:, None]
    return (0.5 * smooth * (0.3 + 0.7 * np.sin(2 * np.pi * phase) ** 2)).astype(np.float32)


def rgb_frames(name: str, count: int, height: int, width: int, seed: int = SEED) -> np.ndarray:
    """Pictures of 8x16 plain random cells, uint8, (count, height, width, 3)."""
    cells = uniform(name, (count, 8, 16, 3), seed)
    tall = np.repeat(cells, -(-height // 8), axis=1)[:, :height]
    return np.clip(127.5 * (np.repeat(tall, -(-width // 16), axis=2)[:, :, :width] + 1.0), 0, 255).astype(np.uint8)
