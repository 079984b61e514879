"""Skips without Lightning; one core, so that tests which run side by side do not wait for each other."""

import pytest
import torch

pytest.importorskip("lightning")


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)
