"""Sets of first-order ambisonics: kept as they are, rendered as they are read, sharded, mirrored."""

import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from ccstereo.audio import foa_to_binaural, rms
from ccstereo.audio.ambisonics import encode
from ccstereo.cli.main import main
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.check import check_set
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.windows import PreparedWindows, read_sound
from ccstereo.datasets.shards.reader import open_set
from ccstereo.errors import DatasetError
from ccstereo.models.config import ModelConfig
from ccstereo.scenes.acoustics.decoders import load_decoder

FOA, EARS = ModelConfig(target="foa"), ModelConfig()


def clips(source: Source):
    """Noise from 60 degrees to the left, 30 up; the left half of the frames is bright."""
    rng = np.random.default_rng(len(source.key))
    foa = encode(torch.from_numpy(0.1 * rng.standard_normal(32_000).astype(np.float32)), 60.0, 30.0)
    frames = []
    for k in range(20):
        frame = np.full((240, 480, 3), 5 * k + 20, np.uint8)
        frame[:, :240] += 100
        frames.append(encode_jpeg(frame))
    yield Clip(source.key, foa.numpy(), frames)


def make(folder: Path, info: SetInfo, worker=clips) -> PreparedSet:
    sources = []
    for name in ("a", "bb", "ccc"):
        (folder / name).write_text(name)
        sources.append(Source(name, (folder / name,)))
    prepare(sources, worker, folder / "set", info, folds=lambda _: {"one": {"train": ["a", "bb"], "val": ["ccc"]}})
    return PreparedSet(folder / "set")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> PreparedSet:
    return make(tmp_path_factory.mktemp("foa"), SetInfo("test", sound="foa"))


class TestFormat:
    def test_four_channels_are_kept(self, made):
        assert made.info.sound == "foa"
        row = made.clips["bb"]
        (original,) = clips(Source("bb", ()))
        np.testing.assert_allclose(made.sound("bb"), original.sound, atol=1 / 32768)
        np.testing.assert_array_equal(made.sound("bb", 777, 100), made.sound("bb")[:, 777:877])
        np.testing.assert_allclose(row.rms, np.sqrt(np.square(original.sound).mean(1)), rtol=1e-4)
        assert row.difference == pytest.approx(1, abs=0.001)  # a plane wave: Y, Z and X together are as strong as W
        with wave.open(made.where("bb", "sound")) as file:
            assert file.getparams()[:4] == (4, 2, 16_000, 32_000)
        assert check_set(made) == []

    def test_other_channels_than_the_sets_are_reported(self, tmp_path):
        with pytest.raises(DatasetError, match="has 4 channels in a set of binaural sound"):
            make(tmp_path, SetInfo("test"))

    def test_a_set_of_the_other_kind_is_not_resumed(self, made):
        source = Source("a", (made.folder.parent / "a",))
        with pytest.raises(DatasetError, match="begun with other settings: sound is foa, not binaural"):
            prepare([source], clips, made.folder, SetInfo("test"))

    def test_shards_carry_them(self, made, tmp_path):
        assert main(["shard", str(made.folder), "-o", str(tmp_path), "-q"]) == 0
        sharded = open_set(tmp_path)
        assert sharded.info.sound == "foa"
        np.testing.assert_array_equal(sharded.sound("a", 5, 1000), made.sound("a", 5, 1000))
        assert check_set(sharded) == []


class TestWindows:
    @pytest.mark.parametrize(("config", "channels"), [(FOA, 4), (EARS, 2), (ModelConfig(target="left-right"), 2)])
    def test_items_are_as_the_target_wants(self, made, config, channels):
        windows = PreparedWindows(made, ["a", "bb"], config, 6)
        for index in range(6):
            item = windows[index]
            assert item["sound"].shape == (channels, config.window)
            assert rms(windows.target.mixture(item["sound"])).item() == pytest.approx(0.1, rel=1e-3)

    @pytest.mark.parametrize("method", ["projection", "magls"])
    def test_rendered_windows_are_parts_of_the_rendered_clip(self, made, method):
        decoder = load_decoder(method)
        whole = foa_to_binaural(torch.from_numpy(made.sound("a")), decoder)
        for start, length in [(0, 10_080), (1, 500), (20_000, 12_000), (0, 32_000), (31_999, 1)]:
            piece = read_sound(made, "a", decoder, start, length)
            torch.testing.assert_close(piece, whole[:, start : start + length], atol=1e-6, rtol=1e-4)

    def test_the_left_is_heard_and_shown_on_one_side(self, made):
        """Mirrored or not, the bright half and the louder ear, or the sign of Y, go together."""
        for config in (EARS, FOA):
            windows, sides = PreparedWindows(made, ["a"], config, 12), set()
            for index in range(12):
                item = windows[index]
                bright = item["frame"][0].float().mean(0)
                left = bool(bright[:200].mean() > bright[-200:].mean())
                sound = item["sound"]
                louder = sound[0].norm() > sound[1].norm() if config is EARS else (sound[0] * sound[1]).sum() > 0
                assert left == bool(louder)
                sides.add(left)
            assert sides == {True, False}

    def test_ambisonics_cannot_be_made_of_two_ears(self, tmp_path):
        def two(source: Source):
            for clip in clips(source):
                yield Clip(clip.id, clip.sound[:2], clip.frames)

        made = make(tmp_path, SetInfo("test"), two)
        with pytest.raises(DatasetError, match="holds binaural sound, but the model predicts ambisonics"):
            PreparedWindows(made, ["a"], FOA)


class TestClipsOfFrames:
    @pytest.mark.parametrize(("frames", "stride"), [(3, 1), (2, 4), (5, 9)])
    def test_frames_around_the_middle(self, made, frames, stride):
        windows = PreparedWindows(made, ["a"], ModelConfig(clip_frames=frames, clip_stride=stride), 8, mirror=False)
        one = PreparedWindows(made, ["a"], EARS, 8, mirror=False)
        for index in range(8):
            item, single = windows[index], one[index]
            assert item["frame"].shape == item["previous"].shape == (frames, 3, 224, 448)
            assert torch.equal(item["sound"], single["sound"])
            numbers, before = (_numbers(item[name]) for name in ("frame", "previous"))
            (middle,) = _numbers(single["frame"][None])
            wanted = [middle + stride * (k - frames // 2) for k in range(frames)]
            assert numbers == [min(max(0, k), 19) for k in wanted]
            assert before == [min(max(0, k - 1), 19) for k in wanted]


def _numbers(frames: torch.Tensor) -> list[int]:
    return [round((float(frame[:, :, -100:].float().mean()) - 20) / 5) for frame in frames]
