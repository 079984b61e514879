from dataclasses import replace

import numpy as np
import pytest
import torch

from ccstereo.audio import stft
from ccstereo.datasets.stage import Stage, StageWindows
from ccstereo.errors import DatasetError
from ccstereo.models.config import ModelConfig
from ccstereo.scenes import Material, SceneMix, room_bank, spherical_head
from places import likeness

HEAD = spherical_head(16_000)
CONFIG = ModelConfig()
ALL = SceneMix(sources=(0.4, 0.4, 0.2), silent=0.3, moving=0.3)
ONE = SceneMix(sources=(1.0, 0.0, 0.0), silent=0.0, moving=0.0, min_azimuth=15.0)
TWO = SceneMix(sources=(0.0, 1.0, 0.0), silent=0.0, moving=0.0)
COLOURS = {"red": 0, "green": 1, "blue": 2}  # the brightest channel of each class's photos
ITEMS = 60


class OneSound(StageWindows):
    """One window of sound a frame, less the axis of several."""

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        item = super().__getitem__(index)
        return item | {name: item[name][0] for name in ("sound", "columns", "classes")}


def windows(material: Material, mix: SceneMix = ALL, config: ModelConfig = CONFIG, **options) -> StageWindows:
    return OneSound([Stage(material, [HEAD])], config, ITEMS, 11, mix, **options)


def shows(frame: torch.Tensor, label: str) -> np.ndarray:
    """(h, w) whether a pixel shows the class."""
    channel = COLOURS[label]
    others = [c for c in range(3) if c != channel]
    return ((frame[channel] > 200) & (frame[others] < 60).all(0)).numpy()


