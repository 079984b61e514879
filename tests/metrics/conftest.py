"""Makes the helper beside the test folders importable, and random inputs the same in every run."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture(autouse=True)
def _one_core_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
