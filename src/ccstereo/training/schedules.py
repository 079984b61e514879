"""Schedules of the learning rate beside PyTorch's own."""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


class PolynomialDecay(LambdaLR):
    """Rises linearly over the first steps, then decays by a power of what is left; stepped after every step.

    Args:
        optimizer: whose rates are scheduled.
        power: of the decay; 0 keeps the rate.
        warmup_steps: over which the rate rises from zero.
        total_steps: after which it is zero; None takes the steps of the training.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = PolynomialDecay(optimizer, power=1.0, total_steps=4)
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.75]
    """

    interval = "step"

    def __init__(
        self, optimizer: Optimizer, power: float = 0.9, warmup_steps: int = 0, total_steps: int | None = None
    ) -> None:
        self.power = power
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        super().__init__(optimizer, self._factor)

    def _factor(self, step: int) -> float:
        rise = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        total = self.total_steps or step + 1
        return float(rise * (1 - min(step, total) / total) ** self.power)

    def state_dict(self) -> dict[str, Any]:
        """The position alone: a resumed run may be longer."""
        settings = ("power", "warmup_steps", "total_steps")
        return {name: value for name, value in super().state_dict().items() if name not in settings}
