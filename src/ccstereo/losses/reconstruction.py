"""How far predicted spectrograms are from the true ones: difference, magnitude and phase terms of the objective.

Every loss takes predicted spectrograms (..., 2, F, frames), real and imaginary part in the third axis from the end, and
the true ones, raises ValueError where their shapes differ or lack that axis, computes in float32 whatever the input's
precision, and returns a scalar of at least 0 whose gradient is finite everywhere, silence included.
"""

import torch
from torch import Tensor

_FLOOR = 1e-12  # added to a squared modulus, so that its square root has a gradient at zero


def difference_mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error, over parts, bins, frames and items, of l - r in the papers (2.5D Visual Sound, section 3.2).

    >>> difference_mse(torch.ones(1, 2, 3, 4), torch.zeros(1, 2, 3, 4)).item()
    1.0
    """
    predicted, target = _paired(predicted, target)
    return (predicted - target).square().mean()


def absolute_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error, over parts, bins, frames and items (Sep-Stereo's joint training; SAGM).

    >>> absolute_error(torch.ones(1, 2, 3, 4), torch.zeros(1, 2, 3, 4)).item()
    1.0
    """
    predicted, target = _paired(predicted, target)
    return (predicted - target).abs().mean()


def magnitude_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of the magnitude over bins, frames and items (CCStereo, equation 2).

    The modulus is over real and imaginary part, as in the paper; the released code takes it over time by mistake.

    >>> three_four = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)
    >>> round(magnitude_loss(three_four, torch.zeros(1, 2, 1, 1)).item(), 4)
    5.0
    """
    predicted, target = _paired(predicted, target)
    return (_modulus(predicted) - _modulus(target)).abs().mean()


def phase_loss(predicted: Tensor, target: Tensor, *, energy_floor: float = 0.2) -> Tensor:
    """Mean wrapped phase error, in [0, pi], over the bins that carry energy (CCStereo, equation 3); 0 where none does.

    A bin counts when its energy |re| + |im| exceeds `energy_floor` times the true spectrogram's mean energy in the
    prediction as well as in the truth; the choice of bins is not differentiated. The released code passes the two
    spectrograms in the other order, which measures energy against the prediction; pass them swapped to get its number.

    >>> one, i = (torch.tensor(z).reshape(1, 2, 1, 1) for z in ([1.0, 0.0], [0.0, 1.0]))
    >>> round(phase_loss(one, i).item(), 4)
    1.5708
    """
    predicted, target = _paired(predicted, target)
    true_energy = target.detach().abs().sum(-3)
    energy = predicted.detach().abs().sum(-3)
    least = energy_floor * true_energy.mean()
    counted = (true_energy > least) & (energy > least)
    # The angle between two complex numbers is the argument of predicted * conj(target), which needs no unwrapping. Both
    # are brought near unit length first: an angle does not change, and the product of quiet bins cannot underflow.
    unit = torch.ones((), dtype=predicted.dtype, device=predicted.device)
    (re, im) = (predicted / torch.where(counted, energy, unit).unsqueeze(-3)).unbind(-3)
    (true_re, true_im) = (target / torch.where(counted, true_energy, unit).unsqueeze(-3)).unbind(-3)
    along = torch.where(counted, re * true_re + im * true_im, unit)
    across = torch.where(counted, im * true_re - re * true_im, torch.zeros_like(unit))
    return torch.atan2(across, along).abs().sum() / counted.sum().clamp_min(1)


def _modulus(spec: Tensor) -> Tensor:
    return (spec.square().sum(-3) + _FLOOR).sqrt()


def _paired(predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if predicted.shape != target.shape or predicted.ndim < 3 or predicted.shape[-3] != 2:
        raise ValueError(
            f"expected two spectrograms of one shape (..., 2, F, frames), got {tuple(predicted.shape)} "
            f"and {tuple(target.shape)}"
        )
    return predicted.float(), target.float()
