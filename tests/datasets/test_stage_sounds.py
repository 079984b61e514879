"""Several windows of sound for each frame."""

from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import DataLoader

from ccstereo.datasets.stage import Stage, StageWindows, collate_windows
from ccstereo.models.config import ModelConfig
from ccstereo.scenes import Material, SceneMix, spherical_head

HEAD = spherical_head(16_000)
CONFIG = ModelConfig()
ALL = SceneMix(sources=(0.4, 0.4, 0.2), silent=0.3, moving=0.3)
ONE = SceneMix(sources=(1.0, 0.0, 0.0), silent=0.0, moving=0.0, min_azimuth=15.0)
TWO = SceneMix(sources=(0.0, 1.0, 0.0), silent=0.0, moving=0.0)
ITEMS = 60


def several(material: Material, count: int, mix: SceneMix = ALL, **options) -> StageWindows:
    return StageWindows([Stage(material, [HEAD])], CONFIG, ITEMS, 11, mix, windows_per_frame=count, **options)


class TestSeveralSounds:
    def test_the_first_is_that_of_an_item_with_one(self, material):
        alone, more = several(material, 1, vary=False), several(material, 3, vary=False)
        for index in range(5):
            for name in ("sound", "columns", "classes"):
                assert torch.equal(alone[index][name][0], more[index][name][0])
            assert torch.equal(alone[index]["frame"], more[index]["frame"])

    def test_each_is_another_recording_of_what_is_shown(self, material):
        """Every window of a frame is louder on the side where the frame shows the source."""
        data = several(material, 4, ONE)
        for index in range(10):
            item = data[index]
            assert len({window.numpy().tobytes() for window in item["sound"]}) == 4
            assert (item["classes"] == item["classes"][0]).all()
            level = item["sound"].square().sum(-1)
            assert len(set((level[:, 0] > level[:, 1]).tolist())) == 1
            places = item["columns"].sum((2, 3)).argmax(1)
            assert (places - places[0]).abs().max() == 0

    def test_which_is_silent_changes(self, material):
        data = several(material, 4, replace(TWO, silent=1.0), vary=False)
        counted = [len(set(data[index]["classes"].argmax(1).tolist())) for index in range(12)]
        assert 2 in counted
        assert all((data[index]["classes"] > 0).sum(1).eq(1).all() for index in range(12))

    def test_each_may_be_in_another_room(self, material):
        """Two heads with nothing in common stand for two rooms."""
        left, right = (
            replace(HEAD, responses=HEAD.responses * np.array(gains, np.float32)[:, None])
            for gains in ((1.0, 0.0), (0.0, 1.0))
        )
        data = StageWindows([Stage(material, [left, right])], CONFIG, ITEMS, 11, ONE, vary=False, windows_per_frame=6)
        sides = {
            tuple((item["sound"].square().sum(-1) > 0).flatten().tolist())
            for item in (data[index] for index in range(3))
        }
        assert all(sum(side) == 6 for side in sides)  # one ear a window
        assert any(len(set(side[::2])) == 2 for side in sides)

    def test_rooms_ring_with_what_came_before(self, material):
        """Through an echo a quarter of a second late alone, a window without a pre-roll begins in silence."""
        late = np.zeros((*HEAD.responses.shape[:2], 4_000), np.float32)
        late[..., -1] = 1.0
        starts = []
        for pre_roll in (0.0, 0.35):
            stage = Stage(material, [replace(HEAD, responses=late)], pre_roll=pre_roll)
            sound = StageWindows([stage], CONFIG, ITEMS, 11, ONE, vary=False)[0]["sound"][0]
            assert sound.shape == (2, 10_080)
            starts.append(sound[:, :3_900].abs().max().item())
        assert starts[0] < 1e-5
        assert starts[1] > 0.1

    def test_windows_from_anywhere_have_one_source_at_a_loud_moment(self, material):
        """Of recordings that are loud a third of the time, every window has one; without an offset, all of them."""
        bursts = np.zeros(24_000, np.float32)
        bursts[:8_000] = np.random.default_rng(0).standard_normal(8_000)
        sounds = dict.fromkeys(material.labels, (bursts,))
        counted = {}
        for offset in (0.0, 3.0):
            stage = Stage(replace(material, sounds=sounds), [HEAD], random_offset=offset)
            data = StageWindows([stage], CONFIG, ITEMS, 11, TWO, vary=False, windows_per_frame=2)
            fractions = torch.stack([data[index]["classes"] for index in range(20)])
            counted[offset] = (fractions > 0.05).sum(-1)
        assert counted[0.0].min() == 2
        assert counted[3.0].min() == 1
        assert 0.2 < (counted[3.0] == 2).float().mean() < 0.9

    def test_a_batch_holds_the_windows_of_a_frame_one_after_the_other(self, material):
        data = several(material, 3)
        batch = next(iter(DataLoader(data, batch_size=4, collate_fn=collate_windows)))
        assert {name: len(value) for name, value in batch.items()} == {
            **{"frame": 4, "previous": 4, "cells": 4, "sound": 12, "columns": 12, "classes": 12}
        }
        for name in ("sound", "columns", "classes"):
            for frame in range(4):
                assert torch.equal(batch[name][3 * frame : 3 * frame + 3], data[frame][name])
