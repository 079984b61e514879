"""Pseudo-binaural data from anyone's photos and mono sounds, in the prepared layout. See docs/data/simulate.md."""

from ccstereo.datasets.sources.simulated.build import simulated_folds, simulated_set
from ccstereo.datasets.sources.simulated.clip import Recipe, simulate_clip
from ccstereo.datasets.sources.simulated.inputs import Inputs, survey

__all__ = [
    "Inputs",
    "Recipe",
    "simulate_clip",
    "simulated_folds",
    "simulated_set",
    "survey",
]
