"""What training minimises: tensors in, differentiable scalars out. `objective.py` has the terms and their registry."""

from ccstereo.losses.contrastive import contrastive_loss, shuffle_positions
from ccstereo.losses.objective import Step, register_term
from ccstereo.losses.reconstruction import absolute_error, difference_mse, magnitude_loss, phase_loss

__all__ = [
    "Step",
    "absolute_error",
    "contrastive_loss",
    "difference_mse",
    "magnitude_loss",
    "phase_loss",
    "register_term",
    "shuffle_positions",
]
