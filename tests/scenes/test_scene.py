from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstereo.errors import DatasetError
from ccstereo.scenes.acoustics.hrir import spherical_head
from ccstereo.scenes.augmentation import AudioAugmentation
from ccstereo.scenes.geometry import azimuth_of, position_of
from ccstereo.scenes.material import Material
from ccstereo.scenes.placement.stage import SceneMix, sample_scene
from ccstereo.scenes.rendering import dry_sound, render_sources

SEEDS = st.integers(0, 2**63 - 1)
EVERY = settings(max_examples=60, deadline=None)
MOMENTS = np.linspace(0, 1, 31)


@st.composite
def kinds(draw) -> dict[str, object]:
    sources = draw(st.integers(1, 3))
    return {
        "sources": sources,
        "silent": draw(st.integers(0, sources)),
        "moving": draw(st.booleans()),
        "augmentation": draw(st.sampled_from([None, AudioAugmentation()])),
    }


class TestSampling:
    @given(seed=SEEDS, kind=kinds())
    @EVERY
    def test_a_seed_makes_its_scene_again(self, material, seed, kind):
        assert sample_scene(material, seed, **kind) == sample_scene(material, seed, **kind)
        assert sample_scene(material, seed, **kind) != sample_scene(material, seed ^ 1, **kind)

    def test_seeds_mean_what_they_have_always_meant(self, material):
        """Results on held-out scenes can be compared only as long as these numbers stay."""
        sounding, silent = sample_scene(material, 1, sources=2, silent=1).sources
        assert (sounding.label, sounding.photo, sounding.sound, sounding.offset) == ("c", 1, 1, 2.1)
        assert (sounding.path[0], sounding.y, sounding.height, sounding.gain) == pytest.approx(
            (0.13405, 0.64944, 0.48189, 0.87289), abs=1e-5
        )
        assert (silent.label, silent.sound, silent.path[0]) == ("b", None, pytest.approx(0.54015, abs=1e-5))
        (moving,) = sample_scene(material, 1, moving=True).sources
        assert moving.path == pytest.approx((0.66718, 0.52515, 0.38771, 0.69021, 0.37021, 0.46933), abs=1e-5)

    @given(seed=SEEDS, kind=kinds())
    @EVERY
    def test_what_was_asked_for_is_there(self, material, seed, kind):
        scene = sample_scene(material, seed, duration=3.0, **kind)
        assert (scene.seed, scene.duration) == (seed, 3.0)
        assert len(scene.sources) == kind["sources"]
        assert len({source.label for source in scene.sources}) == kind["sources"]
        assert len(scene.sounding) == kind["sources"] - kind["silent"]
        assert all(source.sound is not None for source in scene.sounding)
        assert scene.still == (not kind["moving"])
        assert 0 <= scene.background < len(material.backgrounds)
        for source in scene.sources:
            assert source.photo in (0, 1)
            assert source.sound in (0, 1, None)
            assert -3 <= 20 * np.log10(source.gain) <= 3

    @given(seed=SEEDS, kind=kinds())
    @EVERY
    def test_patches_stay_apart_and_within_the_frame_at_every_moment(self, material, seed, kind):
        scene = sample_scene(material, seed, **kind)
        for source in scene.sources:
            assert 0.35 <= source.height <= 0.75
            assert source.height / 2 - 1e-9 <= source.y <= 1 - source.height / 2 + 1e-9
        for moment in MOMENTS:
            edges = [(s.x(moment) - s.width / 2, s.x(moment) + s.width / 2) for s in scene.sources]
            assert edges[0][0] >= -1e-9
            assert edges[-1][1] <= 1 + 1e-9
            for (_, right), (left, _) in pairwise(edges):  # from left to right
                assert right <= left + 1e-9

    @given(seed=SEEDS, moving=st.booleans(), min_azimuth=st.just(0.0) | st.floats(0.1, 30), silent=st.integers(0, 1))
    @EVERY
    def test_sounding_sources_keep_from_the_middle_all_the_way(self, material, seed, moving, min_azimuth, silent):
        scene = sample_scene(material, seed, sources=1 + silent, silent=silent, moving=moving, min_azimuth=min_azimuth)
        for source in scene.sounding:
            assert min(abs(azimuth_of(source.x(moment))) for moment in MOMENTS) >= min_azimuth - 1e-9
            if min_azimuth > 0:
                assert len({source.x(moment) > 0.5 for moment in MOMENTS}) == 1

    @pytest.mark.parametrize("moving", [False, True])
    def test_wide_photos_fit_far_from_the_middle_where_they_can(self, material, moving):
        wide = replace(material, photos={"e": material.photos["e"]})  # 0.41 of the frame at the least height
        for seed in range(60):
            (source,) = sample_scene(wide, seed, moving=moving, min_azimuth=33.0).sources
            assert all(abs(azimuth_of(x)) >= 33 - 1e-9 for x in source.path)
            assert min(source.path) - source.width / 2 + 1e-9 >= 0
            assert max(source.path) + source.width / 2 <= 1 + 1e-9
        with pytest.raises(DatasetError, match="no room for 1 sources beyond 36"):
            sample_scene(wide, 0, moving=moving, min_azimuth=36.0)

    def test_without_a_least_azimuth_moving_sources_cross_the_middle(self, material):
        crossing = [s for seed in range(40) for s in sample_scene(material, seed, moving=True).sources]
        assert sum(min(s.path) < 0.5 < max(s.path) for s in crossing) > 10

    def test_the_whole_photo_is_used(self, material):
        azimuths = np.array([sample_scene(material, seed).sources[0].azimuths[0] for seed in range(300)])
        assert azimuths.min() < -45
        assert azimuths.max() > 45
        assert 0.4 < np.mean(azimuths > 0) < 0.6

    def test_patches_keep_the_shape_of_their_photos(self, material):
        for seed in range(40):
            for source in sample_scene(material, seed, sources=2).sources:
                height, width, _ = material.photos[source.label][source.photo].shape
                assert 2 * source.width / source.height == pytest.approx(width / height)

    @pytest.mark.parametrize("width", [160, 200, 220])
    def test_very_wide_photos_are_no_lower_than_the_least_height(self, material, width):
        photo = np.zeros((40, width, 3), dtype=np.uint8)
        wide = replace(material, photos={**material.photos, "e": (photo,)})
        found = [s for seed in range(150) for s in sample_scene(wide, seed).sources if s.label == "e"]
        assert len(found) > 3
        for source in found:
            assert 0.35 <= source.height <= 0.75
            assert source.width < 1
            assert source.height / 2 - 1e-9 <= source.y <= 1 - source.height / 2 + 1e-9

    def test_augmentation_cuts_photos_and_stretches_them(self, material):
        plain = [sample_scene(material, seed).sources[0] for seed in range(30)]
        varied = [sample_scene(material, seed, augmentation=AudioAugmentation()).sources[0] for seed in range(30)]
        assert {source.view for source in plain} == {(0.0, 0.0, 1.0, 1.0)}
        assert len({source.view for source in varied}) == 30
        for left, top, right, bottom in (source.view for source in varied):
            assert 0 <= left <= 0.15 < 0.85 <= right <= 1
            assert 0 <= top <= 0.15 < 0.85 <= bottom <= 1

    @given(seed=SEEDS)
    @EVERY
    def test_backgrounds_are_cut_to_the_frames_shape(self, material, seed):
        scene = sample_scene(material, seed)
        left, top, right, bottom = scene.view
        assert 0 <= left < right <= 1 + 1e-9
        assert 0 <= top < bottom <= 1 + 1e-9
        height, width, _ = material.backgrounds[scene.background].shape
        assert (right - left) * width / ((bottom - top) * height) == pytest.approx(2)

    @pytest.mark.parametrize("kind", [{"sources": 0}, {"sources": 4}, {"silent": 2}, {"silent": -1}])
    def test_scenes_that_cannot_be_are_refused(self, material, kind):
        with pytest.raises(DatasetError, match="sources"):
            sample_scene(material, 0, **kind)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"sources": (0.5, 0.5)},
            {"sources": (0.5, 0.5, 0.5)},
            {"sources": (1.5, -0.5, 0.0)},
            {"silent": -0.1},
            {"moving": float("nan")},
            {"min_azimuth": 60.0},
        ],
    )
    def test_mixes_that_cannot_be_are_refused(self, wrong):
        with pytest.raises(DatasetError, match=next(iter(wrong))):
            SceneMix(**wrong)

    def test_more_sources_than_classes_are_refused(self, material):
        one = Material("one", {"a": material.photos["a"]}, {"a": material.sounds["a"]}, material.backgrounds)
        with pytest.raises(DatasetError, match="from 1 classes"):
            sample_scene(one, 0, sources=2)

    def test_sources_that_find_no_room_are_refused(self, material):
        with pytest.raises(DatasetError, match=r"no room for 1 sources beyond 59\.9 degrees"):
            sample_scene(material, 0, min_azimuth=59.9)

    def test_scenes_begin_where_the_recording_is_loud(self, material):
        recording = np.zeros(16_000 * 8, dtype=np.float32)
        recording[16_000 * 5 : 16_000 * 6] = material.sounds["a"][0]
        quiet = replace(material, sounds=dict.fromkeys(material.labels, (recording,)))
        for seed in range(40):
            (source,) = sample_scene(quiet, seed, duration=0.63).sources
            part = np.roll(recording, -round(source.offset * 16_000))[:8_000]
            assert np.mean(np.square(part)) > 0.2 * np.mean(np.square(recording))


