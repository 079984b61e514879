"""Features of a frozen trunk that are kept: the same as those of the frames, made once, in another order each epoch."""

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from lightning.pytorch.accelerators import CPUAccelerator

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
        accelerator=CPUAccelerator(),
    )  # fmt: skip
    data.prepare_for(task.model)
    return task, data


def test_kept_features_are_those_of_the_frames(tmp_path: Path, monkeypatch) -> None:
    task, data = prepared(tmp_path)
    task.colour = ColourAugmentation(jitter=0.0)
    assert sorted(data.kept._items_of(0)) == [0, 1, 2]
    place = list(data.kept._items_of(0)).index(1)
    item, original = data.kept[place], data.stage.training[1]
    assert item["frame"].dtype == torch.float16
    for name in ("frame", "previous"):
        found = task.encode(item[name][None])
        expected = task.encode(task.augmented(original[name][None]))
        torch.testing.assert_close(found, expected, atol=0.02, rtol=0.01)
    torch.testing.assert_close(item["sound"], original["sound"], atol=1e-3, rtol=1e-3)
    assert torch.equal(item["cells"], original["cells"])
    batches = list(data.train_dataloader())
    assert [len(batch["sound"]) for batch in batches] == [4]
    assert task.windows_objective(batches[0])[0].isfinite()

    def fill(*_) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(CachedData, "_fill", fill)
    prepared(tmp_path)
    with pytest.raises(AssertionError, match="made again"):  # other items
        prepared(tmp_path, previous=False)
    with pytest.raises(DatasetError, match=r"add --model\.frozen_trunk true"):
        prepared(tmp_path, frozen=False)


def test_every_epoch_has_all_items_in_another_order() -> None:
    kept = KeptWindows([Path("a"), Path("b"), Path("c")], 150, seed=0)
    orders = [list(kept._items_of(epoch)) for epoch in (0, 1)]
    assert [sorted(order) for order in orders] == [list(range(150))] * 2
    assert orders[0] != orders[1]
    files = [index // 64 for index in orders[0]]
    assert sum(one != other for one, other in pairwise(files)) == 2  # each is read once


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
    assert len(list(Path("cache").rglob("*.safetensors"))) == 1
