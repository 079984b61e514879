"""Pseudo-binaural data from anyone's photos and mono sounds, in the prepared layout. See docs/data/simulate.md."""

from ccstereo.simulation.build import simulated_set, simulated_splits
from ccstereo.simulation.clip import Recipe, simulate_clip
from ccstereo.simulation.ears import Ears, load_head, make_ears
from ccstereo.simulation.inputs import Inputs, survey

__all__ = [
    "Ears",
    "Inputs",
    "Recipe",
    "load_head",
    "make_ears",
    "simulate_clip",
    "simulated_set",
    "simulated_splits",
    "survey",
]
