"""Random inputs are the same in every run, and the tests take one core."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
