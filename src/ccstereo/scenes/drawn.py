"""Pictures and sounds made from nothing but a seed, so that scenes work on any machine.

Four things that can be told apart by eye and by ear: a bell, a drum, a bird and a car.
"""

import numpy as np

from ccstereo.scenes.drawn_pictures import PAINTERS, draw_landscape, draw_picture
from ccstereo.scenes.drawn_sounds import SYNTHS, play_sound
from ccstereo.scenes.material import Material, Split

COUNTS = {"train": 40, "val": 8, "test": 12}
FIRST_SEED = {"train": 0, "val": 10_000, "test": 20_000}


def drawn_material(split: Split = "test", sample_rate: int = 16_000) -> Material:
    """Return the drawn classes: no picture, sound or background of one split occurs in another.

    Args:
        split: "train", "val" or "test".
        sample_rate: Hz.

    >>> drawn_material("val").labels
    ('bell', 'bird', 'car', 'drum')
    """
    seeds = range(FIRST_SEED[split], FIRST_SEED[split] + COUNTS[split])
    return Material(
        "drawn",
        {label: tuple(draw_picture(label, _rng(label, "picture", seed)) for seed in seeds) for label in PAINTERS},
        {
            label: tuple(play_sound(label, sample_rate, _rng(label, "sound", seed)) for seed in seeds)
            for label in SYNTHS
        },
        tuple(draw_landscape(_rng("landscape", "picture", seed)) for seed in seeds),
        sample_rate,
    )


def _rng(label: str, kind: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, *label.encode(), *kind.encode()])
