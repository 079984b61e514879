"""Pseudo-binaural data from anyone's photos and mono sounds, in the prepared layout. See docs/data/simulate.md."""

from ccstereo.datasets.sources.simulated.build import simulated_folds, simulated_set
from ccstereo.datasets.sources.simulated.clip import Recipe, simulate_clip
from ccstereo.datasets.sources.simulated.inputs import Inputs, survey
from ccstereo.scenes.acoustics.ears import Ears, load_head, make_ears

__all__ = [
    "Ears",
    "Inputs",
    "Recipe",
    "load_head",
    "make_ears",
    "simulate_clip",
    "simulated_folds",
    "simulated_set",
    "survey",
]
