"""A tiny training through the real command line, and the parts it is made of."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from ccstereo.models.parts.context import TOLD

from ccstereo.cli.main import main
from ccstereo.datasets.stage import Stage, StageWindows, collate_windows
from ccstereo.errors import WeightsError
from ccstereo.losses.auxiliary import AuxiliaryHeads
from ccstereo.models import create_model, load_model, save_model
from ccstereo.scenes import spherical_head
from ccstereo.training import data as data_module
from ccstereo.training.export import export_checkpoint
from ccstereo.training.loading import FreshSampler
from ccstereo.training.start import start_from
from ccstereo.training.task import BinauralTask, ObjectiveWeights
from small import SMALL, TRAIN_SMALL

TINY = [
    *("--config", "lite-stage", *TRAIN_SMALL, "--data.sounds", "2"),
    *("--data.batch_size", "4", "--data.epoch_size", "8", "--data.validation_size", "4", "--data.workers", "0"),
]
CONFIGURATIONS = {
    "ccstereo-lite": SMALL,
    "mono2binaural": {"resize": (120, 240), "frame_size": (112, 224), "audio_channels": (8, 16, 16, 16, 32)},
}
FROZEN = {"resize": (72, 144), "frame_size": (64, 128)}
TRUTH = ObjectiveWeights(columns=1.0, relevance=1.0, classes=0.5, cells=0.5)


def windows(model: str, count: int, sounds: int = 2) -> dict[str, torch.Tensor]:
    stage = Stage(data_module.synthetic_material("train", 16_000), [spherical_head(16_000)])
    described = create_model(model, **CONFIGURATIONS[model])
    made = StageWindows([stage], described.config, count, 3, grid=described.feature_shape[1:], sounds=sounds)
    return collate_windows([made[i] for i in range(count)])


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    return windows("ccstereo-lite", 6)


def task(batch: dict[str, torch.Tensor], model: str = "ccstereo-lite") -> BinauralTask:
    torch.manual_seed(0)
    made = BinauralTask(model, CONFIGURATIONS[model], weights=TRUTH)
    made.truth = AuxiliaryHeads(made.model.feature_shape[0], made.model.sound_channels, batch["classes"].shape[1])
    made.logged = {}
    made.log_dict = lambda values, **_: made.logged.update(values)
    made.log = lambda name, value, **_: made.logged.update({name: torch.as_tensor(value)})
    return made


@pytest.mark.parametrize("model", ["ccstereo-lite", "mono2binaural"])
def test_every_term_reaches_the_network(model: str) -> None:
    batch = windows(model, 2)
    made = task(batch, model)
    made.training_step(batch, 0).backward()
    assert set(made.logged) == {
        *(f"train/{name}" for name in ("difference", "magnitude", "phase", "contrastive")),
        *(f"train/{name}" for name in ("columns", "relevance", "classes", "cells", "loss", "waiting")),
    }
    assert all(torch.isfinite(value) for value in made.logged.values())
    assert all(torch.isfinite(p.grad).all() for p in made.parameters() if p.grad is not None)
    assert next(made.model.visual.parameters()).grad.abs().max() > 0


def test_what_is_told_of_the_context_is_named() -> None:
    """By a network that hears one, which does without in some batches; the truth about it trains the listener."""
    told = {**SMALL, "context": 20_000}
    described = create_model("ccstereo-lite", **told)
    stage = Stage(data_module.synthetic_material("train", 16_000), [spherical_head(16_000)])
    made = StageWindows([stage], described.config, 2, 3, grid=described.feature_shape[1:], sounds=2, context=20_000)
    batch = collate_windows([made[0], made[1]])
    assert batch["context"].shape == (4, 20_000)
    heads = AuxiliaryHeads(described.feature_shape[0], described.sound_channels, batch["classes"].shape[1], TOLD)
    trained = BinauralTask(
        "ccstereo-lite", told, weights=ObjectiveWeights(difference=0, magnitude=0, phase=0, classes=1)
    )
    trained.truth = heads
    trained.log_dict = trained.log = lambda *_, **__: None
    lengths: set[int] = set()
    trained.model.listener.register_forward_pre_hook(lambda _, inputs: lengths.add(inputs[0].shape[-1]))
    torch.manual_seed(0)
    for _ in range(40):
        trained.training_step(batch, 0).backward()
    frames = described.config.stft.frames
    assert lengths == {frames(20_000), frames(described.config.window)}
    assert trained.model.listener.tell[1].weight.grad.any()
    assert heads.told_class.weight.grad.any()


def test_a_batch_can_be_learned(batch) -> None:
    made = task(batch)
    optimizer = torch.optim.Adam(made.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = made.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append({name: value.item() for name, value in made.logged.items()})
    for name in ("loss", "columns", "relevance", "classes", "cells", "difference"):
        assert losses[-1][f"train/{name}"] < 0.9 * losses[0][f"train/{name}"], name


def test_truth_prefers_the_right_column() -> None:
    """A relevance map that points at the sound's column costs less than one that points elsewhere."""
    torch.manual_seed(0)
    from ccstereo.models import BinauralOutput

    heads = AuxiliaryHeads(8, 8, 3)
    columns = torch.zeros(2, 14, 16, 4)
    columns[:, 3] = 1 / 64
    features, heard = torch.randn(2, 8, 7, 14), torch.randn(2, 8, 8, 2)
    costs = []
    for column in (3, 10):
        relevance = torch.zeros(2, 7, 14, 16, 4)
        relevance[:, :, column] = 1
        output = BinauralOutput(heard, heard, heard, heard, (relevance.flatten(1, 2),))
        cells = torch.zeros(2, 7, 14, dtype=torch.long)
        costs.append(heads(output, features, columns, torch.full((2, 3), 1 / 3), cells).relevance.item())
    assert costs[0] < costs[1] - 3


