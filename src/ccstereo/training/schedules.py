"""Schedules of the learning rate beside PyTorch's own."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
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
        restarts: steps in rising order at which the rate has decayed to zero and begins anew, warm-up and all
            (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017).

    Raises:
        ValueError: `restarts` are not in rising order between 0 and `total_steps`, or `total_steps` is not given.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = PolynomialDecay(optimizer, power=1.0, total_steps=4)
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.75]
    """

    interval = "step"

    def __init__(
        self,
        optimizer: Optimizer,
        power: float = 0.9,
        warmup_steps: int = 0,
        total_steps: int | None = None,
        restarts: Sequence[int] = (),
    ) -> None:
        if restarts and any(after <= before for before, after in pairwise([0, *restarts, total_steps or 0])):
            raise ValueError(f"restarts must rise from above 0 to below total_steps ({total_steps}), got {restarts}")
        self.power = power
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.restarts = restarts
        super().__init__(optimizer, self._factor)

    def _factor(self, step: int) -> float:
        part = bisect_right(self.restarts, step)
        start = self.restarts[part - 1] if part else 0
        end = self.restarts[part] if part < len(self.restarts) else self.total_steps or step + 1
        step, total = step - start, end - start
        rise = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        return float(rise * (1 - min(step, total) / total) ** self.power)

    def state_dict(self) -> dict[str, Any]:
        """The position alone: a resumed run may be longer."""
        settings = ("power", "warmup_steps", "total_steps", "restarts")
        return {name: value for name, value in super().state_dict().items() if name not in settings}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the position, and the rates that this schedule has there: the checkpoint's may be another one's."""
        super().load_state_dict(state_dict)
        self._last_lr = [base * self._factor(self.last_epoch) for base in self.base_lrs]
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate
