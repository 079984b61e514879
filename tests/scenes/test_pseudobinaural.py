"""Where PseudoBinaural's sources stand and how loud they are."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ccstereo.errors import DatasetError
from ccstereo.scenes import Material, dry_sound, sample_pseudobinaural_scene

ASPECTS = {"a": 1.3, "b": 0.7, "c": 2.5}
SECONDS = 0.5


@pytest.fixture(scope="module")
def three() -> Material:
    rng = np.random.default_rng(0)
    return Material(
        "three",
        {label: (np.zeros((100, round(100 * aspect), 3), np.uint8),) for label, aspect in ASPECTS.items()},
        {
            label: ((level * rng.standard_normal(12_000)).astype(np.float32),)
            for label, level in zip(ASPECTS, (0.5, 0.01, 0.1), strict=True)
        },
        (np.zeros((60, 120, 3), np.uint8),),
    )


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.square(sound, dtype=np.float64).mean()))


def test_places_and_levels(three: Material) -> None:
    azimuths, elevations, counts = [], [], []
    for seed in range(300):
        scene = sample_pseudobinaural_scene(three, seed, duration=SECONDS, sources=3)
        assert scene == sample_pseudobinaural_scene(three, seed, duration=SECONDS, sources=3)
        counts.append(len(scene.sources))
        spans = [(source.path[0] - source.width / 2, source.path[0] + source.width / 2) for source in scene.sources]
        assert spans[0][0] >= -1e-9
        assert spans[-1][1] <= 1 + 1e-9
        assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(spans))
        for source in scene.sources:
            assert source.height / 2 <= source.y <= 1 - source.height / 2
            assert source.width <= 0.5 * 0.8 + 1e-9
            assert source.height <= 0.8
            assert source.width * 640 / (source.height * 360) == pytest.approx(ASPECTS[source.label])
            assert source.elevation == (0.5 - source.y) * 90
            assert rms(dry_sound(source, three, SECONDS)) == pytest.approx(0.1, rel=1e-4)
            azimuths.append(float(source.azimuths[0]))
            elevations.append(source.elevation)
    assert max(map(abs, azimuths)) < 60
    assert max(azimuths) > 45
    assert min(azimuths) < -45
    assert abs(np.mean(azimuths)) < 5
    assert 25 < max(elevations) < 45
    assert -45 < min(elevations) < -25
    assert set(counts) >= {2, 3}  # the third does not always find room


def test_silence_is_not_chosen(three: Material) -> None:
    sound = np.zeros(160_000, np.float32)
    sound[96_000:] = np.random.default_rng(1).standard_normal(64_000)
    material = replace(three, sounds=dict.fromkeys(ASPECTS, (sound,)))
    for seed in range(20):
        (source,) = sample_pseudobinaural_scene(material, seed, duration=1.0).sources
        start = round(source.offset * 16_000)
        assert rms(sound[start : start + 16_000]) >= 0.5 * rms(sound)


def test_more_sources_than_classes_are_refused(three: Material) -> None:
    with pytest.raises(DatasetError, match="4 sources from 3 classes"):
        sample_pseudobinaural_scene(three, 0, sources=4)
