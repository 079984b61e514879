"""The schedule of the learning rate: its restarts, and what a resumed run takes of it."""

import pytest
import torch

from ccstereo.training.schedules import PolynomialDecay


def schedule(**options) -> PolynomialDecay:
    return PolynomialDecay(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0), power=1.0, **options)


def rates(of: PolynomialDecay, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(of.get_last_lr()[0])
        of.optimizer.step()
        of.step()
    return found


def test_a_restart_begins_anew_with_its_warm_up() -> None:
    made = schedule(warmup_steps=2, total_steps=14, restarts=[4])
    assert rates(made, 14) == pytest.approx([1.0, 1.5, 1.0, 0.5, 1.0, *(2 - 0.2 * step for step in range(1, 10))])
    assert made.get_last_lr() == [0.0]


def test_restarts_change_nothing_before_the_first() -> None:
    assert rates(schedule(total_steps=9, restarts=[4, 6]), 4) == rates(schedule(total_steps=4), 4)


def test_a_run_that_had_ended_goes_on_at_the_restarts_own_rate() -> None:
    ended = schedule(total_steps=4)
    rates(ended, 4)
    resumed = schedule(total_steps=14, restarts=[4])
    resumed.load_state_dict(ended.state_dict())
    assert resumed.get_last_lr() == [group["lr"] for group in resumed.optimizer.param_groups] == [2.0]
    assert rates(resumed, 10) == rates(schedule(total_steps=14, restarts=[4]), 14)[4:]


@pytest.mark.parametrize(
    "options", [{"restarts": [4]}, *({"total_steps": 9, "restarts": r} for r in ([0], [5, 4], [9]))]
)
def test_restarts_outside_of_the_steps_are_refused(options) -> None:
    with pytest.raises(ValueError, match=r"restarts must rise from above 0 to below total_steps \((None|9)\), got \["):
        schedule(**options)
