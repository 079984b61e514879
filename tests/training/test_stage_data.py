"""Scenes for training and validation: splits, rooms, and batches that go on where a run was stopped."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from lightning.pytorch.accelerators import CPUAccelerator, CUDAAccelerator
from PIL import Image

from ccstereo.datasets.stage import Stage, StageWindows, collate_windows
from ccstereo.errors import DatasetError
from ccstereo.scenes import spherical_head
from ccstereo.scenes.augmentation import AudioAugmentation
from ccstereo.scenes.material import Material, load_material
from ccstereo.training import data as data_module
from ccstereo.training.data import StageData
from ccstereo.training.loading import FreshLoader, FreshSampler, workers_of
from ccstereo.training.prepared import PreparedData
from ccstereo.vision.augmentation import ImageAugmentation
from small import SMALL

TINY = {"model": "ccstereo-lite", "model_config": SMALL, "validation_size": 3, "workers": 0}


def numbers(loader: FreshLoader, epoch: int, count: int | None = None) -> list[int]:
    """The items of an epoch's batches, as Lightning would ask for them."""
    loader.sampler.set_epoch(epoch)
    seen: list[int] = []
    for batch in loader:
        seen += batch["number"].tolist()
        if len(seen) == count:
            break
    return seen


class Numbers(torch.utils.data.Dataset):
    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"number": torch.tensor(index)}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_goes_on_in_the_middle_of_an_epoch(workers: int) -> None:
    """What workers have made ahead of the trainer is not skipped."""
    whole, first, second = (FreshLoader(Numbers(), 2, FreshSampler(12), workers) for _ in range(3))
    expected = numbers(whole, 0) + numbers(whole, 1)
    assert expected == list(range(24))
    seen = numbers(first, 0) + numbers(first, 1, 4)
    state = first.state_dict()
    assert state == {"epoch": 1, "batches": 2}
    second.load_state_dict(state)
    assert seen + numbers(second, 1) == expected
    assert numbers(second, 2) == list(range(24, 36))


@pytest.mark.parametrize(
    ("cores", "accelerator", "processes", "expected"),
    [
        (2, CPUAccelerator(), 1, 1),
        (16, CPUAccelerator(), 1, 4),
        (16, CPUAccelerator(), 2, 2),
        (1, CUDAAccelerator(), 1, 1),
        (16, CUDAAccelerator(), 1, 15),
        (64, CUDAAccelerator(), 8, 7),
        (128, CUDAAccelerator(), 1, 16),
    ],
)
def test_an_accelerator_is_fed_by_all_cores_but_its_own(monkeypatch, cores, accelerator, processes, expected) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    trainer = SimpleNamespace(accelerator=accelerator, num_devices=processes)
    assert workers_of(trainer, None) == expected
    assert workers_of(trainer, 0) == 0
    assert workers_of(trainer, 40) == 40


def test_workers_are_those_the_loader_has(monkeypatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(12)), raising=False)
    for workers, expected in ((None, 3), (2, 2)):
        data = StageData(**TINY | {"workers": workers})
        data.setup()
        assert data.train_dataloader().num_workers == expected


def test_training_and_validation_hear_other_files(monkeypatch) -> None:
    """Nothing of the test split is ever read."""
    splits, draw = [], data_module.synthetic_material

    def noting(split, rate):
        splits.append(split)
        return draw(split, rate)

    monkeypatch.setattr(data_module, "synthetic_material", noting)
    StageData(**TINY).setup()
    assert splits == ["train", "val"]


def stage_folder(folder: Path, first: int) -> Path:
    """A class of six photos, told by their red, from `first` on, and three sounds; each split has one of them."""
    for kind, names in (("photos/cat", 6), ("backgrounds", 3)):
        (folder / kind).mkdir(parents=True)
        for i in range(names):
            Image.new("RGB", (40, 30), (first + 20 * i, 50, 200)).save(folder / kind / f"{i}.png")
    (folder / "sounds/cat").mkdir(parents=True)
    for i in range(3):
        soundfile.write(folder / f"sounds/cat/{i}.wav", np.full(16_000, 0.1 * (i + 1)), 16_000, subtype="FLOAT")
    return folder


def reds(material: Material) -> set[int]:
    return {int(picture[0, 0, 0]) for picture in material.photos["cat"]}


def test_training_can_have_more_folders_and_validations_files_but_none_of_the_test(tmp_path) -> None:
    folder, other = stage_folder(tmp_path / "a", 0), stage_folder(tmp_path / "b", 5)
    train, val, test = (reds(load_material(folder, split)) for split in ("train", "val", "test"))
    more_train, more_val = (reds(load_material(other, split)) for split in ("train", "val"))
    options = {"folder": str(folder), "synthetic_fraction": 0.0, **TINY}
    more = {"more_folders": [str(other)]}
    for extra, expected in (
        ({}, train),
        (more, train | more_train),
        ({"train_on_validation": True}, train | val),
        ({"train_on_validation": True, **more}, train | val | more_train | more_val),
    ):
        data = StageData(**extra, **options)
        data.setup()
        assert reds(data.training.stages[0].material) == expected
        assert reds(data.validation[0].stages[0].material) == val
        assert not expected & test
    for extra in (more, {"train_on_validation": True}):
        with pytest.raises(DatasetError, match="need a folder"):
            StageData(**extra, **TINY).setup()


def test_a_batch_that_is_no_multiple_of_its_sounds_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"data\.batch_size 6 is not a multiple of data\.sounds 4"):
        StageData(batch_size=6, sounds=4, **TINY).setup()


