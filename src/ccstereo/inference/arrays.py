"""What callers hand in as arrays: sound of any type at full scale +-1, rates, and frames."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e6  # of a sample: beyond, squares of single precision overflow
_FULL_SCALE = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}


def as_samples(sound: Any) -> NDArray[np.float32]:
    """Copy mono sound (T,) as float32 at full scale +-1; NaN and infinities become silence.

    Args:
        sound: array, list or tensor; float at full scale +-1, int16 or int32, which are divided by theirs, or uint8,
            whose silence is 128.

    Raises:
        ValueError: the shape is not (T,), samples are of another type, or far beyond full scale.

    >>> as_samples(np.array([16384, -32768], dtype=np.int16)).tolist()
    [0.5, -1.0]
    """
    if hasattr(sound, "detach"):  # a tensor, wherever it is and whether or not it requires gradients
        sound = sound.detach().cpu().float().numpy()
    array = np.asarray(sound)
    if array.ndim != 1:
        raise ValueError(f"expected mono sound (T,), got an array of shape {array.shape}")
    if array.dtype in _FULL_SCALE:
        return (array / _FULL_SCALE[array.dtype]).astype(np.float32)
    if array.dtype == np.uint8:
        return ((array.astype(np.float32) - 128) / 128).astype(np.float32)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"expected samples of float, int16, int32 or uint8, got {array.dtype}")
    samples = np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0)
    if samples.size and np.abs(samples).max() > LARGEST:
        raise ValueError(f"samples reach {np.abs(samples).max():.3g}; full scale is 1")
    return np.asarray(samples, dtype=np.float32)  # nan_to_num has copied


def as_frame(frame: Any) -> NDArray[np.uint8]:
    """Check a frame (H, W, 3) uint8.

    Raises:
        ValueError: it has another shape or type, or no pixels.
    """
    if hasattr(frame, "detach"):
        frame = frame.detach().cpu().numpy()
    array = np.asarray(frame)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or array.size == 0:
        raise ValueError(f"expected a frame (H, W, 3) of uint8, got {array.dtype} {array.shape}")
    return array


def check_sample_rate(rate: Any) -> int:
    """A sample rate in Hz as a whole number.

    Raises:
        ValueError: it is no whole number above 0.
    """
    whole = isinstance(rate, int | np.integer) and not isinstance(rate, bool)
    if not (whole or (isinstance(rate, float) and rate.is_integer())) or rate <= 0:
        raise ValueError(f"the sample rate must be a whole number of Hz above 0, got {rate!r}")
    return int(rate)


def check_frame_rate(rate: Any) -> float:
    """A number of frames a second.

    Raises:
        ValueError: it is no finite number above 0.
    """
    number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
    if not number or not 0 < float(rate) < math.inf:
        raise ValueError(f"the frame rate must be a finite number above 0, got {rate!r}")
    return float(rate)
