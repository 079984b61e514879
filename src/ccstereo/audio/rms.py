"""RMS normalisation: every window of the mixture reaches the network equally loud."""

from torch import Tensor


def rms(waveform: Tensor, floor: float = 0.0) -> Tensor:
    """Root mean square over the last axis, at least `floor`.

    Args:
        waveform: (..., T).
        floor: smallest value returned.

    Returns:
        (..., 1).

    >>> import torch
    >>> rms(torch.tensor([3.0, -3.0])).item()
    3.0
    """
    return waveform.square().mean(-1, keepdim=True).sqrt().clamp_min(floor)


def rms_gain(mix: Tensor, target: float = 0.1, floor: float = 1e-4) -> Tensor:
    """Gain that brings each window of the mixture to RMS `target` (2.5D Visual Sound, section 4).

    The RMS is that of the mixture, never of the true ears, which a user does not have.

    Args:
        mix: (..., T) mixture windows.
        target: RMS after scaling.
        floor: RMS below which a window counts as silent; silence is thus never raised without bound.

    Returns:
        (..., 1) positive factor.

    >>> import torch
    >>> round(rms_gain(torch.full((4,), 0.5)).item(), 6)
    0.2
    """
    return target / rms(mix, floor)
