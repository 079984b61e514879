"""Where sources stand and how loud they are, as the recipe says."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ccstereo.datasets.sources.simulated.build import plan_clip
from ccstereo.datasets.sources.simulated.clip import Recipe, mix
from ccstereo.datasets.sources.simulated.inputs import Inputs
from ccstereo.scenes.placement.pseudobinaural import Role, excerpt, pseudobinaural_acts, stage_acts

ROLES = [Role(label, Path(f"{label}.jpg"), Path(f"{label}.wav")) for label in ("a", "b", "c")]
SAMPLES = 8000


def sounds(seed: int = 0) -> list[np.ndarray]:
    levels = np.array([0.5, 0.01, 0.1])[:, None]
    return list((levels * np.random.default_rng(seed).standard_normal((3, 12_000))).astype(np.float32))


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.square(sound, dtype=np.float64).mean()))


def test_pseudobinaural_places() -> None:
    azimuths, elevations, counts = [], [], []
    for seed in range(300):
        acts = pseudobinaural_acts(ROLES, [1.3, 0.7, 2.5], sounds(), SAMPLES, np.random.default_rng(seed))
        counts.append(len(acts))
        spans = sorted((act.path[0] - act.width / 2, act.path[0] + act.width / 2) for act in acts)
        assert spans[0][0] >= 0
        assert spans[-1][1] <= 1
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
        for act, aspect in zip(acts, [1.3, 0.7, 2.5], strict=False):
            assert act.height / 2 <= act.y <= 1 - act.height / 2
            assert act.width <= 0.5 * 0.8 + 1e-9
            assert act.height <= 0.8
            assert act.width * 640 / (act.height * 360) == pytest.approx(aspect)
            assert act.azimuths == ((0.5 - act.path[0]) * 120,)
            assert act.elevation == (0.5 - act.y) * 90
            assert rms(act.dry) == pytest.approx(0.1, rel=1e-4)
            azimuths.append(act.azimuths[0])
            elevations.append(act.elevation)
    assert max(map(abs, azimuths)) < 60
    assert max(azimuths) > 45
    assert min(azimuths) < -45
    assert abs(np.mean(azimuths)) < 5
    assert 25 < max(elevations) < 45
    assert -45 < min(elevations) < -25
    assert set(counts) >= {2, 3}  # the third does not always find room


@pytest.mark.parametrize("render", ["hrir", "ambisonic"])
def test_pseudobinaural_levels(render: str) -> None:
    recipe = Recipe(render=render, seconds=0.5)
    for seed in range(5):
        acts = pseudobinaural_acts(ROLES, [1.0, 1.0, 1.0], sounds(), SAMPLES, np.random.default_rng(seed))
        assert rms(mix(acts, recipe).sum(0)) == pytest.approx(0.1, rel=1e-4)


def test_numbers_of_sources_and_parts() -> None:
    names = [Path(f"{number}") for number in range(4)]
    inputs = Inputs({label: tuple(names) for label in "abcd"}, {label: tuple(names) for label in "abcd"})
    clips = [plan_clip(number, {"train": inputs, "val": inputs}, Recipe()) for number in range(2000)]
    shares = np.bincount([len(clip.roles) for clip in clips]) / 2000
    np.testing.assert_allclose(shares, [0, 0.4, 0.5, 0.1], atol=0.035)
    assert all(len({role.label for role in clip.roles}) == len(clip.roles) for clip in clips)
    assert [clip.part for clip in clips[:12]] == ["train", "val", *["train"] * 9, "val"]  # there is no test
    again = plan_clip(77, {"train": inputs, "val": inputs}, Recipe())
    assert again == clips[77]
    assert plan_clip(77, {"train": inputs, "val": inputs}, Recipe(seed=1)) != clips[77]


def test_stage_acts() -> None:
    pictures = [Image.new("RGB", size) for size in ((60, 60), (40, 80), (300, 60))]
    moving = silent = 0
    for seed in range(60):
        acts = stage_acts(ROLES, pictures, sounds(), SAMPLES, np.random.default_rng(seed))
        assert {act.elevation for act in acts} == {0.0}
        moving += len(acts[0].path) > 1
        silent += any(not act.dry.any() for act in acts)
        for act in acts:
            assert act.azimuths == tuple((0.5 - x) * 120 for x in act.path)
            if act.dry.any():
                assert 0.1 * 10 ** (-3.01 / 20) < rms(act.dry) < 0.1 * 10 ** (3.01 / 20)
    assert 2 <= moving <= 20
    assert 4 <= silent <= 24


class TestExcerpt:
    def test_a_short_sound_is_repeated_without_clicks(self) -> None:
        sound = np.ones(1600, np.float32)
        cut, start = excerpt(sound, 5000, np.random.default_rng(0))
        assert cut.shape == (5000,)
        np.testing.assert_array_equal(cut[:3400], cut[1600:])
        assert np.abs(np.diff(cut)).max() < 0.02
        assert 0 <= start < 0.1

    def test_silence_is_not_chosen(self) -> None:
        sound = np.zeros(160_000, np.float32)
        sound[96_000:] = noise = np.random.default_rng(1).standard_normal(64_000)
        for seed in range(20):
            cut, start = excerpt(sound, 16_000, np.random.default_rng(seed))
            assert rms(cut) >= 0.5 * rms(sound)
            np.testing.assert_array_equal(cut, sound[round(start * 16_000) :][:16_000])
        assert rms(noise) > 0
