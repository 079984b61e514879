"""What every score shares: checking a pair of clips, and a square root that has a gradient at zero."""

import torch
from torch import Tensor

_QUIET = 1e-20  # smallest peak a clip is divided by, as in the released evaluation scripts


def peak_normalize(binaural: Tensor) -> Tensor:
    """Divide each clip by its own peak over both ears (the protocol of 2.5D Visual Sound and all papers after it).

    Scores of normalised clips do not see an error of gain, and hang on one sample's value.

    Args:
        binaural: (..., 2, T).

    Returns:
        (..., 2, T) with peak 1; silence stays silence.

    >>> peak_normalize(torch.tensor([[0.1, -0.5], [0.2, 0.0]])).tolist()
    [[0.20000000298023224, -1.0], [0.4000000059604645, 0.0]]
    """
    return binaural / binaural.abs().amax((-2, -1), keepdim=True).clamp_min(_QUIET)


def binaural_clips(binaural: Tensor) -> Tensor:
    """Check the shape (..., 2, T) and leave half precision, in which energies overflow.

    Raises:
        ValueError: there is no axis of two ears, or no sample.
    """
    if binaural.ndim < 2 or binaural.shape[-2] != 2 or binaural.shape[-1] == 0:
        raise ValueError(f"expected binaural clips (..., 2, T), got {tuple(binaural.shape)}")
    return binaural if binaural.dtype == torch.float64 else binaural.float()


def paired_clips(pred: Tensor, target: Tensor, normalize: bool = False) -> tuple[Tensor, Tensor]:
    """Check predicted and true clips (..., 2, T) and normalise each by its own peak where asked.

    One truth may serve several predictions: its leading dimensions need only broadcast to those of the predictions.
    It is returned as it came, so that what is computed of it is computed once.

    Raises:
        ValueError: the truth does not broadcast to the prediction, or there is no axis of two ears.
    """
    leading = zip(reversed(pred.shape[:-2]), reversed(target.shape[:-2]), strict=False)
    one_form = pred.shape[-2:] == target.shape[-2:] and pred.ndim >= target.ndim
    if not one_form or any(true not in (1, predicted) for predicted, true in leading):
        raise ValueError(f"prediction and truth differ in shape: {tuple(pred.shape)} and {tuple(target.shape)}")
    pred, target = binaural_clips(pred), binaural_clips(target)
    return (peak_normalize(pred), peak_normalize(target)) if normalize else (pred, target)


def safe_sqrt(x: Tensor) -> Tensor:
    """Square root of x >= 0 with gradient 0, not infinity, at 0; NaN stays NaN."""
    zero = x <= 0
    return torch.where(zero, torch.zeros_like(x), torch.where(zero, torch.ones_like(x), x).sqrt())