def test_truth_needs_no_relevance_and_takes_any_grid() -> None:
    from ccstereo.models import BinauralOutput

    heads = AuxiliaryHeads(8, 8, 3)
    columns = torch.rand(2, 14, 16, 4)
    columns /= columns.sum((1, 2, 3), keepdim=True)
    features, heard = torch.randn(2, 8, 7, 14), torch.randn(2, 8, 8, 2)
    for relevance in ((), (torch.randn(2, 98, 32, 8),), (torch.randn(2, 98, 16, 4), torch.randn(2, 98, 32, 8))):
        output = BinauralOutput(heard, heard, heard, heard, relevance)
        losses = heads(output, features, columns, torch.full((2, 3), 1 / 3), torch.zeros(2, 7, 14, dtype=torch.long))
        assert torch.isfinite(losses.columns)
        assert (losses.relevance > 0) == bool(relevance)


def test_no_scene_is_seen_twice() -> None:
    sampler = FreshSampler(5)
    seen = []
    for epoch in (0, 1, 2):
        sampler.set_epoch(epoch)
        seen += list(sampler)
    assert seen == list(range(15))


def test_a_frozen_trunk_keeps_its_weights_and_statistics(tmp_path: Path, monkeypatch) -> None:
    """Lightning leaves each part of a network in the mode it finds; the norms of a frozen trunk must not learn."""
    monkeypatch.chdir(tmp_path)
    start = create_model("ccstereo-lite", **SMALL)
    save_model(start, "start")
    assert (
        main(["train", *TINY, "--model.init", "start", "--model.frozen_trunk", "true", "--trainer.max_steps", "2"]) == 0
    )
    trained = torch.load("runs/lite-stage/last.ckpt", weights_only=True)["current_model_state"]
    changed = {name for name, value in start.state_dict().items() if not torch.equal(value, trained[f"model.{name}"])}
    assert not [name for name in changed if name.startswith("visual.trunk.")]
    assert {"visual.head.reduce.weight", "visual.head.norm.running_mean"} <= changed


def test_training_goes_on_with_longer_windows(tmp_path: Path) -> None:
    """What was learned of short windows is where training of longer ones starts."""
    torch.manual_seed(0)
    start = create_model("ccstereo-lite", **SMALL)
    longer = create_model("ccstereo-lite", **SMALL, window=20_320)
    assert not torch.equal(longer.fusion.expand.weight, start.fusion.expand.weight)
    start_from(longer, str(save_model(start, tmp_path)))
    assert torch.equal(longer.fusion.expand.weight, start.fusion.expand.weight)
    assert longer.fusion.audio_positions.shape == (8 * 4, 32)


def test_training_goes_on_with_more_parts_but_not_with_another_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = create_model("ccstereo-lite", **SMALL)
    folder = str(save_model(start, tmp_path))
    more = create_model("ccstereo-lite", **SMALL, log_magnitude=True, audio_blocks=(1, 1, 1, 1, 1))
    start_from(more, folder)
    assert torch.equal(more.audio_encoder.levels[0][0].weight[:, :2], start.audio_encoder.levels[0][0].weight)
    with pytest.raises(WeightsError, match="belongs to ccstereo-lite, the model to be trained is mono2binaural-lite"):
        start_from(create_model("mono2binaural-lite"), folder)
    with pytest.raises(WeightsError, match=r"do not fit the model to be trained: avad_levels of"):
        start_from(create_model("ccstereo-lite", **SMALL, avad_levels=()), folder)


