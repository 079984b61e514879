"""A tiny training through the real command line, and the parts it is made of."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from ccstereo.audio import stft
from ccstereo.cli.main import main
from ccstereo.datasets.stage import Stage, StageWindows, collate_windows
from ccstereo.errors import WeightsError
from ccstereo.losses.auxiliary import AuxiliaryHeads
from ccstereo.losses.objective import CCSTEREO
from ccstereo.models import create_model, load_model, save_model
from ccstereo.scenes import spherical_head
from ccstereo.training import stage_data
from ccstereo.training.loading import FreshSampler
from ccstereo.training.task import SpatialTask
from ccstereo.training.weights import export_checkpoint, start_from
from small import SMALL, SMALL_OF, TRAIN_SMALL

TINY = [
    *("--config", "lite-stage", *TRAIN_SMALL, "--data.windows_per_frame", "2"),
    *("--data.batch_size", "4", "--data.epoch_size", "8", "--data.validation_size", "4", "--data.workers", "0"),
]
CONFIGURATIONS = {
    "ccstereo-lite": SMALL,
    "mono2binaural": {"resize": (120, 240), "frame_size": (112, 224), "audio_channels": (8, 16, 16, 16, 32)},
}
FROZEN = {"resize": (72, 144), "frame_size": (64, 128), "context": 0}
WITH_AUXILIARY = {**CCSTEREO, "columns": 1.0, "relevance": 1.0, "classes": 0.5, "cells": 0.5}
RUN = Path("runs/lite-stage/1")
WEIGHTS = RUN / "weights"


def windows(config: dict, model: str, count: int) -> dict[str, torch.Tensor]:
    stage = Stage(stage_data.synthetic_material("train", 16_000), [spherical_head(16_000)])
    described = create_model(model, **config)
    grid = described.feature_shape[1:]
    made = StageWindows([stage], described.config, count, 3, grid=grid, windows_per_frame=2)
    return collate_windows([made[i] for i in range(count)])


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    return windows(SMALL, "ccstereo-lite", 6)


def task(batch: dict[str, torch.Tensor], model: str = "ccstereo-lite", **options) -> SpatialTask:
    """A task with heads for the batch's classes, outside a trainer; it notes what it logs."""
    torch.manual_seed(0)
    options = {"model_config": CONFIGURATIONS.get(model), "weights": WITH_AUXILIARY} | options
    made = SpatialTask(model, **options)
    made._trainer = SimpleNamespace(
        datamodule=SimpleNamespace(labels=list(range(batch["classes"].shape[1]))),
        world_size=1,
        estimated_stepping_batches=10,
        current_epoch=0,
        fit_loop=SimpleNamespace(total_batch_idx=0),
    )
    made.configure_model()
    made.logged = {}
    made.log_dict = lambda values, **_: made.logged.update(values)
    made.log = lambda name, value, **_: made.logged.update({name: torch.as_tensor(value)})
    return made


@pytest.mark.parametrize("model", ["ccstereo-lite", "mono2binaural"])
def test_every_term_reaches_the_network(model: str) -> None:
    batch = windows(CONFIGURATIONS[model], model, 2)
    made = task(batch, model)
    made.training_step(batch, 0).backward()
    assert set(made.logged) == {f"train/{name}" for name in (*WITH_AUXILIARY, "loss")}
    assert all(torch.isfinite(value) for value in made.logged.values())
    assert all(torch.isfinite(p.grad).all() for p in made.parameters() if p.grad is not None)
    assert next(made.model.visual.parameters()).grad.abs().max() > 0


@pytest.mark.parametrize("model", ["after-parida2022", "apnet", "ccstereo-lite", "morgado2018", "sagm"])
def test_every_model_has_the_auxiliary_tasks(model: str) -> None:
    """Flipped channels and neighbouring frames need no fusion, no maps of a model's own, and no scenes."""
    sizes = SMALL_OF[model]
    described = create_model(model, **sizes)
    config = described.config
    clip = (config.clip_frames,) if config.clip_frames > 1 else ()
    frames = torch.randint(0, 256, (2, 2, *clip, 3, *config.frame_size), dtype=torch.uint8)
    sound = 0.1 * torch.randn(2, len(described.target.channels), config.window)
    batch = {"frame": frames[0], "previous": frames[1], "sound": sound, "classes": torch.zeros(2, 0)}
    weights = {"difference": 1.0, "flipped": 0.5, "neighbours": 0.5, "magnitude decoder": 1.0, "phase decoder": 1.0}
    made = task(batch, model, model_config=sizes, weights=weights)
    made.training_step(batch, 0).backward()
    own = {"magnitude decoder", "phase decoder"} if model == "after-parida2022" else set()
    assert set(made.logged) == {f"train/{name}" for name in ("difference", "flipped", "neighbours", "loss", *own)}
    assert all(weight.grad is not None for weight in made.own_heads.parameters())
    if own:
        assert all(weight.grad is not None for weight in made.model.phase.parameters())


