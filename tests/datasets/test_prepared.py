"""Windows of a prepared set, and from videos to trained weights and their score through the real command line."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ccstereo.audio import rms
from ccstereo.binauralizer import Binauralizer
from ccstereo.cli.main import main
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.windows import PreparedWindows
from ccstereo.errors import DatasetError
from ccstereo.metrics import functional as metrics
from ccstereo.models import load_model
from ccstereo.models.config import ModelConfig
from places import likeness
from small import TRAIN_SMALL

CONFIG = ModelConfig()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> PreparedSet:
    """Four clips of 2 s: a click at 1 s on the left, pictures that tell their index, bright on their left half."""
    folder = tmp_path_factory.mktemp("prepared")

    def worker(source: Source):
        sound = 0.001 * np.random.default_rng(len(source.key)).standard_normal((2, 32_000)).astype(np.float32)
        sound[0, 16_000] = 0.9
        pictures = []
        for k in range(20):
            picture = np.full((240, 480, 3), 5 * k + 20, np.uint8)
            picture[:, :240] += 100
            pictures.append(encode_jpeg(picture))
        yield Clip(source.key, sound, pictures)

    sources = []
    for name in ("a", "bb", "ccc", "dddd"):
        (folder / name).touch()
        sources.append(Source(name, (folder / name,)))
    splits = {"default": {"train": ["a", "bb"], "val": ["ccc"], "test": ["dddd"]}}
    prepare(sources, worker, folder / "set", SetInfo("test"), folds=lambda _: splits)
    return PreparedSet(folder / "set")


class TestWindows:
    def test_items(self, made):
        windows = PreparedWindows(made, ["a", "bb"], CONFIG, 8)
        item = windows[0]
        assert {name: (tuple(value.shape), value.dtype) for name, value in item.items()} == {
            "frame": ((3, *CONFIG.frame_size), torch.uint8),
            "previous": ((3, *CONFIG.frame_size), torch.uint8),
            "sound": ((2, CONFIG.window), torch.float32),
        }
        again = PreparedWindows(PreparedSet(made.folder), ["a", "bb"], CONFIG, 8)
        for index in (7, 0, 9):
            assert all(torch.equal(windows[index][name], again[index][name]) for name in item)
        assert not torch.equal(windows[0]["sound"], windows[8]["sound"])

    def test_level_is_the_models(self, made):
        windows = PreparedWindows(made, ["a"], CONFIG, 10, vary=False)
        for index in range(10):
            assert rms(windows[index]["sound"].sum(0)).item() == pytest.approx(CONFIG.rms, rel=1e-3)

    def test_the_frame_is_that_of_the_middle(self, made):
        """The click at 1 s tells where a window is, its picture which one was taken."""
        windows = PreparedWindows(made, ["a", "bb"], CONFIG, 40, mirror=False)
        seen = 0
        for index in range(40):
            item = windows[index]
            at = int(item["sound"][0].abs().argmax())
            if item["sound"].abs().max() < 5:  # the click is not in it
                continue
            middle = (16_000 - at + CONFIG.window / 2) / 16_000
            frame, previous = (float(item[name][..., -50:].float().mean() - 20) / 5 for name in ("frame", "previous"))
            assert abs(frame - 10 * middle) <= 0.75
            assert frame - previous == pytest.approx(1, abs=0.3)
            seen += 1
        assert seen > 10

    def test_mirrored_items_mirror_both(self, made):
        """The picture's left half is bright, and the click is on the left: both, or neither, change sides."""
        windows = PreparedWindows(made, ["a"], CONFIG, 40)
        sides = []
        for index in range(40):
            item = windows[index]
            left = item["frame"][..., :100].float().mean() > item["frame"][..., -100:].float().mean()
            if item["sound"].abs().max() > 5:
                assert left == (item["sound"][0].abs().max() > item["sound"][1].abs().max())
                sides.append(bool(left))
        assert {True, False} == set(sides)

    def test_clips_that_do_not_fit(self, made):
        with pytest.raises(DatasetError, match="16000 Hz, the model at 22050 Hz; give a model of 16000 Hz"):
            PreparedWindows(made, ["a"], ModelConfig(sample_rate=22_050))
        with pytest.raises(DatasetError, match=r"none of 1 clips has the 2\.50 s that the model processes at once"):
            PreparedWindows(made, ["a"], ModelConfig(window=40_000))
        with pytest.raises(DatasetError, match=r"none of 1 clips has the 2\.50 s"):
            PreparedWindows(made, ["a"], ModelConfig(context=40_000))

    @pytest.mark.parametrize("vary", [False, True])
    def test_a_context_is_around_its_window(self, made, vary):
        """The same windows, with the mixture around each as a stream takes it: about its middle, or up to an end."""
        plain = PreparedWindows(made, ["a", "bb"], CONFIG, 30, vary=vary)
        around = PreparedWindows(made, ["a", "bb"], ModelConfig(context=20_000), 30, vary=vary)
        for index in range(30):
            item, other = around[index], plain[index]
            assert all(torch.equal(item[name], other[name]) for name in other)
            assert item["context"].shape == (20_000,)
            assert rms(item["context"]).item() == pytest.approx(CONFIG.rms, rel=1e-3)
            found = likeness(item["context"], item["sound"].sum(0))
            start = int(found.argmax())
            assert found[start] == pytest.approx(1, abs=1e-4)
            assert 0 <= start <= 20_000 - CONFIG.window

    def test_whole_clips(self, made):
        assert made.frames("bb").shape == (20, 240, 480, 3)
        np.testing.assert_array_equal(made.frames("bb")[7], made.frame("bb", 7))


TINY = [
    *TRAIN_SMALL,
    *("--trainer.accelerator", "cpu", "--trainer.max_steps", "2", "--trainer.default_root_dir", "out"),
    *("--data.batch_size", "2", "--data.workers", "0", "--data.epoch_size", "4", "--data.validation_size", "2"),
]


def test_from_videos_to_a_score(make_video, tmp_path: Path, monkeypatch) -> None:
    """Prepare, train two steps with the stage's config, score whole clips of the test part."""
    pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        make_video(tmp_path / "videos" / f"{number}.mp4", 1.5, seed=number)
    assert main(["prepare", "folder", "videos", "-o", "set", "--jobs", "1", "-q"]) == 0
    assert main(["train", "--config", "lite-stage", "--data.path", "set", *TINY]) == 0
    model = load_model("out/weights")
    made = PreparedSet("set")
    (clip,) = made.ids("default", "test")
    truth = torch.from_numpy(made.sound(clip))
    predicted = torch.from_numpy(
        Binauralizer(model).binauralize(truth.mean(0).numpy(), 16_000, made.frames(clip), 10.0)
    )
    score = metrics.stft_distance(predicted, truth)
    assert torch.isfinite(score)
    assert score > 0


def test_what_a_training_needs(made: PreparedSet, tmp_path: Path, monkeypatch, capsys) -> None:
    pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    start = ["train", "--config", "lite-stage", *TINY, "--data.path"]
    for more, words in [
        (["none"], "is no prepared set"),
        ([str(made.folder), "--data.fold", "other"], "this set has default"),
    ]:
        assert main([*start, *more]) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("ccstereo: error: ")
        assert words in error