@pytest.mark.parametrize("model", ["ccstereo-lite", "mono2binaural-lite"])
def test_a_frozen_trunk_runs_faster_to_the_same_end(model: str) -> None:
    """Its norms are worked into its convolutions, in a copy that belongs to no checkpoint."""
    torch.manual_seed(0)
    free = BinauralTask(model, FROZEN).eval()
    frozen = BinauralTask(model, FROZEN, frozen_trunk=True).eval()
    frozen.load_state_dict(free.state_dict())
    mix = torch.randn(2, free.model.config.window)
    frames = torch.randint(0, 256, (2, 3, *free.model.config.frame_size), dtype=torch.uint8)
    with torch.no_grad():
        expected, found = free.predict_difference(mix, frames), frozen.predict_difference(mix, frames)
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.std()))
    assert frozen.state_dict().keys() == free.state_dict().keys()


def test_the_learning_rate_decays_by_epochs_where_asked_to(batch) -> None:
    made = task(batch)
    made.decay_factor, made.decay_epochs = 0.94, 10
    made._trainer = SimpleNamespace(estimated_stepping_batches=10, current_epoch=0)
    made_settings = made.configure_optimizers()
    scheduler = made_settings["lr_scheduler"]["scheduler"]
    for epoch, power in ((0, 0), (9, 0), (10, 1), (25, 2), (999, 99)):
        made._trainer.current_epoch = epoch
        made_settings["optimizer"].step()
        scheduler.step()
        assert scheduler.get_last_lr()[0] == pytest.approx(made.learning_rate * 0.94**power)


def test_the_learning_rate_decays_to_zero(batch) -> None:
    made = task(batch)
    made._trainer = type("Trainer", (), {"estimated_stepping_batches": 10})()
    settings = made.configure_optimizers()
    scheduler = settings["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(10):
        rates.append(scheduler.get_last_lr()[0])
        settings["optimizer"].step()
        scheduler.step()
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(made.learning_rate)
    assert rates[5] == pytest.approx(made.learning_rate * 0.5**0.9)
    assert scheduler.get_last_lr()[0] == 0
    assert settings["optimizer"].param_groups[1]["initial_lr"] == made.visual_learning_rate


def test_train_resume_and_use(tmp_path: Path, monkeypatch, clip: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY, "--trainer.max_steps", "2"]) == 0
    first = torch.load("runs/lite-stage/last.ckpt", weights_only=True)
    assert first["global_step"] == 2
    assert main(["train", *TINY, "--trainer.max_steps", "4", "--ckpt_path", "last"]) == 0
    last = torch.load("runs/lite-stage/last.ckpt", weights_only=True)
    assert last["global_step"] == 4
    assert last["epoch"] > first["epoch"]
    assert load_model("runs/lite-stage/weights").name == "ccstereo-lite"
    assert main(["binauralize", str(clip), "-o", "out.mp4", "--weights", "runs/lite-stage/weights", "-q"]) == 0
    export_checkpoint("runs/lite-stage/last.ckpt", "half", half=True)
    assert (
        Path("half/model.safetensors").stat().st_size
        < 0.6 * Path("runs/lite-stage/weights/model.safetensors").stat().st_size
    )


def test_a_run_shorter_than_an_epoch_leaves_weights(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY, "--data.epoch_size", "400", "--trainer.max_steps", "1"]) == 0
    assert not Path("runs/lite-stage/best.ckpt").exists()
    assert load_model("runs/lite-stage/weights").name == "ccstereo-lite"


def test_other_files_are_no_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("hello")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    for name in ("text.ckpt", "other.ckpt", "none.ckpt"):
        with pytest.raises(WeightsError, match=name):
            export_checkpoint(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--model.no_such_option", "1"], "no_such_option"),
        (["--data.batch_size", "many"], "data.batch_size"),
        (["--trainer.max_steps"], "trainer.max_steps"),
        (["--data.mix.sources", "3"], "data.mix.sources"),
    ],
)
def test_wrong_options_are_one_line(wrong: list[str], words: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", *TINY, *wrong])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ccstereo train: error: ")
    assert line.endswith("(see ccstereo train --help-all)")
    assert words in line


def test_missing_material_is_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY, "--data.folder", "nowhere"]) == 1
    assert "ccstereo: error: nowhere" in capsys.readouterr().err
