"""Which ear is louder, overall and over time.

A level difference is left minus right in dB, so positive means that the left ear is louder. All take clips
(..., 2, T), full scale 1; leading dimensions of the truth broadcast to those of the predictions, and shapes that do not
fit or are not (..., 2, T) raise ValueError.
"""

import torch
from torch import Tensor

from ccstereo.metrics.functional._pairs import binaural_clips, paired_clips, safe_sqrt

_TINY = 1e-20  # power under which a clip is silence
_WINDOW, _HOP = 0.1, 0.05  # seconds of the level curve, near the ear's integration time; SAGM's paper gives none
_FLOOR = 1e-6  # power added to each ear, -60 dB of full scale, so that silence reads 0 dB and not noise over noise


def spl_curve(binaural: Tensor, sample_rate: int) -> Tensor:
    """Sound pressure level of the left ear minus the right ear's over time (SAGM).

    Clips (..., 2, T) at `sample_rate` Hz give (..., N) dB; N windows lie wholly inside the clip, and a shorter clip is
    one window.

    >>> x = torch.randn(8000)
    >>> spl_curve(torch.stack([2 * x, x]), 16000).mean().round().item()
    6.0
    """
    binaural = binaural_clips(binaural)
    window = min(max(1, round(_WINDOW * sample_rate)), binaural.shape[-1])
    hop = max(1, round(_HOP * sample_rate))
    power = binaural.square().unfold(-1, window, hop).mean(-1) + _FLOOR  # (..., 2, N)
    level = 10 * torch.log10(power)
    return level[..., 0, :] - level[..., 1, :]


def spl_distance(pred: Tensor, target: Tensor, sample_rate: int, *, normalize: bool = False) -> Tensor:
    """Euclidean distance between the predicted and the true curve of level differences: "SPL" (SAGM).

    It grows with the square root of a clip's length: compare clips of one length. `normalize` divides each side by its
    own peak first. Clips (..., 2, T) at `sample_rate` Hz give (...) dB, >= 0.
    """
    pred, target = paired_clips(pred, target, normalize)
    gap = spl_curve(pred, sample_rate) - spl_curve(target, sample_rate)
    return safe_sqrt(gap.square().sum(-1))


def louder_ear(binaural: Tensor) -> Tensor:
    """Level of the left ear minus the right ear's over the whole clip.

    Clips (..., 2, T) give (...) dB; 0 for silence.

    >>> round(louder_ear(torch.tensor([[0.1, -0.1], [1.0, -1.0]])).item(), 4)
    -20.0
    """
    level = 10 * torch.log10(binaural_clips(binaural).square().mean(-1) + _TINY)
    return level[..., 0] - level[..., 1]


def louder_ear_correct(pred: Tensor, target: Tensor, *, dead_zone: float = 2.0) -> Tensor:
    """Whether the louder ear is the right one, where the truth has one.

    Args:
        dead_zone: dB; a true level difference no greater than this names no ear.

    Returns:
        (...) 1 where both name the same ear, 0 where they do not, NaN where the truth names none or the prediction is
            NaN.

    >>> left, right = torch.tensor([[1.0], [0.5]]), torch.tensor([[0.5], [1.0]])
    >>> louder_ear_correct(torch.stack([left, right]), torch.stack([left, left])).tolist()
    [1.0, 0.0]
    """
    pred, target = paired_clips(pred, target)
    truth, found = louder_ear(target), louder_ear(pred)
    correct = torch.where(found.isnan(), torch.nan, (found.sign() == truth.sign()).to(found.dtype))
    return torch.where(truth.abs() > dead_zone, correct, torch.nan)
