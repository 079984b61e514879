"""Skips without Lightning; one core, so that tests which run side by side do not wait for each other."""

from functools import cache

import pytest
import torch

from ccstereo.scenes import synthetic_material

pytest.importorskip("lightning")
made_once = cache(synthetic_material)


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("ccstereo.training.stage_data.synthetic_material", made_once)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the task says; which logger it reaches depends on who imported Lightning first, and on whose behalf."""
    messages: list[str] = []
    monkeypatch.setattr("ccstereo.training.task.rank_zero_info", messages.append)
    return messages