def test_the_loss_is_the_weighted_sum_of_what_is_logged(batch) -> None:
    made = task(batch)
    loss = made.training_step(batch, 0)
    expected = sum(weight * made.logged[f"train/{name}"] for name, weight in WITH_AUXILIARY.items())
    torch.testing.assert_close(loss.detach(), expected)


def test_the_context_embedding_is_trained_to_name_what_sounds() -> None:
    """By a network that has one, which does without in some batches."""
    config = {**SMALL, "context": 20_000}
    batch = windows(config, "ccstereo-lite", 2)
    assert batch["context"].shape == (4, 20_000)
    trained = task(batch, model_config=config, weights={"classes": 1.0})
    lengths: set[int] = set()
    encode = trained.model.encode_context
    trained.model.encode_context = lambda spec: lengths.add(spec.shape[-1]) or encode(spec)
    calls = []
    trained.model.register_forward_hook(lambda _, inputs, __: calls.append(inputs[2] is None))
    torch.manual_seed(0)
    for _ in range(40):
        trained.training_step(batch, 0).backward()
    frames = trained.model.config.stft.frames
    assert lengths == {frames(20_000), frames(trained.model.config.window)}  # without, it encodes the window itself
    assert 0 < sum(calls) < 15
    assert trained.heads.context_class.weight.grad.any()


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


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        ("after-parida2022", {"difference": 1.0, "magnitude decoder": 0.1, "phase decoder": 0.5}),
        ("apnet", {"difference": 4.0, "backbone": 1.0}),
        ("assoconv", {"difference": 4.0, "backbone": 1.0}),
    ],
)
def test_two_sides_can_be_learned_from_their_frames(model: str, weights: dict[str, float]) -> None:
    """The same noise at the left or the right ear: which of them is in the frame alone, where half of it is bright."""
    made = task({"classes": torch.zeros(2, 0)}, model, model_config=SMALL_OF[model], weights=weights)
    config = made.model.config
    frames = torch.zeros(2, 3, *config.frame_size, dtype=torch.uint8)
    half = config.frame_size[1] // 2
    frames[0, ..., :half], frames[1, ..., half:] = 255, 255
    one = torch.stack([noise := 0.1 * torch.randn(config.window), 0.2 * noise])
    batch = {"frame": frames, "sound": torch.stack([one, one.flip(0)]), "classes": torch.zeros(2, 0)}
    optimizer = torch.optim.Adam(made.parameters(), 5e-3)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = made.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append({name: value.item() for name, value in made.logged.items()})
    for name in weights:
        assert losses[-1][f"train/{name}"] < 0.9 * losses[0][f"train/{name}"], name
    mixture = stft(batch["sound"].sum(1))  # in which both items are the same
    with torch.no_grad():
        predicted = made.model(mixture, made.encode(frames)).diff_spec
    left, right = ((mixture * predicted).sum((1, 2, 3)) / mixture.square().sum((1, 2, 3))).tolist()
    assert left > 0.2  # in truth 2/3
    assert right < -0.2


def test_no_scene_comes_twice() -> None:
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
    frozen = ["--model.init", "start", "--model.frozen_trunk", "true", "--trainer.max_steps", "2"]
    assert main(["train", *TINY, *frozen]) == 0
    trained = torch.load(RUN / "last.ckpt", weights_only=True)["current_model_state"]
    changed = {name for name, value in start.state_dict().items() if not torch.equal(value, trained[f"model.{name}"])}
    assert not [name for name in changed if name.startswith("visual.trunk.")]
    assert {"visual.head.reduce.weight", "visual.head.norm.running_mean"} <= changed


def test_training_starts_from_weights_of_the_same_model_only(tmp_path: Path) -> None:
    torch.manual_seed(0)
    start, other = create_model("ccstereo-lite", **SMALL), create_model("ccstereo-lite", **SMALL)
    folder = str(save_model(start, tmp_path))
    start_from(other, folder)
    assert all(torch.equal(value, start.state_dict()[name]) for name, value in other.state_dict().items())
    with pytest.raises(WeightsError, match=r"model ccstereo-lite instead of mono2binaural-lite"):
        start_from(create_model("mono2binaural-lite"), folder)
    with pytest.raises(WeightsError, match=r"log_magnitude False instead of True"):
        start_from(create_model("ccstereo-lite", **SMALL | {"log_magnitude": True}), folder)


