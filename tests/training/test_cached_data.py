"""Features of a frozen trunk that are kept: the same as those of the frames, made once, in another order each epoch."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from lightning.pytorch.accelerators import CPUAccelerator
from safetensors.torch import save_file

from ccstereo.cli.main import main
from ccstereo.errors import DatasetError
from ccstereo.training.cached_data import CachedData, KeptWindows
from ccstereo.training.colour import ColourAugmentation
from ccstereo.training.stage_data import StageData
from ccstereo.training.task import SpatialTask
from small import SMALL_OF

STAGE = {"batch_size": 4, "epoch_size": 8, "validation_size": 1, "windows_per_frame": 2, "workers": 0}


def prepared(folder: Path, model: str = "apnet", frozen: bool = True, **options) -> tuple[SpatialTask, CachedData]:
    torch.manual_seed(0)
    task = SpatialTask(model, SMALL_OF[model], weights={"difference": 1.0}, frozen_trunk=frozen)
    data = CachedData(StageData(**STAGE), str(folder), items=3, **options)
    data.trainer = SimpleNamespace(
        lightning_module=task, global_rank=0, world_size=1, overfit_batches=0, num_devices=1,
        accelerator=CPUAccelerator(), strategy=SimpleNamespace(root_device=torch.device("cpu")),
    )  # fmt: skip
    data.prepare_for(task.model)
    return task, data


def test_kept_features_are_those_of_the_frames(tmp_path: Path, monkeypatch) -> None:
    task, data = prepared(tmp_path)
    task.colour = ColourAugmentation(jitter=0.0)
    kept = KeptWindows(data._paths(0, 3), 3)
    item, original = kept[1], data.stage.training[1]
    assert item["frame"].dtype == torch.float16
    for name in ("frame", "previous"):
        expected = task.encode(task.augmented(original[name][None]))
        torch.testing.assert_close(task.encode(item[name]), expected, atol=0.02, rtol=0.01)
    torch.testing.assert_close(item["sound"], original["sound"], atol=1e-3, rtol=1e-3)
    assert torch.equal(item["cells"][0], original["cells"])
    batches = list(data.train_dataloader())
    assert [len(batch["sound"]) for batch in batches] == [4]
    assert task.windows_objective(batches[0])[0].isfinite()

    def make(*_) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(CachedData, "_make", make)
    _, again = prepared(tmp_path)
    assert again.labels == data.stage.labels
    with pytest.raises(AssertionError, match="made again"):  # other items
        prepared(tmp_path, previous=False)
    with pytest.raises(DatasetError, match=r"add --model\.frozen_trunk true"):
        prepared(tmp_path, frozen=False)


def test_validation_is_that_of_the_stage(tmp_path: Path) -> None:
    task, data = prepared(tmp_path)
    for kept, made in zip(data.val_dataloader(), data.stage.val_dataloader(), strict=True):
        (one,), (other,) = kept, made
        torch.testing.assert_close(one["sound"], other["sound"], atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(task.encode(one["frame"]), task.encode(other["frame"]), atol=0.02, rtol=0.01)


def test_a_stopped_cache_is_continued(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("ccstereo.training.cached_data.ITEMS_A_FILE", 2)
    monkeypatch.setattr("ccstereo.training.cached_data.ITEMS_A_TASK", 1)
    _, data = prepared(tmp_path)
    whole = KeptWindows(data._paths(0, 3), 3).items
    first, last = data._paths(0, 3)
    last.unlink()
    before = first.stat().st_mtime_ns
    _, data = prepared(tmp_path)
    assert first.stat().st_mtime_ns == before
    for name, value in KeptWindows(data._paths(0, 3), 3).items.items():
        assert torch.equal(value, whole[name])


def test_every_epoch_has_all_items_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "training-0000000-5.safetensors"
    save_file({"frame": torch.arange(5).half()[:, None], "sound": torch.arange(10).half().reshape(5, 2, 1, 1)}, path)
    kept = KeptWindows([path], 5, seed=0)
    first, second = (kept.__getitems__([*range(5 * epoch, 5 * epoch + 5)]) for epoch in (0, 1))
    for batch in (first, second):
        assert sorted(batch["frame"][:, 0].tolist()) == [0, 1, 2, 3, 4]
        assert batch["sound"].dtype == torch.float32
        assert torch.equal(batch["sound"][::2, 0, 0], 2 * batch["frame"][:, 0].float())  # with their own frame
    assert not torch.equal(first["frame"], second["frame"])
    assert KeptWindows([path], 5).__getitems__([1, 3])["frame"].tolist() == [[1.0], [3.0]]


def test_a_row_of_the_zoo_trains(tmp_path: Path, monkeypatch) -> None:
    """With clips of frames and both players, which want most of the kept items."""
    monkeypatch.chdir(tmp_path)
    small = SMALL_OF["sagm"] | {"trunk": "slim", "trunk_first": True, "trunk_channels": [8], "trunk_strides": [8]}
    Path("small.yaml").write_text(
        yaml.safe_dump({
            "model": {"init_args": {"model_config": json.loads(json.dumps(small)), "imagenet": False}},
            "data": {"init_args": {"items": 4, "folder": "cache", "stage": {"init_args": STAGE}}},
        })
    )  # fmt: skip
    configs = [f"--config={name}" for name in ("zoo/stage", "zoo/sagm", "zoo/adversarial", "small.yaml")]
    quiet = [
        *("--trainer.precision", "32-true", "--trainer.logger", "false", "--trainer.enable_progress_bar", "false"),
        *("--trainer.enable_model_summary", "false", "--trainer.num_sanity_val_steps", "0"),
        *("--trainer.max_steps", "2", "--model.adversarial.widths", "[8]", "--trainer.default_root_dir", "run"),
    ]
    assert main(["train", *configs, *quiet]) == 0
    assert Path("run/weights/model.safetensors").is_file()
    assert len(list(Path("cache").rglob("training-*.safetensors"))) == 1
