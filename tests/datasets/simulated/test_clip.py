"""Which files a clip is made of, and how its scene sounds."""

from pathlib import Path

import numpy as np
import pytest

from ccstereo.datasets.sources.simulated.build import plan_clip
from ccstereo.datasets.sources.simulated.clip import Recipe, _repeatable, jpegs, mix, sample
from ccstereo.datasets.sources.simulated.inputs import Inputs
from ccstereo.scenes import Material

SHAPES = {"a": (60, 60), "b": (80, 40), "c": (60, 300)}


def material(frames: int = 0) -> Material:
    """Three classes; with `frames`, photos are video crops that get brighter."""
    rng = np.random.default_rng(0)
    grey = np.linspace(50, 250, max(1, frames)).astype(np.uint8)[:, None, None, None]
    photos = {label: np.broadcast_to(grey, (len(grey), *shape, 3)) for label, shape in SHAPES.items()}
    sounds = {label: (0.1 * rng.standard_normal(12_000)).astype(np.float32) for label in SHAPES}
    return Material(
        "clip",
        {label: (photo if frames else photo[0],) for label, photo in photos.items()},
        {label: (sound,) for label, sound in sounds.items()},
        (np.zeros((60, 120, 3), np.uint8),),
    )


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.square(sound, dtype=np.float64).mean()))


@pytest.mark.parametrize("render", ["hrir", "ambisonic"])
def test_pseudobinaural_mixtures_have_one_rms(render: str) -> None:
    recipe = Recipe(render=render, seconds=0.5)
    for seed in range(5):
        scene = sample(material(), recipe, np.random.default_rng(seed))
        sound = mix(scene, material(), recipe)
        assert (sound.shape, sound.dtype) == ((2, 8000), np.float32)
        assert rms(sound.sum(0)) == pytest.approx(0.1, rel=1e-4)


def test_numbers_of_sources_and_splits() -> None:
    names = [Path(f"{number}") for number in range(4)]
    inputs = Inputs({label: tuple(names) for label in "abcd"}, {label: tuple(names) for label in "abcd"})
    clips = [plan_clip(number, {"train": inputs, "val": inputs}, Recipe()) for number in range(2000)]
    fractions = np.bincount([len(clip.wanted) for clip in clips]) / 2000
    np.testing.assert_allclose(fractions, [0, 0.4, 0.5, 0.1], atol=0.035)
    assert all(len({files.label for files in clip.wanted}) == len(clip.wanted) for clip in clips)
    assert [clip.split for clip in clips[:12]] == ["train", "val", *["train"] * 9, "val"]  # there is no test
    again = plan_clip(77, {"train": inputs, "val": inputs}, Recipe())
    assert again == clips[77]
    assert plan_clip(77, {"train": inputs, "val": inputs}, Recipe(seed=1)) != clips[77]


def test_scenes_of_the_stage_recipe() -> None:
    moving = silent = 0
    recipe = Recipe("stage", seconds=0.5)
    for seed in range(60):
        scene = sample(material(), recipe, np.random.default_rng(seed))
        assert {source.elevation for source in scene.sources} == {0.0}
        moving += not scene.still
        silent += len(scene.sounding) < len(scene.sources)
        assert scene.sounding
    assert 2 <= moving <= 20
    assert 4 <= silent <= 24


def test_frames_of_video_crops_follow_each_other() -> None:
    recipe, video = Recipe(seconds=0.5), material(5)
    scene = sample(video, recipe, np.random.default_rng(0))
    assert len(set(jpegs(scene, video))) == 5
    still = jpegs(scene, material())
    assert len(still) == 5
    assert len(set(still)) == 1


def test_a_short_sound_is_repeated_without_clicks() -> None:
    faded = _repeatable(np.ones(1600, np.float32), 0.5)
    assert np.abs(np.diff(np.tile(faded, 3))).max() < 0.02
    long = np.ones(9000, np.float32)
    assert _repeatable(long, 0.5) is long
