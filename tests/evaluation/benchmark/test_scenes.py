"""What the scenes of the benchmark hold."""

import numpy as np
import pytest

from ccstereo.evaluation import ROWS, render_scene
from ccstereo.scenes import render_sources, sample_scene, spherical_head

DRY = [row for row, kind in ROWS.items() if not kind.room]
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
        scene = sample_scene(material, 8, duration=0.7, **{k: v for k, v in vars(kind).items() if k != "room"})
        expected = render_sources(scene, material, HEAD)
        if np.abs(expected).max() < 0.99:
            np.testing.assert_allclose(sound, expected, atol=1e-7)
        for pair, source in zip(sound, facts.sources, strict=True):
            if not source.silent and min(source.azimuths) > 15:
                assert np.square(pair[0]).sum() > np.square(pair[1]).sum()

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