def levels(item: dict[str, torch.Tensor]) -> np.ndarray:
    """RMS of both ears."""
    return item["sound"].double().square().mean(-1).sqrt().numpy()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class TestItems:
    @pytest.mark.parametrize(
        ("config", "grid", "sound_grid"),
        [
            (CONFIG, (7, 14), None),
            (ModelConfig(window=20_320), (7, 14), None),
            (ModelConfig(window=4_000, resize=(60, 120), frame_size=(50, 100)), (3, 6), (8, 2)),
        ],
    )
    def test_shapes_and_types(self, material, config, grid, sound_grid):
        stage = Stage(material, [HEAD])
        item = StageWindows([stage], config, ITEMS, 11, ALL, grid=grid, sound_grid=sound_grid, windows_per_frame=3)[0]
        (height, width), frames = config.frame_size, config.spectrogram_size[1]
        assert {name: (tuple(value.shape), value.dtype) for name, value in item.items()} == {
            "frame": ((3, height, width), torch.uint8),
            "previous": ((3, height, width), torch.uint8),
            "sound": ((3, 2, config.window), torch.float32),
            "columns": ((3, grid[1], *(sound_grid or (32, frames // 8))), torch.float32),
            "classes": ((3, 3), torch.float32),
            "cells": (grid, torch.int64),
        }

    def test_an_item_is_the_same_in_any_order_and_on_any_machine(self, material):
        one, other = windows(material), windows(material)
        backwards = [other[index] for index in reversed(range(12))]
        assert all(same(one[index], item) for index, item in zip(reversed(range(12)), backwards, strict=True))
        assert len({one[index]["sound"].numpy().tobytes() for index in range(12)}) == 12

    def test_another_seed_has_other_items(self, material):
        other = OneSound([Stage(material, [HEAD])], CONFIG, ITEMS, 12, ALL)
        assert not any(same(windows(material)[index], other[index]) for index in range(12))

    def test_indices_past_the_size_go_on(self, material):
        data = windows(material)
        assert len(data) == ITEMS
        assert not same(data[ITEMS], data[0])
        assert same(data[ITEMS], windows(material)[ITEMS])

    def test_stages_are_chosen_by_weight(self, material):
        silent = replace(material, sounds={label: (np.zeros(20_000, np.float32),) for label in material.labels})
        data = OneSound([Stage(material, [HEAD], 3.0), Stage(silent, [HEAD], 1.0)], CONFIG, ITEMS, 0, ALL)
        quiet = sum(not data[index]["sound"].any() for index in range(160))
        assert 20 <= quiet <= 60

    def test_labels_of_all_stages_count(self, material):
        other = Material(
            "more", {"amber": material.photos["red"]}, {"amber": material.sounds["red"]}, material.backgrounds
        )
        data = OneSound([Stage(material, [HEAD]), Stage(other, [HEAD])], CONFIG, ITEMS, 0, ONE)
        assert data.labels == ["amber", "blue", "green", "red"]
        assert {int(data[index]["classes"].argmax()) for index in range(40)} == {0, 1, 2, 3}
        assert {int(data[index]["cells"].max()) for index in range(10)} == {4}


class TestUnseen:
    OFFSCREEN = replace(TWO, offscreen=1.0)
    MUSIC = replace(ONE, bed=1.0)

    def test_without_it_items_are_what_they_were(self, material):
        """Nothing that a seed gave before has changed where scenes hold nothing new."""
        plain = windows(material)[3]
        digest = {name: float(plain[name].double().mean()) for name in ("frame", "sound")}
        assert digest == pytest.approx({"frame": 94.113158, "sound": -1.3264426e-4}, rel=1e-4)

    def test_sound_off_screen_is_at_both_ears_alike_and_in_no_column(self, material):
        for index in range(10):
            item = windows(material, self.OFFSCREEN)[index]
            assert torch.equal(item["sound"][0], item["sound"][1])
            assert item["sound"].any()
            assert item["columns"].sum().item() == pytest.approx(1, abs=1e-4)
            assert item["columns"].std(0).max() < 1e-9
            shown = {int(cell) for cell in item["cells"].unique()} - {3}
            assert not shown & set(item["classes"].nonzero().flatten().tolist())
            assert item["classes"].sum().item() == pytest.approx(1, abs=1e-4)

    def test_scores_have_it_where_it_is(self, material):
        items = [windows(material, self.OFFSCREEN, vary=False, centred=False)[index] for index in range(10)]
        left = [float(levels(item)[0] > levels(item)[1]) for item in items]
        assert 0 < sum(left) < 10
        assert all(abs(np.log2(levels(item)[0] / levels(item)[1])) > 0.05 for item in items)

    def test_music_under_a_source_narrows_it(self, material):
        """The source's difference stays, and its fraction of the columns falls by what the music holds."""
        for index in range(10):
            with_music, alone = windows(material, self.MUSIC)[index], windows(material, ONE)[index]
            assert torch.equal(with_music["frame"], alone["frame"])
            sides = [item["sound"][0] - item["sound"][1] for item in (alone, with_music)]
            likeness = torch.nn.functional.cosine_similarity(*sides, dim=0)
            assert likeness.item() == pytest.approx(1, abs=1e-3)
            assert sides[1].norm() < 1.001 * sides[0].norm()
            assert with_music["columns"].min() > 0
            assert torch.allclose(with_music["columns"].sum(), torch.ones(()), atol=1e-4)

    def test_noise_is_at_both_ears_alike(self, material):
        for index in range(5):
            noisy, plain = windows(material, replace(ONE, noise=1.0))[index], windows(material, ONE)[index]
            sides = [item["sound"][0] - item["sound"][1] for item in (plain, noisy)]
            assert torch.nn.functional.cosine_similarity(*sides, dim=0).item() == pytest.approx(1, abs=1e-3)
            assert not torch.allclose(noisy["sound"], plain["sound"], rtol=1e-3)

    def test_of_sources_that_are_alike_one_sounds(self, material):
        data = windows(material, replace(ONE, same_class=1.0), windows_per_frame=1)
        for index in range(10):
            item = data[index]
            assert (item["classes"] > 0).sum() == 1
            (label,) = item["classes"].nonzero().flatten().tolist()
            assert set(item["cells"].unique().tolist()) <= {3, label}
            shown = (item["cells"] == label).any(0)
            assert shown[item["columns"].sum((1, 2)).argmax()]

    def test_context_holds_it_too(self, material):
        data = windows(material, self.OFFSCREEN, config=ModelConfig(context=24_000), windows_per_frame=2)
        item = StageWindows.__getitem__(data, 0)
        assert item["context"].square().mean(-1).sqrt().allclose(torch.full((2,), CONFIG.rms), rtol=1e-3)
        assert bool(((item["classes"] > 0) == (item["present"] > 0)).all())

    def test_ambisonics_have_it_from_everywhere(self, material):
        config = ModelConfig(target="foa")
        item = windows(material, self.OFFSCREEN, config=config)[0]
        assert item["sound"][0].any()
        assert not item["sound"][1:].any()


class TestContext:
    CONTEXT = 24_000

    @pytest.mark.parametrize("mix", [ONE, TWO])
    def test_a_window_is_somewhere_in_its_context(self, material, mix):
        data = windows(material, mix, config=ModelConfig(context=self.CONTEXT), windows_per_frame=2, vary=False)
        starts = []
        for index in range(20):
            item = StageWindows.__getitem__(data, index)
            assert item["context"].shape == (2, self.CONTEXT)
            for context, sound in zip(item["context"], item["sound"], strict=True):
                assert context.double().square().mean().sqrt().item() == pytest.approx(CONFIG.rms, rel=1e-4)
                found = likeness(context, sound.sum(0))
                starts.append(int(found.argmax()))
                assert found.max() == pytest.approx(1, abs=1e-3)
        assert min(starts) < 4_000 < 10_000 < max(starts)

    def test_a_context_leaves_the_frames_as_they_are(self, material):
        plain, around = windows(material, TWO), windows(material, TWO, config=ModelConfig(context=self.CONTEXT))
        for index in range(10):
            assert torch.equal(plain[index]["frame"], around[index]["frame"])
            assert torch.equal(plain[index]["cells"], around[index]["cells"])

    def test_what_is_present_is_what_sounds_in_it(self, material):
        around = windows(material, config=ModelConfig(context=self.CONTEXT))
        for index in range(20):
            item = StageWindows.__getitem__(around, index)
            assert item["present"].sum(1).allclose(torch.ones(1), atol=1e-5)
            assert bool(((item["classes"] > 0) == (item["present"] > 0)).all())


class TestClips:
    MOVING = replace(ONE, moving=1.0, min_azimuth=0.0)

    def test_a_clip_holds_the_frames_around_the_middle(self, material):
        """Of an even number the middle is in the second half; `previous` is the clip of a frame before."""
        one = windows(material, self.MOVING, ModelConfig(frame_rate=50.0), vary=False)
        clips = windows(material, self.MOVING, ModelConfig(frame_rate=50.0, clip_frames=4, clip_stride=2), vary=False)
        for index in range(5):
            alone, clip = one[index], clips[index]
            assert clip["frame"].shape == clip["previous"].shape == (4, 3, 224, 448)
            assert torch.equal(clip["frame"][2], alone["frame"])
            assert torch.equal(clip["previous"][2], alone["previous"])
            assert torch.equal(clip["sound"], alone["sound"])
        shorter = windows(material, self.MOVING, ModelConfig(frame_rate=50.0, clip_frames=2, clip_stride=4), vary=False)
        assert torch.equal(shorter[0]["frame"][0], clips[0]["frame"][0])  # four frames before, either way

    def test_frames_past_the_scene_are_its_first_and_last(self, material):
        clip = windows(material, self.MOVING, ModelConfig(clip_frames=5, clip_stride=10), vary=False)[0]["frame"]
        assert torch.equal(clip[0], clip[1])
        assert torch.equal(clip[3], clip[4])
        assert not torch.equal(clip[1], clip[3])

    def test_crops_mirrors_and_still_scenes(self, material):
        data = windows(material, ALL, ModelConfig(clip_frames=3))
        for index in range(10):
            assert data[index]["frame"].shape == (3, 3, 224, 448)


class TestAmbisonics:
    CONFIG = ModelConfig(target="foa")

    @pytest.mark.parametrize("vary", [False, True])
    def test_a_source_is_encoded_where_it_is_shown(self, material, vary):
        """One source at azimuth a: Y = W sin a, Z = 0, X = W cos a, and W has the model's RMS."""
        data = windows(material, ONE, self.CONFIG, vary=vary)
        for index in range(20):
            item = data[index]
            w, y, z, x = item["sound"]
            assert w.double().square().mean().sqrt().item() == pytest.approx(0.1, rel=1e-4)
            azimuth = np.degrees(np.arctan2(float(y @ w), float(x @ w)))
            torch.testing.assert_close(y, w * np.sin(np.radians(azimuth)), atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(x, w * np.cos(np.radians(azimuth)), atol=1e-5, rtol=1e-4)
            assert not z.any()
            places = np.nonzero(shows(item["frame"], data.labels[int(item["classes"].argmax())]))[1]
            if not vary and places.min() > 0 and places.max() < 447:
                assert azimuth == pytest.approx(60 - 120 * (places.mean() + 0.5 + 16) / 480, abs=0.3)
            assert item["columns"].sum().item() == pytest.approx(1, abs=1e-5)

    def test_a_mirrored_scene_has_left_and_right_exchanged(self, material):
        data = windows(material, ONE, self.CONFIG)
        for index in range(20):
            item = data[index]
            places = np.nonzero(shows(item["frame"], data.labels[int(item["classes"].argmax())]))[1]
            left = float(item["sound"][1] @ item["sound"][0]) > 0
            assert left == (places.mean() < 223.5)

    def test_the_context_is_w(self, material):
        data = windows(material, TWO, ModelConfig(target="foa", context=24_000), vary=False)
        item = StageWindows.__getitem__(data, 0)
        assert likeness(item["context"][0], item["sound"][0, 0]).max() == pytest.approx(1, abs=1e-3)

    def test_rooms_are_refused(self, material, tmp_path):
        pytest.importorskip("pyroomacoustics")
        bank = room_bank(HEAD, 1, azimuths=(0.0,), seconds=0.01, folder=tmp_path)
        with pytest.raises(DatasetError, match="rooms have no sound for target 'foa'"):
            StageWindows([Stage(material, bank)], self.CONFIG, ITEMS, 0)


class TestSound:
    @pytest.mark.parametrize("rms", [0.1, 0.03])
    @pytest.mark.parametrize("vary", [False, True])
    def test_the_mixture_has_the_models_rms(self, material, rms, vary):
        data = windows(material, config=ModelConfig(rms=rms), vary=vary)
        for index in range(20):
            mix = data[index]["sound"].double().sum(0)
            assert mix.square().mean().sqrt().item() == pytest.approx(rms, rel=1e-4)

    def test_classes_share_the_energy(self, material):
        data, silent = windows(material), 0
        for index in range(ITEMS):
            classes = data[index]["classes"]
            assert classes.min() >= 0
            assert classes.sum().item() == pytest.approx(1, abs=1e-5)
            for label, share in zip(data.labels, classes, strict=True):
                if share > 0:  # what sounds is shown
                    assert shows(data[index]["frame"], label).any()
            shown = sum(shows(data[index]["frame"], label).any() for label in COLOURS)
            silent += shown > 1 and int((classes > 0).sum()) == 1
        assert silent > 3

    def test_probabilities_are_those_of_the_mix(self, material):
        data = windows(material, SceneMix(sources=(0.5, 0.3, 0.2), silent=0.0, moving=0.0), vary=False)
        counts = [int((data[index]["classes"] > 0).sum()) for index in range(200)]
        for count, probability in ((1, 0.5), (2, 0.3), (3, 0.2)):
            assert counts.count(count) / 200 == pytest.approx(probability, abs=0.12)


class TestFrame:
    def test_the_louder_ear_is_on_the_shown_side_of_every_item(self, material):
        """Whether a scene is mirrored shows in its ground, which is darker on the left unless it is."""
        data, mirrored = windows(material, ONE), 0
        for index in range(120):
            item = data[index]
            label = data.labels[int(item["classes"].argmax())]
            place = (np.nonzero(shows(item["frame"], label))[1].mean() + 0.5) / 448
            left, right = levels(item)
            assert (left > right) == (place < 0.5)
            assert abs(20 * np.log10(left / right)) > 1
            earlier = (np.nonzero(shows(item["previous"], label))[1].mean() + 0.5) / 448
            assert earlier == pytest.approx(place, abs=33 / 448)  # another crop, not another side
            ground = item["frame"].float().amin(0)[:, ~shows(item["frame"], label).any(0)].mean(0)
            mirrored += bool(ground[0] > ground[-1])
        assert 40 <= mirrored <= 80

    def test_held_out_scenes_are_not_augmented(self, material):
        data = windows(material, ONE, vary=False)
        for index in range(20):
            item = data[index]
            label = data.labels[int(item["classes"].argmax())]
            ground = item["frame"].float().amin(0)[:, ~shows(item["frame"], label).any(0)].mean(0)
            assert ground[0] < ground[-1]
            assert torch.equal(item["frame"], item["previous"])

    def test_crops_vary_while_training(self, material):
        data = windows(material, ONE)
        assert sum(not torch.equal(data[index]["frame"], data[index]["previous"]) for index in range(20)) >= 18

    def test_the_previous_frame_is_a_moment_earlier(self, material):
        moving = replace(ONE, moving=1.0, min_azimuth=0.0)
        slow, fast = (windows(material, moving, ModelConfig(frame_rate=r), vary=False) for r in (10.0, 1_000.0))
        steps = [[shift(data, index) for index in range(30)] for data in (slow, fast)]
        assert np.median(np.abs(steps[0])) > 10  # pixels in a tenth of a second
        assert np.median(np.abs(steps[1])) < 2

    def test_the_whole_frame_is_used(self, material):
        data = windows(material, replace(ONE, min_azimuth=0.0))
        places = [
            np.nonzero(shows(data[i]["frame"], data.labels[int(data[i]["classes"].argmax())]))[1] for i in range(60)
        ]
        assert min(place.min() for place in places) < 8
        assert max(place.max() for place in places) > 439


def shift(data: StageWindows, index: int) -> float:
    item = data[index]
    label = data.labels[int(item["classes"].argmax())]
    now, before = (np.nonzero(shows(item[name], label))[1].mean() for name in ("frame", "previous"))
    return float(now - before)


class TestColumns:
    @pytest.mark.parametrize("vary", [False, True])
    def test_fractions_add_up_to_one(self, material, vary):
        data = windows(material, vary=vary)
        for index in range(ITEMS):
            columns = data[index]["columns"]
            assert columns.min() >= 0
            assert columns.sum().item() == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("vary", [False, True])
    def test_they_peak_where_the_source_is_shown(self, material, vary):
        data, inside = windows(material, ONE, vary=vary), 0
        for index in range(ITEMS):
            item = data[index]
            places = np.nonzero(shows(item["frame"], data.labels[int(item["classes"].argmax())]))[1]
            fractions = item["columns"].sum((1, 2)).numpy()
            if places.min() > 0 and places.max() < 447:  # no part is cut off
                place = (places.mean() + 0.5) / 32 - 0.5  # in columns of 32 pixels
                assert np.sum(fractions * np.arange(14)) == pytest.approx(place, abs=0.05)
                assert abs(int(fractions.argmax()) - place) <= 0.55
                inside += 1
            assert np.count_nonzero(fractions) <= 2
        assert inside > 20

    def test_two_sources_share_each_moment_and_frequency_by_their_energy(self, material):
        """A low and a high sound: each column's sound grid holds the frequencies of what is shown there."""
        time = np.arange(40_000) / 16_000
        tones = {"red": 700.0, "green": 5_700.0}
        sounds = {label: (np.sin(2 * np.pi * hertz * time).astype(np.float32),) for label, hertz in tones.items()}
        two = replace(material, photos={label: material.photos[label] for label in tones}, sounds=sounds)
        data = windows(two, TWO, vary=False)
        for index in range(20):
            item = data[index]
            level = stft(item["sound"].sum(0)).square().sum(0).mean(-1).reshape(-1)[:256].reshape(32, 8).sum(1)
            for label, row in (("red", 2), ("green", 22)):
                assert level[row] > 100 * level[12]
                by_row = item["columns"][:, row].sum(-1).numpy()
                places = np.nonzero(shows(item["frame"], label))[1]
                assert places.min() / 32 - 1 <= by_row.argmax() <= places.max() / 32 + 1
                assert by_row.max() > 0.45 * by_row.sum()

    def test_silent_sources_have_no_part(self, material):
        data = windows(material, replace(TWO, silent=1.0))
        for index in range(20):
            fractions = data[index]["columns"].sum((1, 2))
            assert 1 <= int((fractions > 0).sum()) <= 2


class TestCells:
    @pytest.mark.parametrize("vary", [False, True])
    def test_each_cell_names_what_its_middle_shows(self, material, vary):
        data, cells = windows(material, vary=vary), 0
        for index in range(ITEMS):
            item = data[index]
            shown = np.full((224, 448), len(data.labels))
            for label in data.labels:
                shown[shows(item["frame"], label)] = data.labels.index(label)
            for row in range(7):
                for column in range(14):
                    y, x = 32 * row + 16, 32 * column + 16
                    patch = shown[y - 2 : y + 2, x - 2 : x + 2]
                    if (patch == patch[0, 0]).all():  # not on an edge
                        assert item["cells"][row, column] == patch[0, 0]
                        cells += patch[0, 0] < len(data.labels)
        assert cells > 10 * ITEMS