def test_imagenet_weights_are_not_fetched_where_init_replaces_them(tmp_path: Path, monkeypatch) -> None:
    def fetch(*_) -> None:
        raise AssertionError("fetched")

    monkeypatch.setattr("ccstereo.training.task.load_imagenet_trunk", fetch)
    folder = str(save_model(create_model("ccstereo-lite", **SMALL), tmp_path))
    SpatialTask("ccstereo-lite", SMALL, init=folder, imagenet=True)
    with pytest.raises(AssertionError, match="fetched"):
        SpatialTask("ccstereo-lite", SMALL, imagenet=True)


@pytest.mark.parametrize("model", ["ccstereo-lite", "mono2binaural-lite"])
def test_a_frozen_trunk_runs_faster_to_the_same_end(model: str) -> None:
    """Its norms are worked into its convolutions, in a copy that belongs to no checkpoint."""
    torch.manual_seed(0)
    weights = {"difference": 1.0}
    free = SpatialTask(model, FROZEN, weights=weights).eval()
    frozen = SpatialTask(model, FROZEN, weights=weights, frozen_trunk=True).eval()
    frozen.load_state_dict(free.state_dict())
    mix = torch.randn(2, free.model.config.window)
    frames = torch.randint(0, 256, (2, 3, *free.model.config.frame_size), dtype=torch.uint8)
    with torch.no_grad():
        expected, found = free.predict_sound(mix, frames), frozen.predict_sound(mix, frames)
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.std()))
    assert frozen.state_dict().keys() == free.state_dict().keys()


def test_schedules_of_pytorch_step_after_epochs(batch) -> None:
    made = task(batch, lr_scheduler=lambda o: torch.optim.lr_scheduler.StepLR(o, 10, 0.94))
    settings = made.configure_optimizers()["lr_scheduler"]
    assert settings["interval"] == "epoch"
    for _ in range(10):
        settings["scheduler"].optimizer.step()
        settings["scheduler"].step()
    assert settings["scheduler"].get_last_lr()[0] == pytest.approx(made.learning_rate * 0.94)


def test_the_learning_rate_decays_to_zero(batch) -> None:
    made = task(batch)
    settings = made.configure_optimizers()
    scheduler = settings["lr_scheduler"]["scheduler"]
    assert settings["lr_scheduler"]["interval"] == "step"
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
    made._trainer.estimated_stepping_batches = 20  # a resumed run that is longer
    longer = made.configure_optimizers()["lr_scheduler"]["scheduler"]
    longer.load_state_dict(scheduler.state_dict())
    assert longer.total_steps == 20


