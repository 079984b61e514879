"""What the scenes of the benchmark hold."""

import numpy as np
import pytest

from ccstereo.evaluation import ROWS, USUAL_ROWS, render_scene
from ccstereo.scenes import render_frame, render_sources, sample_scene, spherical_head

DRY = [row for row in USUAL_ROWS if not ROWS[row].room]
HEAD = spherical_head(16_000)
SAMPLED_FIRST = [
    ("one", ["car"], [-24.9745]),
    ("two", ["bell", "bird"], [25.8489, -40.2014]),
    ("two, one silent", ["bell", "bird"], [25.8489, -40.2014]),
    ("two, moving", ["bell", "bird"], [25.8489, 21.9656, -38.8018, -39.1424]),
]


class TestScenes:
    @pytest.mark.parametrize("row", DRY)
    def test_hold_what_is_rendered(self, material, row):
        facts, sound, frames = render_scene(material, HEAD, row, 3, 0.7, seed=5)
        kind = ROWS[row]
        assert (facts.id, facts.seed) == (f"{row.replace(', ', '-').replace(' ', '-')}-0003", 8)
        assert sound.shape == (kind.sources, 2, 11_200)
        assert frames.shape == (7 if kind.moving else 1, 240, 480, 3)
        assert facts.still != kind.moving
        assert len({source.label for source in facts.sources}) == kind.sources
        assert [not pair.any() for pair in sound] == [source.silent for source in facts.sources]
        assert sum(source.silent for source in facts.sources) == kind.silent
        of_scene = ("sources", "silent", "moving", "min_azimuth", "same_class")
        scene = sample_scene(material, 8, duration=0.7, **{name: getattr(kind, name) for name in of_scene})
        expected = render_sources(scene, material, HEAD)
        if np.abs(expected).max() < 0.99:
            np.testing.assert_allclose(sound, expected, atol=1e-7)
        for pair, source in zip(sound, facts.sources, strict=True):
            if not source.silent and min(source.azimuths) > 15:
                assert np.square(pair[0]).sum() > np.square(pair[1]).sum()

    def test_of_the_same_class_have_two_photos_of_which_one_sounds(self, material):
        for index in range(5):
            facts, sound, _ = render_scene(material, HEAD, "two alike, one silent", index, 0.7)
            assert len({source.label for source in facts.sources}) == 1
            assert sorted(source.silent for source in facts.sources) == [False, True]
            assert [not pair.any() for pair in sound] == [source.silent for source in facts.sources]

    def test_off_screen_sound_from_where_no_frame_shows_anything(self, material):
        sides = set()
        for index in range(20):
            facts, sound, frames = render_scene(material, HEAD, "off screen", index, 0.7)
            *seen, unseen = facts.sources
            assert all(source.silent and abs(source.azimuths[0]) <= 60 for source in seen)
            assert not unseen.silent
            assert 70 <= abs(unseen.azimuths[0]) <= 180
            assert unseen.label not in {source.label for source in seen}
            assert not sound[:-1].any()
            left, right = np.square(sound[-1].astype(float)).sum(-1)
            sides.add(unseen.azimuths[0] > 0)
            if abs(unseen.azimuths[0]) < 150:
                assert (left > right) == (unseen.azimuths[0] > 0)
            plain = sample_scene(material, index, duration=0.7, sources=2, silent=2)
            np.testing.assert_array_equal(frames[0], render_frame(plain, material))
        assert sides == {True, False}

    def test_music_is_at_both_ears_alike_and_quieter(self, material):
        for index in range(5):
            facts, sound, _ = render_scene(material, HEAD, "one, music", index, 0.7)
            assert len({source.label for source in facts.sources}) == 3
            np.testing.assert_array_equal(sound[1:, 0], sound[1:, 1])
            source, music = (np.square(tracks.astype(float)).sum() for tracks in (sound[0], sound[1:].sum(0)))
            assert -16 < 10 * np.log10(music / source) < -2  # about -12 to -6 dB, +-3 of the source's

    def test_hold_only_what_a_file_of_24_bits_can(self, material):
        for index in range(4):
            _, sound, _ = render_scene(material, HEAD, "two", index, 0.7)
            steps = sound.astype(np.float64) * 2**23
            np.testing.assert_array_equal(steps, np.round(steps))
            assert not np.signbit(sound[sound == 0]).any()
            assert np.abs(sound).max() < 1

    @pytest.mark.parametrize(("row", "labels", "azimuths"), SAMPLED_FIRST)
    def test_are_sampled_as_ever(self, material, row, labels, azimuths):
        """A change in the order of the draws makes another benchmark of the same seeds: published figures end there."""
        facts, _, _ = render_scene(material, HEAD, row, 0, 1.0)
        assert [source.label for source in facts.sources] == labels
        assert [angle for source in facts.sources for angle in source.azimuths] == pytest.approx(azimuths, abs=1e-3)

    def test_in_rooms_are_the_dry_ones_with_echoes(self, material):
        pytest.importorskip("pyroomacoustics")
        dry, sound, frame = render_scene(material, HEAD, "two", 1, 0.7)
        wet, echoing, same = render_scene(material, HEAD, "two, room", 1, 0.7)
        np.testing.assert_array_equal(frame, same)
        assert [s.azimuths for s in wet.sources] == [s.azimuths for s in dry.sources]
        assert dry.room is None
        assert wet.room is not None
        assert wet.room.seed == 20_001
        assert wet.room.rt60 == pytest.approx(0.5678, abs=1e-4)  # as ever, likewise
        assert all(1.0 <= source.distance <= 3.0 for source in wet.sources)
        ratio = np.square(echoing).sum((1, 2)) / np.square(sound).sum((1, 2))
        assert ((ratio > 1.05) & (ratio < 20)).all()
        assert np.abs(echoing).max() < 1

    def test_of_an_index_differ_by_their_row_alone(self, material):
        """So that rows can be made apart and still be the same."""
        one, again = (render_scene(material, HEAD, "two", 4, 0.7) for _ in range(2))
        assert one[0] == again[0]
        np.testing.assert_array_equal(one[1], again[1])
        np.testing.assert_array_equal(one[2], again[2])
