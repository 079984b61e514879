"""Several windows of sound for each picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ccstereo.datasets.stage import SceneMix, Stage, StageWindows, collate_windows
from ccstereo.models.config import ModelConfig
from ccstereo.scenes.acoustics.hrir import spherical_head
from ccstereo.scenes.material import Material

HEAD = spherical_head(16_000)
CONFIG = ModelConfig()
LONGER = ModelConfig(window=40_800)
ALL = SceneMix(sources=(0.4, 0.4, 0.2), silent=0.3, moving=0.3)
ONE = SceneMix(sources=(1.0, 0.0, 0.0), silent=0.0, moving=0.0, min_azimuth=15.0)
TWO = SceneMix(sources=(0.0, 1.0, 0.0), silent=0.0, moving=0.0)
ITEMS = 60


def several(material: Material, count: int, mix: SceneMix = ALL, **options) -> StageWindows:
    return StageWindows([Stage(material, [HEAD])], CONFIG, ITEMS, 11, mix, sounds=count, **options)


class TestSeveralSounds:
    def test_the_first_is_that_of_an_item_with_one(self, material):
        alone, more = several(material, 1, vary=False), several(material, 3, vary=False)
        for index in range(5):
            for name in ("binaural", "columns", "classes"):
                assert torch.equal(alone[index][name][0], more[index][name][0])
            assert torch.equal(alone[index]["frame"], more[index]["frame"])

    def test_each_is_another_recording_of_what_is_pictured(self, material):
        """Every window of a picture is louder on the side where the picture shows the source."""
        data = several(material, 4, ONE)
        for index in range(10):
            item = data[index]
            assert len({window.numpy().tobytes() for window in item["binaural"]}) == 4
            assert (item["classes"] == item["classes"][0]).all()
            level = item["binaural"].square().sum(-1)
            assert len(set((level[:, 0] > level[:, 1]).tolist())) == 1
            places = item["columns"].sum((2, 3)).argmax(1)
            assert (places - places[0]).abs().max() == 0

    def test_who_is_silent_is_drawn_anew(self, material):
        data = several(material, 4, replace(TWO, silent=1.0), vary=False)
        heard = [len(set(data[index]["classes"].argmax(1).tolist())) for index in range(12)]
        assert 2 in heard
        assert all((data[index]["classes"] > 0).sum(1).eq(1).all() for index in range(12))

    def test_each_may_be_in_another_room(self, material):
        """Two heads with nothing in common stand for two rooms."""
        left, right = (
            replace(HEAD, responses=HEAD.responses * np.array(gains, np.float32)[:, None])
            for gains in ((1.0, 0.0), (0.0, 1.0))
        )
        data = StageWindows([Stage(material, [left, right])], CONFIG, ITEMS, 11, ONE, vary=False, sounds=6)
        sides = {
            tuple((item["binaural"].square().sum(-1) > 0).flatten().tolist())
            for item in (data[index] for index in range(3))
        }
        assert all(sum(side) == 6 for side in sides)  # one ear a window
        assert any(len(set(side[::2])) == 2 for side in sides)

    def test_rooms_ring_with_what_came_before(self, material):
        """Heard through an echo a quarter of a second late alone, a window without a lead begins in silence."""
        late = np.zeros((*HEAD.responses.shape[:2], 4_000), np.float32)
        late[..., -1] = 1.0
        starts = []
        for lead in (0.0, 0.35):
            stage = Stage(material, [replace(HEAD, responses=late)], lead=lead)
            sound = StageWindows([stage], CONFIG, ITEMS, 11, ONE, vary=False)[0]["binaural"][0]
            assert sound.shape == (2, 10_080)
            starts.append(sound[:, :3_900].abs().max().item())
        assert starts[0] < 1e-5
        assert starts[1] > 0.1

    def test_windows_from_anywhere_hear_one_source_at_a_loud_moment(self, material):
        """Of recordings that are loud a third of the time, every window hears one; without spread, all of them."""
        bursts = np.zeros(24_000, np.float32)
        bursts[:8_000] = np.random.default_rng(0).standard_normal(8_000)
        sounds = dict.fromkeys(material.labels, (bursts,))
        heard = {}
        for spread in (0.0, 3.0):
            stage = Stage(replace(material, sounds=sounds), [HEAD], spread=spread)
            data = StageWindows([stage], CONFIG, ITEMS, 11, TWO, vary=False, sounds=2)
            shares = torch.stack([data[index]["classes"] for index in range(20)])
            heard[spread] = (shares > 0.05).sum(-1)
        assert heard[0.0].min() == 2
        assert heard[3.0].min() == 1
        assert 0.2 < (heard[3.0] == 2).float().mean() < 0.9

    def test_a_batch_holds_the_windows_of_a_picture_one_after_the_other(self, material):
        data = several(material, 3)
        batch = next(iter(DataLoader(data, batch_size=4, collate_fn=collate_windows)))
        assert {name: len(value) for name, value in batch.items()} == {
            **{"frame": 4, "previous": 4, "cells": 4, "binaural": 12, "columns": 12, "classes": 12}
        }
        for name in ("binaural", "columns", "classes"):
            for picture in range(4):
                assert torch.equal(batch[name][3 * picture : 3 * picture + 3], data[picture][name])


class TestLongerWindows:
    def loud(self, material: Material, **options) -> list[list[torch.Tensor]]:
        """Of a recording that is loud once in four seconds: the samples of every window at which it is."""
        once = np.full(64_000, 1e-4, np.float32)
        once[:8_000] = np.random.default_rng(0).uniform(0.5, 1.0, 8_000)
        stage = Stage(replace(material, sounds=dict.fromkeys(material.labels, (once,))), [HEAD], **options)
        data = StageWindows([stage], LONGER, ITEMS, 11, ONE, vary=False, sounds=2)
        found = [data[index]["binaural"].sum(1) for index in range(12)]
        return [(window.abs() > 0.2 * window.abs().max()).nonzero()[:, 0] for sound in found for window in sound]

    @pytest.mark.parametrize("spread", [0.0, 2.4])
    def test_loud_moments_are_anywhere_in_them(self, material, spread):
        places = self.loud(material, spread=spread)
        first = torch.stack([place.min() for place in places]) / LONGER.window
        last = torch.stack([place.max() for place in places]) / LONGER.window
        assert min(map(len, places)) > 1_000  # in every one
        assert first.min() < 0.1
        assert first.max() > 0.5
        assert last.max() > 0.7