class TestGeometry:
    def test_left_is_positive(self):
        assert (azimuth_of(0.0), azimuth_of(1.0)) == (60, -60)

    @given(st.floats(0, 1))
    @settings(deadline=None)
    def test_position_and_azimuth_undo_each_other(self, x):
        assert position_of(azimuth_of(x)) == pytest.approx(x, abs=1e-12)


class TestSound:
    def test_dry_sounds_have_the_sources_level(self, material):
        for seed in range(20):
            scene = sample_scene(material, seed, duration=2.0)
            dry = dry_sound(scene.sources[0], material, 2.0)
            assert (dry.shape, dry.dtype) == ((32_000,), np.float32)
            assert np.sqrt(np.mean(dry**2)) == pytest.approx(0.1 * scene.sources[0].gain, rel=1e-4)

    def test_a_short_recording_is_repeated_from_its_offset(self, material):
        source = replace(sample_scene(material, 0).sources[0], label="b", sound=0, offset=0.25)
        dry, recording = dry_sound(source, material, 2.5), material.sounds["b"][0]  # one second
        assert np.array_equal(dry[:16_000], dry[16_000:32_000])
        assert np.corrcoef(dry[:12_000], recording[4_000:])[0, 1] == pytest.approx(1)
        assert np.corrcoef(dry[12_000:16_000], recording[:4_000])[0, 1] == pytest.approx(1)

    def test_quiet_recordings_are_not_raised_without_bound(self, material):
        silence = replace(material, sounds={label: (np.zeros(20_000, np.float32),) for label in material.labels})
        scene = sample_scene(silence, 0, duration=1.0)
        assert not render_sources(scene, silence, spherical_head(16_000)).any()

    def test_silent_sources_are_shown_but_do_not_sound(self, material):
        scene = sample_scene(material, 4, duration=0.5, sources=3, silent=2)
        sound = render_sources(scene, material, spherical_head(16_000))
        assert sound.shape == (3, 2, 8_000)
        assert sound.any((1, 2)).tolist() == [source.sound is not None for source in scene.sources]
        assert sound.any((1, 2)).sum() == 1

    def test_a_mirrored_scene_has_mirrored_sound(self, material):
        head = spherical_head(16_000)
        for moving in (False, True):
            scene = sample_scene(material, 9, duration=0.5, sources=2, moving=moving)
            turned = [replace(source, path=tuple(1 - x for x in source.path)) for source in scene.sources]
            mirrored = replace(scene, sources=tuple(turned))
            there, back = render_sources(scene, material, head), render_sources(mirrored, material, head)
            np.testing.assert_allclose(back, there[:, ::-1], atol=1e-6)

    @given(seed=SEEDS)
    @settings(max_examples=25, deadline=None)
    def test_the_side_of_the_photo_is_the_louder_one(self, material, seed):
        scene = sample_scene(material, seed, duration=0.3, min_azimuth=5.0)
        left, right = np.square(render_sources(scene, material, spherical_head(16_000))[0]).sum(-1)
        assert (left > right) == (scene.sources[0].path[0] < 0.5)
