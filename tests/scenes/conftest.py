"""Heads and a material whose every picture has a colour of its own, so that it can be found again in a frame."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ccstereo.scenes.acoustics.hrir import HRIRSet, load_sofa, spherical_head
from ccstereo.scenes.material import Material

STAGE = Path(__file__).parents[3] / "shared" / "stage"
MEASURED = {"kemar": "MIT_KEMAR_normal_pinna.sofa", "cipic": "CIPIC_subject_003.sofa"}


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def heads() -> dict[str, HRIRSet]:
    """Spherical heads at two rates, and the measured ones that are there, at their own rate."""
    out = {"sphere": spherical_head(16_000), "sphere44": spherical_head(44_100)}
    for name, file in MEASURED.items():
        if (STAGE / "hrtf" / file).is_file():
            out[name] = load_sofa(STAGE / "hrtf" / file)
    return out


@pytest.fixture(params=["sphere", "sphere44", *MEASURED], scope="session")
def head(request, heads) -> HRIRSet:
    """Every head in turn."""
    if request.param not in heads:
        pytest.skip("measured heads are not there")
    return heads[request.param]


@pytest.fixture(params=list(MEASURED), scope="session")
def measured(request, heads) -> HRIRSet:
    """Every measured head in turn."""
    if request.param not in heads:
        pytest.skip("measured heads are not there")
    return heads[request.param]


def flat(colour: tuple[int, int, int], height: int, width: int) -> np.ndarray:
    """A picture of one colour."""
    return np.full((height, width, 3), colour, dtype=np.uint8)


@pytest.fixture(scope="session")
def material() -> Material:
    """Five classes of two pictures and two sounds each, tall to wide, on grey grounds."""
    rng = np.random.default_rng(5)
    shapes = {"a": (60, 30), "b": (60, 50), "c": (60, 60), "d": (60, 90), "e": (60, 140)}
    pictures = {
        label: tuple(flat((200, 40 * i, 20 + 100 * n), *shape) for n in range(2))
        for i, (label, shape) in enumerate(shapes.items())
    }
    sounds = {
        label: tuple(rng.standard_normal(16_000 * seconds).astype(np.float32) * 0.1 for seconds in (1, 3))
        for label in shapes
    }
    backgrounds = (flat((90, 90, 90), 60, 120), flat((110, 110, 110), 80, 80), flat((100, 100, 100), 40, 120))
    return Material("flat", pictures, sounds, backgrounds)
