"""Skips without Lightning; one core, so that tests which run side by side do not wait for each other."""

import logging
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


@pytest.fixture(autouse=True)
def _heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning's logger tells the root, and so `caplog`, only where that had a handler when it was imported."""
    monkeypatch.setattr(logging.getLogger("lightning.pytorch"), "propagate", True)