@pytest.mark.parametrize("part", ["train_part", "val_part"])
def test_the_test_part_is_refused(part: str) -> None:
    with pytest.raises(DatasetError, match="cannot be test"):
        PreparedData("set", **{part: "test"})


def test_training_hears_by_all_heads_and_validation_by_the_first(monkeypatch) -> None:
    heads = {f"{name}.sofa": replace(spherical_head(16_000), name=name) for name in "ab"}
    monkeypatch.setattr(data_module, "load_sofa", heads.__getitem__)

    def bank(head, rooms, **_):
        return [(head.name, room) for room in range(rooms)]

    monkeypatch.setattr(data_module, "room_bank", bank)
    data = StageData(sofa="a.sofa", more_sofas=["b.sofa"], room_fraction=0.5, rooms=1, **TINY)
    data.setup()
    assert [[getattr(head, "name", head) for head in stage.heads] for stage in data.training.stages] == [
        ["a", "b"],
        [("a", 0)],
        [("b", 0)],
    ]
    assert [stage.weight for stage in data.training.stages] == [0.5, 0.25, 0.25]
    assert [head.name for head in data.validation[0].stages[0].heads] == ["a"]
    assert {name for name, _ in data.validation[2].stages[0].heads} == {"a"}


def test_drawn_scenes_are_in_rooms_as_often_as_the_folders(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(data_module, "room_bank", lambda head, rooms, **_: [(head.name, room) for room in range(rooms)])
    folder = stage_folder(tmp_path, 0)
    data = StageData(folder=str(folder), synthetic_fraction=0.2, room_fraction=0.25, rooms=1, **TINY)
    data.setup()
    stages = [(stage.material.name, round(stage.weight, 6), stage.lead > 0) for stage in data.training.stages]
    assert stages == [
        (folder.name, 0.6, False),
        (folder.name, 0.2, True),
        ("drawn", 0.15, False),
        ("drawn", 0.05, True),
    ]
    assert [kind.stages[0].material.name for kind in data.validation] == [folder.name] * 4


def test_rooms_in_training_and_others_in_validation(tmp_path, monkeypatch) -> None:
    pytest.importorskip("pyroomacoustics")
    monkeypatch.setenv("CCSTEREO_CACHE", str(tmp_path))
    monkeypatch.setattr(data_module, "VALIDATION_ROOMS", 1)
    data = StageData(room_fraction=0.5, rooms=1, sounds=2, batch_size=4, epoch_size=8, **TINY)
    data.setup()
    assert data.validation_names == ["one", "two", "one, room", "two, room"]
    assert [len(loader.dataset) for loader in data.val_dataloader()] == [3] * 4
    dry, wet = data.training.stages
    assert (dry.weight, wet.weight) == (0.5, 0.5)
    held_out = data.validation[2].stages[0].heads
    assert wet.heads.rooms[0] != held_out.rooms[0]
    ratio = tail(wet) / tail(dry)
    assert ratio > 10
    batch = next(iter(data.train_dataloader()))
    assert batch["frame"].shape == (2, 3, 112, 224)
    assert batch["binaural"].shape == (4, 2, 10_080)
    assert all(kind["binaural"].isfinite().all() for kind in (next(iter(loader)) for loader in data.val_dataloader()))


def tail(stage: Stage) -> float:
    """Share of a response's energy that comes later than 5 ms after its beginning."""
    response = stage.heads[0].responses[0]
    late = response[:, 80:]
    return float((late.astype(float) ** 2).sum() / (response.astype(float) ** 2).sum()) + 1e-6


def test_dry_scenes_alone_without_rooms() -> None:
    data = StageData(**TINY)
    data.setup()
    assert [stage.lead for stage in data.training.stages] == [0.0]
    assert data.validation_names == ["one", "two"]


def test_batches_of_both_kinds_of_stage_fit_together() -> None:
    """A stage with a lead plays longer sounds; the windows are as long."""
    material, head = data_module.synthetic_material("train", 16_000), spherical_head(16_000)
    stages = [Stage(material, [head], lead=lead) for lead in (0.0, 0.35)]
    data = StageData(**TINY)
    windows = StageWindows(stages, data.config, 6, 0, grid=data.grid, sounds=2)
    assert collate_windows([windows[index] for index in range(6)])["binaural"].shape == (12, 2, 10_080)


def test_variety_is_for_training_alone() -> None:
    kept, wild = (
        StageData(**TINY, variety=variety) for variety in (AudioAugmentation(), AudioAugmentation((0.5, 0.6), hiss=1.0))
    )
    for data in (kept, wild):
        data.setup()
    assert torch.equal(kept.validation[0][0]["binaural"], wild.validation[0][0]["binaural"])
    assert not torch.equal(kept.training[0]["binaural"], wild.training[0]["binaural"])


def test_footage_is_for_training_alone_and_changes_pictures_alone() -> None:
    kept, worse = (StageData(**TINY, footage=footage) for footage in (ImageAugmentation(), ImageAugmentation(1.0, 1.0)))
    for data in (kept, worse):
        data.setup()
    assert torch.equal(kept.validation[0][0]["frame"], worse.validation[0][0]["frame"])
    one, other = kept.training[0], worse.training[0]
    assert {name for name in one if not torch.equal(one[name], other[name])} == {"frame", "previous"}
    near = (one["frame"].float() - other["frame"].float()).abs().mean()
    assert 0 < near < 20
