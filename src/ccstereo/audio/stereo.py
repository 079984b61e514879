"""Mixture and difference of two ears, and the complex mask that leads from one to the other."""

import torch
from torch import Tensor


def mix_and_difference(stereo: Tensor) -> tuple[Tensor, Tensor]:
    """Split a binaural pair into mixture m = l + r and difference d = l - r (2.5D Visual Sound, section 3.1).

    Args:
        stereo: (..., 2, T), left first.

    Returns:
        (..., T) mixture and (..., T) difference.

    >>> mix, diff = mix_and_difference(torch.tensor([[1.0], [0.25]]))
    >>> mix.item(), diff.item()
    (1.25, 0.75)
    """
    left, right = stereo.unbind(-2)
    return left + right, left - right


def to_binaural(mix: Tensor, difference: Tensor) -> Tensor:
    """Invert `mix_and_difference`: l = (m + d) / 2, r = (m - d) / 2.

    Args:
        mix: (..., T) mixture l + r. A mono track x enters as 2x, so that l = r = x where d = 0.
        difference: (..., T) difference l - r.

    Returns:
        (..., 2, T), left first.

    >>> to_binaural(torch.tensor([1.25]), torch.tensor([0.75])).flatten().tolist()
    [1.0, 0.25]
    """
    return torch.stack([(mix + difference) / 2, (mix - difference) / 2], dim=-2)


def to_binaural_spec(mix_spec: Tensor, difference_spec: Tensor) -> Tensor:
    """Do the same as `to_binaural` to spectrograms, which are linear in the sound.

    Args:
        mix_spec: (..., 2, F, frames) of l + r.
        difference_spec: (..., 2, F, frames) of l - r.

    Returns:
        (..., ears, 2, F, frames), left first.

    >>> to_binaural_spec(torch.full((2, 1, 1), 1.25), torch.full((2, 1, 1), 0.75)).squeeze().tolist()
    [[1.0, 1.0], [0.25, 0.25]]
    """
    return torch.stack([(mix_spec + difference_spec) / 2, (mix_spec - difference_spec) / 2], dim=-4)


def apply_mask(mask: Tensor, spec: Tensor) -> Tensor:
    """Multiply two complex spectrograms: difference = mask * mixture.

    Args:
        mask: (..., 2, F, frames) real and imaginary part of the complex ratio mask.
        spec: (..., 2, F, frames) spectrogram of the mixture.

    Returns:
        (..., 2, F, frames).

    >>> i = torch.tensor([0.0, 1.0]).reshape(2, 1, 1)
    >>> apply_mask(i, i).flatten().tolist()
    [-1.0, 0.0]
    """
    mask_re, mask_im = mask.unbind(-3)
    re, im = spec.unbind(-3)
    return torch.stack([mask_re * re - mask_im * im, mask_re * im + mask_im * re], dim=-3)