def test_train_resume_and_use(tmp_path: Path, monkeypatch, clip: Path, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY, "--trainer.max_steps", "2"]) == 0
    first = torch.load(RUN / "last.ckpt", weights_only=True)
    assert first["global_step"] == 2
    assert main(["train", *TINY, "--trainer.max_steps", "4", "--ckpt_path", "last"]) == 0
    last = torch.load(RUN / "last.ckpt", weights_only=True)
    assert last["global_step"] == 4
    assert last["epoch"] > first["epoch"]
    assert load_model(WEIGHTS).name == "ccstereo-lite"
    assert main(["binauralize", str(clip), "-o", "out.mp4", "--weights", str(WEIGHTS), "-q"]) == 0
    export_checkpoint(RUN / "last.ckpt", "half", half=True)
    assert Path("half/model.safetensors").stat().st_size < 0.6 * (WEIGHTS / "model.safetensors").stat().st_size
    other = ["--model.model_config", "{context: 20000}", "--ckpt_path", "last", "--trainer.max_steps", "6"]
    capsys.readouterr()
    assert main(["train", *TINY, *other]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the checkpoint is of another model than the one to be trained" in said
    assert len(said) < 400


def test_a_run_shorter_than_an_epoch_is_validated_and_leaves_trained_weights(tmp_path: Path, monkeypatch) -> None:
    """The last release exported initial weights of runs that were shorter than 200 steps, without a validation."""
    monkeypatch.chdir(tmp_path)
    save_model(create_model("ccstereo-lite", **SMALL), "start")
    short = ["--data.epoch_size", "400", "--trainer.max_steps", "3", "--model.init", "start"]
    assert main(["train", *TINY, *short, "--model.learning_rate", "0.01"]) == 0
    best = torch.load(RUN / "best.ckpt", weights_only=True)
    assert best["global_step"] == 3
    start, trained = load_model("start").state_dict(), load_model(WEIGHTS).state_dict()
    moved = max((trained[name] - start[name]).abs().max() for name in start if "audio_encoder" in name)
    assert moved > 0.005


def test_two_runs_do_not_overwrite_each_other(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["train", *TINY, "--trainer.max_steps", "1"]) == 0
    assert {path.name for path in Path("runs/lite-stage").iterdir()} == {"1", "2"}
    chosen = ["--trainer.max_steps", "1", "--trainer.default_root_dir", "out"]
    assert main(["train", *TINY, *chosen]) == 0
    before = Path("out/weights/model.safetensors").read_bytes()
    capsys.readouterr()
    assert main(["train", *TINY, *chosen]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert Path("out/weights/model.safetensors").read_bytes() == before
    assert main(["train", *TINY, *chosen, "--overwrite", "--seed_everything", "9"]) == 0
    assert Path("out/weights/model.safetensors").read_bytes() != before


def test_one_batch_can_be_overfitted(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    batches, step = [], SpatialTask.training_step

    def noting(task: SpatialTask, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        batches.append(batch["sound"])
        return step(task, batch, batch_idx)

    monkeypatch.setattr(SpatialTask, "training_step", noting)
    assert main(["train", *TINY, "--trainer.overfit_batches", "1", "--trainer.max_steps", "2"]) == 0
    assert len(batches) == 2
    assert torch.equal(*batches)


def test_the_configuration_says_what_was_asked_for(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ccstereo.training.main.affordable_precision", lambda *_: "32-true")
    assert main(["train", *TINY, "--trainer.precision", "bf16-mixed", "--trainer.max_steps", "1"]) == 0
    assert yaml.safe_load((RUN / "config.yaml").read_text())["trainer"]["precision"] == "bf16-mixed"


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
        (["--data.batch_size", "many"], "batch_size"),
        (["--data.batch_size", "-4"], "batch_size must be at least 1"),
        (["--model.learning_rate", "-1"], "learning_rate must be"),
        (["--model.weights.contrastiv", "4"], "contrastiv;"),
        (["--trainer.max_steps"], "trainer.max_steps"),
        (["--data.scenes.mix.sources", "3"], "scenes.mix.sources"),
        (["--data.batch_size", "6", "--data.windows_per_frame", "4"], "not a multiple of windows_per_frame 4"),
    ],
)
def test_wrong_options_are_one_line(wrong: list[str], words: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["train", *TINY, *wrong])
    assert stop.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("ccstereo train: error: ")
    assert line.endswith("(see ccstereo train --help-all)")
    assert words in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--data.folder", "nowhere"], "ccstereo: error: nowhere"),
        (["--data.epoch_size", "2"], "raise --data.epoch_size or lower --data.batch_size"),
        (["--ckpt_path", "no.ckpt"], "there is no such checkpoint"),
        (["--import", "no_such_module"], "no_such_module"),
    ],
)
def test_a_training_that_cannot_begin_is_one_line_and_leaves_nothing(
    wrong: list[str], words: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCSTEREO_IMPORT", "")
    assert main(["train", *TINY, *wrong]) == 1
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_heads_take_any_number_of_relevance_maps_at_any_grid() -> None:
    torch.manual_seed(0)
    heads = AuxiliaryHeads(8, 8, 3)
    columns = torch.rand(2, 14, 16, 4)
    columns /= columns.sum((1, 2, 3), keepdim=True)
    features = torch.randn(2, 8, 7, 14)
    one, other = torch.randn(2, 98, 16, 4), torch.randn(2, 98, 32, 8)
    for maps in ({}, {"relevance.0": other}, {"relevance.0": one, "relevance.1": other}):
        loss = heads.relevance(maps, features, columns)
        assert torch.isfinite(loss)
        assert (loss > 0) == bool(maps)


def test_a_step_has_one_exchange_between_processes() -> None:
    """The last release had nine, one a scalar."""
    task, calls = SpatialTask("ccstereo-lite", SMALL), []
    reduce = lambda values, reduce_op: calls.append(reduce_op) or values  # noqa: E731 - a strategy's
    first = SimpleNamespace(total_batch_idx=0)
    task._trainer = SimpleNamespace(world_size=2, strategy=SimpleNamespace(reduce=reduce), fit_loop=first)
    logged = {}
    task.log = lambda name, value, **_: logged.update({name: value})
    task.log_dict = logged.update
    task.log_training(torch.tensor(3.0), {"phase": torch.tensor(1.0), "difference": torch.tensor(2.0)})
    assert calls == ["mean"]
    assert logged == {"train/loss": 3.0, "train/phase": 1.0, "train/difference": 2.0}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--model.learning_rate=-1", "learning_rate must be a number of at least 0, got -1.0"),
        ("--model.learning_rate=nan", "nan"),
        ("--data.batch_size=-4", "batch_size must be at least 1, got -4"),
    ],
)
def test_a_value_out_of_range_is_wrong_usage(option: str, said: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["train", "--config", "lite-stage", option])
    assert stop.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("ccstereo train: error: ")
    assert said in last
    assert list(tmp_path.iterdir()) == []
