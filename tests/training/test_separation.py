"""Sep-Stereo's separation branch: how pairs are made, and that all its stages train."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

import tiny_models  # noqa: F401 - whose models are registered
from ccstereo.cli.main import main
from ccstereo.errors import CCStereoError
from ccstereo.losses.objective import TERMS
from ccstereo.training.separation import SeparationTask, at_the_edges
from small import SMALL_OF

FIRST = SimpleNamespace(total_batch_idx=0)  # a trainer's loop at its first batch
STAGE = {
    "class_path": "ccstereo.training.stage_data.StageData",
    "init_args": {"batch_size": 2, "epoch_size": 4, "validation_size": 1, "workers": 0},
}
QUIET = [
    *("--trainer.precision", "32-true", "--trainer.logger", "false", "--trainer.max_steps", "2"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--model.imagenet", "false", "--trainer.num_sanity_val_steps", "0"),
]


def test_maxima_over_columns_stand_at_the_edges() -> None:
    left, right = torch.randn(2, 3, 7, 14), torch.randn(2, 3, 7, 14)
    arranged = at_the_edges(left, right)
    assert arranged.shape == left.shape
    assert torch.equal(arranged[..., 0], left.amax(-1))
    assert torch.equal(arranged[..., -1], right.amax(-1))
    assert not arranged[..., 1:-1].any()


def separation(model: str = "apnet", **options) -> SeparationTask:
    torch.manual_seed(0)
    task = SeparationTask(model=model, model_config=SMALL_OF[model], **options)
    task._trainer = SimpleNamespace(datamodule=SimpleNamespace(labels=[]), world_size=1, fit_loop=FIRST)
    task.configure_model()
    task.logged = {}
    task.log_dict = lambda values, **_: task.logged.update(values)
    task.log = lambda name, value, **_: task.logged.update({name: torch.as_tensor(value)})
    return task


def solo_batch(task: SeparationTask) -> dict[str, torch.Tensor]:
    config = task.model.config
    frames = torch.randint(0, 256, (3, 3, *config.frame_size), dtype=torch.uint8)
    return {"frame": frames, "sound": torch.randn(6, 2, config.window)}  # two windows a frame


def test_a_pair_is_a_window_and_that_of_the_next_frame() -> None:
    task = separation(weights={"absolute": 2.0, "backbone absolute": 1.0}).eval()
    batch = solo_batch(task)
    step = task._separation_step(batch)
    mono = batch["sound"].mean(1)
    expected = 0.1 * mono / mono.square().mean(-1, keepdim=True).sqrt()
    left, right = step.batch["sound"].unbind(1)
    torch.testing.assert_close(left, expected)
    torch.testing.assert_close(right, expected[[2, 3, 4, 5, 0, 1]])
    pooled = task.encode(batch["frame"]).amax(-1)
    torch.testing.assert_close(step.features[4, :, :, 0], pooled[2], atol=0.3, rtol=0.3)  # but for the colours
    assert not step.features[..., 1:-1].any()


def test_the_paper_s_losses_from_this_library_s_terms() -> None:
    """1/2 [d(2 l - m, diff) + d(m - 2 r, diff)] of the released code, for both of its distances."""
    task = separation(weights={"difference": 4.0, "backbone": 1.0, "absolute": 2.0, "backbone absolute": 1.0})
    batch = solo_batch(task)
    step = task._separation_step(batch)
    mix, (left, right) = step.mix_spec, step.predicted.unbind(1)
    diff = step.reference[:, 0] - step.reference[:, 1]
    for name, weight, distance in (
        ("difference", 4.0, torch.nn.functional.mse_loss),
        ("absolute", 2.0, torch.nn.functional.l1_loss),
    ):
        expected = (distance(2 * left - mix, diff) + distance(mix - 2 * right, diff)) / 2
        torch.testing.assert_close(weight * TERMS[name].loss(step), expected)
    torch.testing.assert_close(
        TERMS["backbone"].loss(step), torch.nn.functional.mse_loss(step.aux["backbone_spec"], diff)
    )


def test_separation_can_be_learned_and_reaches_every_network() -> None:
    task = separation(weights={"absolute": 2.0, "backbone absolute": 1.0})
    batch = {name: value[: len(value) * 2 // 3] for name, value in solo_batch(task).items()}
    optimizer = torch.optim.Adam(task.parameters(), 3e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = task.training_step({"solo": batch}, 0)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert next(task.model.visual.parameters()).grad.abs().max() > 0
    both = task.training_step({"solo": batch, "stereo": batch}, 0)
    logged = task.logged
    parts = sum(logged[f"train/{name}"] * weight for name, weight in task.weights.items())
    apart = sum(logged[f"train/separation/{name}"] * weight for name, weight in task.weights.items())
    torch.testing.assert_close(both.detach(), parts + 0.4 * apart)


def test_a_model_without_ears_is_refused() -> None:
    task = SeparationTask(model="tiny-foa")
    task._trainer = SimpleNamespace(datamodule=SimpleNamespace(labels=[]), world_size=1, fit_loop=FIRST)
    with pytest.raises(CCStereoError, match="separation needs a model of two ears"):
        task.configure_model()


def test_separation_then_both_through_the_command_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(
        yaml.safe_dump({"model": {"init_args": {"model_config": json.loads(json.dumps(SMALL_OF["apnet"]))}}})
    )
    solo = {**STAGE, "init_args": {**STAGE["init_args"], "scenes": {"mix": {"sources": [1.0, 0.0, 0.0]}}}}
    Path("pairs.yaml").write_text(yaml.safe_dump({"data": {"init_args": {"stereo": STAGE, "solo": solo}}}))
    small = ["--config", "small.yaml"]
    run = ["--trainer.default_root_dir", "two", *QUIET]
    assert main(["train", "--config", "apnet/separation", *small, "--config", "pairs.yaml", *run]) == 0
    assert Path("two/weights/model.safetensors").is_file()
    run = ["--trainer.default_root_dir", "three", *QUIET, "--model.init", "two/weights"]
    joint = ["--config", "apnet/separation", "--config", "apnet/joint", *small, "--config", "pairs.yaml"]
    assert main(["train", *joint, *run]) == 0
    assert Path("three/weights/model.safetensors").is_file()
