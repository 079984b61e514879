"""Where a window lies in a longer sound."""

import torch
from scipy.signal import correlate
from torch import Tensor


def likeness(sound: Tensor, window: Tensor) -> Tensor:
    """(T - W + 1,) the cosine between a window (W,) and each stretch of a sound (T,) that is as long."""
    sound, window = sound.double(), window.double()
    products = torch.from_numpy(correlate(sound.numpy(), window.numpy(), "valid", "fft"))
    ends = torch.cat([torch.zeros(1), sound.square().cumsum(0)])
    energies = (ends[len(window) :] - ends[: -len(window)]).clamp_min(1e-12)
    return products / energies.sqrt() / window.norm()
