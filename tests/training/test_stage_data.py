"""Scenes for training and validation: splits, rooms, and batches that continue where a run was stopped."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from lightning.pytorch.accelerators import CPUAccelerator, CUDAAccelerator
from PIL import Image

from ccstereo.datasets.stage import Stage, StageWindows, collate_windows
from ccstereo.errors import DatasetError
from ccstereo.models import create_model
from ccstereo.scenes import AudioAugmentation, spherical_head
from ccstereo.scenes.material import Material, load_material
from ccstereo.training import stage_data
from ccstereo.training.loading import FreshLoader, FreshSampler, check_counts, fresh_sampler, workers_of
from ccstereo.training.recorded_data import RecordedData
from ccstereo.training.stage_data import Augmentation, SceneSource, StageData
from ccstereo.vision.augmentation import ImageAugmentation
from small import SMALL

TINY: dict[str, Any] = {"validation_size": 3, "workers": 0}
MODEL = create_model("ccstereo-lite", **SMALL)


def ready(**options: Any) -> StageData:
    data = StageData(**TINY | options)
    data.prepare_for(MODEL)
    return data


def numbers(loader: FreshLoader, count: int | None = None) -> list[int]:
    """The items of an epoch's batches."""
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
def test_a_loader_continues_in_the_middle_of_an_epoch(workers: int) -> None:
    """What workers have made ahead of the trainer is not skipped."""
    whole, first, second = (FreshLoader(Numbers(), 2, FreshSampler(12), workers) for _ in range(3))
    expected = numbers(whole) + numbers(whole)
    assert expected == list(range(24))
    seen = numbers(first) + numbers(first, 4)
    state = first.state_dict()
    assert state == {"epoch": 1, "batches": 2}
    second.load_state_dict(state)
    assert seen + numbers(second) == expected
    assert numbers(second) == list(range(24, 36))


def test_an_epoch_that_is_broken_off_is_followed_by_the_next() -> None:
    loader = FreshLoader(Numbers(), 2, FreshSampler(12))
    assert numbers(loader, 4) == [0, 1, 2, 3]
    assert numbers(loader, 4) == [12, 13, 14, 15]
    same = FreshLoader(Numbers(), 2, FreshSampler(12), repeat=True)
    assert numbers(same, 4) == numbers(same, 4) == [0, 1, 2, 3]


@pytest.mark.parametrize(("size", "batch", "processes"), [(8, 32, 1), (100, 32, 4), (3, 4, 1)])
def test_an_epoch_without_a_batch_is_an_error_with_advice(size: int, batch: int, processes: int) -> None:
    trainer = SimpleNamespace(global_rank=0, world_size=processes)
    with pytest.raises(DatasetError, match=r"no batches.* raise --data.epoch_size or lower --data.batch_size"):
        fresh_sampler(size, batch, trainer)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"epoch_size": -1}, {"workers": -1}, {"seed": -1}])
def test_numbers_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        check_counts(**wrong)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RecordedData("set", **wrong)


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
        data = ready(workers=workers)
        assert data.train_dataloader().loader.num_workers == expected


def test_training_and_validation_have_other_files(monkeypatch) -> None:
    """Nothing of the test split is ever read."""
    splits, make = [], stage_data.synthetic_material

    def noting(split, rate):
        splits.append(split)
        return make(split, rate)

    monkeypatch.setattr(stage_data, "synthetic_material", noting)
    ready()
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


def test_training_has_the_train_files_and_validation_the_val_files(tmp_path) -> None:
    folder = stage_folder(tmp_path / "a", 0)
    train, val, test = (reds(load_material(folder, split)) for split in ("train", "val", "test"))
    data = ready(folder=str(folder), scenes=SceneSource(synthetic_fraction=0.0))
    assert reds(data.training.stages[0].material) == train
    assert reds(data.validation[0].dataset.stages[0].material) == val
    assert not (train | val) & test


def test_a_batch_that_is_no_multiple_of_its_windows_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size 6 is not a multiple of windows_per_frame 4"):
        StageData(batch_size=6, windows_per_frame=4)


@pytest.mark.parametrize("split", ["train_split", "val_split"])
def test_the_test_split_is_refused(split: str) -> None:
    with pytest.raises(ValueError, match="cannot be test"):
        RecordedData("set", **{split: "test"})


@pytest.mark.parametrize("wrong", [{"room_fraction": 1.5}, {"synthetic_fraction": -0.1}, {"random_offset": -1.0}])
def test_scenes_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SceneSource(**wrong)


