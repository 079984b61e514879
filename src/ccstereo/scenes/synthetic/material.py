"""Photos and sounds made from nothing but a seed, so that scenes work on any machine.

Four things that differ in frame and sound: a bell, a drum, a bird and a car.
"""

import numpy as np

from ccstereo.errors import DatasetError
from ccstereo.scenes.material import Material, Split
from ccstereo.scenes.synthetic.photos import PAINTERS, synthetic_background, synthetic_photo
from ccstereo.scenes.synthetic.sounds import SYNTHS, synthetic_sound

COUNTS = {"train": 40, "val": 8, "test": 12}
FIRST_SEED = {"train": 0, "val": 10_000, "test": 20_000}
PHOTO = "picture"  # a part of the seeds, as all words here: with another, every photo would be another one


def synthetic_material(split: Split = "test", sample_rate: int = 16_000) -> Material:
    """Return the synthetic classes: no photo, sound or background of one split occurs in another.

    Raises:
        DatasetError: the split is "final", which synthetic material has not.

    >>> synthetic_material("val").labels
    ('bell', 'bird', 'car', 'drum')
    """
    if split not in COUNTS:
        raise DatasetError(f"synthetic material has no {split} split; give a folder")
    seeds = range(FIRST_SEED[split], FIRST_SEED[split] + COUNTS[split])
    return Material(
        "synthetic",
        {label: tuple(synthetic_photo(label, _rng(label, PHOTO, seed)) for seed in seeds) for label in PAINTERS},
        {
            label: tuple(synthetic_sound(label, sample_rate, _rng(label, "sound", seed)) for seed in seeds)
            for label in SYNTHS
        },
        tuple(synthetic_background(_rng("landscape", PHOTO, seed)) for seed in seeds),
        sample_rate,
    )


def _rng(label: str, kind: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, *label.encode(), *kind.encode()])
