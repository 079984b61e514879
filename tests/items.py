"""Items to be scored, made of a true sound alone."""

import numpy as np
from torch import Tensor

from ccstereo.evaluation import Ears, Item


def item_of(truth: Tensor, name: str = "clip", ears: Ears | None = None) -> Item:
    """An item (C, T) at 16 kHz with one grey frame."""
    rendered = (ears or Ears()).render(truth, 16_000)
    return Item(name, truth, rendered, 16_000, 10.0, lambda: np.full((1, 24, 48, 3), 128, np.uint8))
