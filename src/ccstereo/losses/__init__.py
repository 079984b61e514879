"""What training minimises: tensors in, differentiable scalars out."""

from ccstereo.losses.contrastive import contrastive_loss, shuffle_positions
from ccstereo.losses.reconstruction import difference_mse, magnitude_loss, phase_loss

__all__ = ["contrastive_loss", "difference_mse", "magnitude_loss", "phase_loss", "shuffle_positions"]