def test_synthetic_scenes_are_in_rooms_as_often_as_the_folders(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stage_data, "room_bank", lambda head, rooms, **_: [(head.name, room) for room in range(rooms)])
    folder = stage_folder(tmp_path, 0)
    data = ready(folder=str(folder), scenes=SceneSource(0.2, 0.25, rooms=1))
    stages = [(stage.material.name, round(stage.weight, 6), stage.pre_roll > 0) for stage in data.training.stages]
    assert stages == [
        (folder.name, 0.6, False),
        (folder.name, 0.2, True),
        ("synthetic", 0.15, False),
        ("synthetic", 0.05, True),
    ]
    assert [kind.dataset.stages[0].material.name for kind in data.validation] == [folder.name] * 4


def test_rooms_in_training_and_others_in_validation(tmp_path, monkeypatch) -> None:
    pytest.importorskip("pyroomacoustics")
    monkeypatch.setenv("CCSTEREO_CACHE", str(tmp_path))
    monkeypatch.setattr(stage_data, "VALIDATION_ROOMS", 1)
    scenes = SceneSource(room_fraction=0.5, rooms=1)
    data = ready(scenes=scenes, windows_per_frame=2, batch_size=4, epoch_size=8)
    assert data.validation_names == ["one", "two", "one, room", "two, room"]
    assert [len(loader.dataset) for loader in data.val_dataloader()] == [3] * 4
    dry, wet = data.training.stages
    assert (dry.weight, wet.weight) == (0.5, 0.5)
    held_out = data.validation[2].dataset.stages[0].heads
    assert wet.heads.rooms[0] != held_out.rooms[0]
    ratio = tail(wet) / tail(dry)
    assert ratio > 10
    batch = next(iter(data.train_dataloader()))
    assert batch["frame"].shape == (2, 3, 112, 224)
    assert batch["sound"].shape == (4, 2, 10_080)
    assert all(kind["sound"].isfinite().all() for kind in (next(iter(loader)) for loader in data.val_dataloader()))


def tail(stage: Stage) -> float:
    """Fraction of a response's energy that comes later than 5 ms after its beginning."""
    response = stage.heads[0].responses[0]
    late = response[:, 80:]
    return float((late.astype(float) ** 2).sum() / (response.astype(float) ** 2).sum()) + 1e-6


def test_dry_scenes_alone_without_rooms() -> None:
    data = ready()
    assert [stage.pre_roll for stage in data.training.stages] == [0.0]
    assert data.validation_names == ["one", "two"]


def test_batches_of_both_kinds_of_stage_fit_together() -> None:
    """A stage with a pre-roll has longer sounds; the windows are as long."""
    material, head = stage_data.synthetic_material("train", 16_000), spherical_head(16_000)
    stages = [Stage(material, [head], pre_roll=pre_roll) for pre_roll in (0.0, 0.35)]
    windows = StageWindows(stages, MODEL.config, 6, 0, grid=MODEL.feature_shape[1:], windows_per_frame=2)
    assert collate_windows([windows[index] for index in range(6)])["sound"].shape == (12, 2, 10_080)


def test_audio_augmentation_is_for_training_alone() -> None:
    kept, wild = (ready(augmentation=Augmentation(audio=AudioAugmentation((low, 1.1)))) for low in (0.9, 0.5))
    assert torch.equal(kept.validation[0][0]["sound"], wild.validation[0][0]["sound"])
    assert not torch.equal(kept.training[0]["sound"], wild.training[0]["sound"])


def test_image_augmentation_is_for_training_alone_and_changes_frames_alone() -> None:
    kept, worse = (
        ready(augmentation=Augmentation(image=image)) for image in (ImageAugmentation(), ImageAugmentation(1.0, 1.0))
    )
    assert torch.equal(kept.validation[0][0]["frame"], worse.validation[0][0]["frame"])
    one, other = kept.training[0], worse.training[0]
    assert {name for name in one if not torch.equal(one[name], other[name])} == {"frame", "previous"}
    near = (one["frame"].float() - other["frame"].float()).abs().mean()
    assert 0 < near < 20


def test_validation_scenes_that_processes_make_are_those_of_one() -> None:
    alone, many = ready(), ready(workers=2)
    assert [len(kind.dataset) for kind in many.val_dataloader()] == [3, 3]
    for one, other in zip(alone.validation, many.validation, strict=True):
        assert sorted(other.kept) == [0, 1, 2]
        assert all(torch.equal(one[1][name], other.kept[1][name]) for name in one[1])


def test_frames_before_are_made_where_a_term_needs_them() -> None:
    with_them, without = ready(), StageData(**TINY)
    without.previous = False
    without.prepare_for(MODEL)
    one, other = with_them.training[0], without.training[0]
    assert one.keys() - other.keys() == {"previous"}
    assert all(torch.equal(one[name], other[name]) for name in other)
