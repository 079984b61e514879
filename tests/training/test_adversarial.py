"""Adversarial training: who is trained by which update, what is logged, and what is exported."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Trainer

import tiny_models  # noqa: F401 - whose models are registered
from ccstereo.cli.main import main
from ccstereo.models import list_models, load_model
from ccstereo.models.parts.discriminator import Discriminator
from ccstereo.training.adversarial import Adversarial, AdversarialTask
from small import SMALL_OF

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:You defined a .validation_step"),
    pytest.mark.filterwarnings("ignore:.*in eval mode"),
]
MODELS = ["sagm", "apnet", "tiny-foa", "tiny-mid-side"]


def batch_for(task: AdversarialTask, count: int = 3) -> dict[str, torch.Tensor]:
    config, target = task.model.config, task.model.target
    clip = (config.clip_frames,) if config.clip_frames > 1 else ()
    frames = torch.randint(0, 256, (count, *clip, 3, *config.frame_size), dtype=torch.uint8)
    gains = torch.linspace(1.0, 0.3, len(target.channels))[:, None]  # a source to the left
    return {"frame": frames, "sound": 0.1 * gains * torch.randn(count, 1, config.window)}


def fitted(
    model: str = "sagm", steps: int = 1, rate: float = 5e-4, **adversarial
) -> tuple[AdversarialTask, dict, dict]:
    """A task after some steps on one batch, with its weights before and what was logged last."""
    torch.manual_seed(0)
    options = Adversarial(widths=(8, 16), **adversarial)
    weights = {"absolute": 1.0}
    task = AdversarialTask(options, model=model, model_config=SMALL_OF.get(model), weights=weights, learning_rate=rate)
    before = {name: value.clone() for name, value in task.state_dict().items()}
    batch = batch_for(task)
    trainer = Trainer(
        max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, limit_val_batches=0, log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(task, torch.utils.data.DataLoader([batch] * steps, batch_size=None))
    assert trainer.global_step == steps  # one a batch, however many players there are
    return task, before, {name: float(value) for name, value in trainer.callback_metrics.items()}


def changed(task: AdversarialTask, before: dict) -> set[str]:
    """Parts whose weights an update has changed."""
    names = [name for name, _ in task.named_parameters()]
    now = task.state_dict()
    moved = {name for name in names if not torch.equal(now[name], before[name])}
    return {"visual" if ".visual." in name else name.split(".")[0] for name in moved}


@pytest.mark.parametrize("model", MODELS)
def test_both_players_are_trained_for_any_model(model: str) -> None:
    task, before, logged = fitted(model, steps=2)
    assert changed(task, before) == {"visual", "model", "discriminator"}
    assert {"train/adversarial", "train/discriminator/accuracy", "train/generator/gradient"} <= set(logged)
    assert all(np.isfinite(value) for value in logged.values())


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({"players": "generator"}, {"visual", "model"}),
        ({"players": "discriminator"}, {"visual", "discriminator"}),
        ({"shared_features": False}, {"model", "discriminator"}),
    ],
)
def test_who_is_trained(options: dict, trained: set[str]) -> None:
    task, before, _ = fitted(**options)
    assert changed(task, before) == trained
    if not options.get("shared_features", True):  # nor do the statistics of its norms change
        now = task.state_dict()
        assert all(torch.equal(now[name], before[name]) for name in now if name.startswith("model.visual."))


def test_a_discriminator_alone_learns_true_from_mono() -> None:
    _, _, logged = fitted(steps=30, players="discriminator", learning_rate=3e-3)
    assert logged["train/discriminator/accuracy"] > 0.9


def test_a_generator_learns_a_batch() -> None:
    losses = [fitted(steps=steps, rate=3e-3)[2]["train/absolute"] for steps in (1, 15)]
    assert losses[1] < 0.7 * losses[0]


def test_the_frames_count_for_the_discriminator() -> None:
    torch.manual_seed(0)
    for shape in ((16, 7, 14), (5, 9)):
        judge = Discriminator(2, shape, (8, 16))
        spec, features = torch.randn(3, 2, 2, 257, 64), torch.randn(3, *shape)
        scores = judge(spec, features)
        assert scores.shape == (3,)
        assert not torch.equal(scores, judge(spec, features.flip(-1)))
        assert judge(torch.zeros_like(spec), features).isfinite().all()
    with pytest.raises(ValueError, match="multiples of 8"):
        Discriminator(2, (16, 7, 14), (8, 12))


@pytest.mark.parametrize("name", ["weight", "learning_rate", "clip_norm"])
def test_bad_values(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Adversarial(**{name: 0.0})


def test_the_papers_experiments_through_the_command_line(tmp_path: Path, monkeypatch) -> None:
    """Resumed with both players' optimizers; the discriminator is in checkpoints and in no weights."""
    monkeypatch.chdir(tmp_path)
    small = {"model_config": json.loads(json.dumps(SMALL_OF["sagm"]))}
    data = {"batch_size": 2, "epoch_size": 4, "validation_size": 1, "workers": 0}
    Path("small.yaml").write_text(yaml.safe_dump({"model": {"init_args": small}, "data": data}))
    common = [
        *("--config", "small.yaml", "--trainer.precision", "32-true", "--trainer.logger", "false"),
        *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
        *("--trainer.num_sanity_val_steps", "0", "--model.adversarial.widths", "[8, 8]"),
    ]
    first = ["--config", "sagm/shared", "--config", "sagm/generator", *common]
    assert main(["train", *first, "--trainer.max_steps", "1", "--trainer.default_root_dir", "one"]) == 0
    second = ["--config", "sagm/shared", "--config", "sagm/frozen", *common, "--model.init", "one/weights"]
    second += ["--trainer.default_root_dir", "two", "--ckpt_path", "last"]
    for steps in ("1", "10"):
        assert main(["train", *second, "--trainer.max_steps", steps]) == 0
    assert load_model("two/weights").name == "sagm"
    checkpoint = torch.load("two/last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 10
    assert len(checkpoint["optimizer_states"]) == 2
    assert any(name.startswith("discriminator.") for name in checkpoint["state_dict"])
    start, end = (load_model(f"{run}/weights").state_dict() for run in ("one", "two"))
    assert set(start) == set(end)
    assert all(torch.equal(end[name], start[name]) for name in start if name.startswith("visual."))
    third = ["--config", "sagm/shared", "--config", "sagm/discriminator", *common, "--model.init", "one/weights"]
    assert main(["train", *third, "--trainer.max_steps", "1", "--trainer.default_root_dir", "three"]) == 0
    judged = dict(load_model("three/weights").named_parameters())  # whose generator nobody has trained
    moved = {name.split(".")[0] for name, weight in judged.items() if not torch.equal(weight, start[name])}
    assert moved == {"visual"}
    rows = np.genfromtxt("two/adversarial.csv", delimiter=",", names=True)
    assert rows["step"].tolist() == [1, 10]
    assert np.isfinite(rows["traindiscriminatoraccuracy"]).all()
    assert Path("two/adversarial.png").stat().st_size > 10_000


def test_sagm_is_registered() -> None:
    assert "sagm" in list_models()
