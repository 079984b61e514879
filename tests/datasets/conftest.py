"""A material whose every class has a colour of its own, on grounds that are darker on their left."""

import numpy as np
import pytest
import torch

from ccstereo.scenes.material import Material

COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250)}


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def material() -> Material:
    """Three classes with three pictures and two noises each."""
    rng = np.random.default_rng(7)
    ground = np.repeat(np.linspace(60, 180, 200).astype(np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=-1)
    return Material(
        "coloured",
        {label: tuple(np.full((60, w, 3), c, np.uint8) for w in (40, 60, 80)) for label, c in COLOURS.items()},
        {label: tuple(rng.standard_normal((2, 40_000)).astype(np.float32)) for label in COLOURS},
        (ground,),
    )
