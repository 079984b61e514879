"""The configs of the package, how a command line names them, and old names of options."""

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from ccstereo.cli.main import main
from ccstereo.errors import CCStereoError, UsageError
from ccstereo.losses.objective import CCSTEREO
from ccstereo.models import create_model, list_models
from ccstereo.training.configs import CLASSES, CONFIGS, RECORDED, current_options, data_class, read_configs
from ccstereo.training.runs import choose_run

TASK = CLASSES["model"]


def test_names_stand_for_the_packages_files(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lite = read_configs(["lite-stage"])
    assert lite["model"]["init_args"]["model"] == "ccstereo-lite"
    assert read_configs([str(CONFIGS / "lite-stage.yaml")]) == lite
    Path("lite-stage").write_text("seed_everything: 1")
    assert read_configs(["lite-stage"]) == {"seed_everything": 1}
    assert read_configs(["data: {workers: 1}\n" + "#\n" * 999])["data"]["init_args"] == {"workers": 1}


@pytest.mark.parametrize("wrong", ["lite_stage", "no/such.yaml", "../mine.yml"])
def test_a_config_that_is_not_there_is_reported_with_those_that_are(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"no config .*lite-stage"):
        read_configs([wrong])


def test_a_later_config_lies_on_top_of_the_first() -> None:
    weights = read_configs(["stage-ablation", "ablation/avad"])["model"]["init_args"]["weights"]
    assert weights == {
        **{"difference": 3.0, "magnitude": 0.0, "phase": 0.0, "contrastive": 0.0},
        **{"columns": 1.0, "relevance": 1.0, "classes": 0.5, "cells": 0.5},
    }
    first = "data: {class_path: mine.A, init_args: {a: 1}}"
    assert read_configs([first, "data: {class_path: mine.B, init_args: {b: 2}}"])["data"] == {
        "class_path": "mine.B",
        "init_args": {"b": 2},
    }


def test_a_later_config_keeps_the_classes_of_the_first() -> None:
    """Sep-Stereo's last stage changes two numbers of a schedule and a task that the stage before has named."""
    model = read_configs(["apnet/separation", "apnet/joint"])["model"]
    assert model["class_path"] == "ccstereo.training.separation.SeparationTask"
    assert model["init_args"]["lr_scheduler"] == {
        "class_path": "torch.optim.lr_scheduler.StepLR",
        "init_args": {"step_size": 5, "gamma": 0.9},
    }
    assert model["init_args"]["weights"] == {"absolute": 2.0, "backbone absolute": 1.0}


def test_rows_of_the_zoo_differ_in_their_model_alone() -> None:
    """One encoder, one supervision but for what a method adds to it, one number of steps, one set of scenes."""
    rows = [path.stem for path in (CONFIGS / "zoo").glob("*.yaml") if path.stem not in ("stage", "adversarial")]
    assert len(rows) >= 8
    base = read_configs(["zoo/stage"])
    for row in rows:
        config = read_configs(["zoo/stage", f"zoo/{row}"])
        assert config["trainer"] == base["trainer"]
        assert config["data"]["init_args"].items() <= base["data"]["init_args"].items()
        options = config["model"]["init_args"]
        model = create_model(options.pop("model"), **(options.pop("model_config", None) or {}))
        assert model.config.trunk == "efficientnet-lite0"
        assert model.feature_shape[1:] == (7, 14)
        assert model.config.frame_size == (224, 448)
        assert {"phase", "columns", "classes", "cells"} <= set(options.pop("weights"))
        assert options.items() <= base["model"]["init_args"].items()
    both = read_configs(["zoo/stage", "zoo/sagm", "zoo/adversarial"])["model"]
    assert both["class_path"] == "ccstereo.training.adversarial.AdversarialTask"
    assert both["init_args"]["model"] == "sagm"
    assert both["init_args"]["frozen_trunk"]


def test_data_of_another_class_have_none_of_the_options_below() -> None:
    data = read_configs(["lite-stage", "pseudobinaural/alone"])["data"]
    assert data == {"class_path": RECORDED, "init_args": {"batch_size": 192}}
    boosted = read_configs(["apnet/stereo", "pseudobinaural/boosted"])
    assert set(boosted["data"]["init_args"]) == {"real", "pseudo"}
    assert boosted["model"]["init_args"]["model"] == "apnet"


def test_old_names_are_taken_with_a_warning(capsys) -> None:
    old = """
    model: {weight_decay: 0.1, warmup_steps: 3, cast_range: 0.2}
    data: {sounds: 4, drawn_share: 0.1, footage: {blurred: 0.5}, mix: {silent: 0.1}, workers: 3}
    """
    config = read_configs([old])
    assert config["data"]["init_args"] == {
        "windows_per_frame": 4,
        "scenes": {"synthetic_fraction": 0.1, "mix": {"silent": 0.1}},
        "augmentation": {"image": {"blur": 0.5}},
        "workers": 3,
    }
    model = config["model"]["init_args"]
    assert model["optimizer"] == {"class_path": "torch.optim.Adam", "init_args": {"weight_decay": 0.1}}
    assert model["lr_scheduler"]["init_args"] == {"warmup_steps": 3}
    assert model["colour"] == {"cast": 0.2}
    said = capsys.readouterr().err
    assert "warning: data.sounds is now called data.windows_per_frame" in said
    assert len(said.splitlines()) == 7
    options = ["--data.spread", "2.4", "--data.split=ten-split1", "--data.mix.silent=0.3", "--data.train_part=train"]
    assert current_options(options) == [
        *("--data.scenes.random_offset", "2.4", "--data.fold=ten-split1"),
        *("--data.scenes.mix.silent=0.3", "--data.train_split=train"),
    ]
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_a_path_stands_for_recordings() -> None:
    assert data_class(read_configs(["data: {path: here}"])) == RECORDED
    assert data_class(read_configs(["lite-stage"])) == CLASSES["data"]
    assert data_class(read_configs(["data: {class_path: my.Data}"])) == "my.Data"


def settings(*arguments: str) -> dict[str, Any]:
    """What a command line comes to, as `--print_config` prints it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        main(["train", *arguments, "--print_config"])
    return yaml.safe_load(out.getvalue())


@pytest.mark.parametrize(
    ("option", "said"), [("--model.help", "--model.learning_rate"), ("--data.help", "--data.folder")]
)
def test_help_of_the_task_and_the_data(option: str, said: str, capsys, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["train", option, {"--model.help": "SpatialTask", "--data.help": "StageData"}[option]])
    assert stop.value.code == 0
    assert said in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_recordings_do_without_what_only_scenes_have(tmp_path: Path, monkeypatch) -> None:
    """And weights that were trained on the stage are not overwritten by those of recordings."""
    monkeypatch.chdir(tmp_path)
    for option, folder in [
        (["--data.path", "prepared/mine/"], "runs/mine/1"),
        (["--data.path=https://host/shards"], "runs/shards/1"),
        (["--data.path", "x", "--trainer.default_root_dir", "out/here"], "out/here"),
    ]:
        made = settings("--config", "lite-stage", "--data.workers=3", *option)
        assert made["trainer"]["default_root_dir"] == folder
        assert made["data"]["class_path"] == RECORDED
        assert made["data"]["init_args"]["workers"] == 3
        assert "scenes" not in made["data"]["init_args"]
    assert not list(tmp_path.iterdir())


def test_a_folder_for_every_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, written in (("1", True), ("2", True), ("10", False)):
        folder = Path("runs/name") / number
        folder.mkdir(parents=True)
        if written:
            (folder / "last.ckpt").touch()
    assert choose_run("name").folder == Path("runs/name/11")
    assert choose_run("other", checkpoint="last").checkpoint is None
    newest = choose_run("name", checkpoint="last")
    assert (newest.folder, newest.checkpoint) == (Path("runs/name/2"), Path("runs/name/2/last.ckpt"))
    with pytest.raises(CCStereoError, match="of another run; resume it"):
        choose_run("name", "runs/name/2")
    assert choose_run("name", "runs/name/2", overwrite=True).folder == Path("runs/name/2")
    assert choose_run("name", "runs/name/2", "last").checkpoint == Path("runs/name/2/last.ckpt")
    with pytest.raises(CCStereoError, match="no such checkpoint"):
        choose_run("name", checkpoint="nothing.ckpt")


def test_configs_name_real_models_and_the_papers_objective() -> None:
    configs = {path.stem: yaml.safe_load(path.read_text()) for path in CONFIGS.glob("*.yaml")}
    assert set(configs) >= {"lite-stage", "ccstereo-stage", "stage-ablation", "mono2binaural"}
    for name, config in configs.items():
        assert config["model"]["model"] in list_models()
        assert config["trainer"]["accelerator"] == "auto"
        if name in ("lite-stage", "ccstereo-stage"):
            weights = config["model"]["weights"]
            assert all(weights[term] == CCSTEREO[term] for term in ("magnitude", "phase", "contrastive"))


@pytest.mark.parametrize("base", ["stage-ablation", "ccstereo-stage"])
def test_rows_of_the_ablation_differ_in_what_they_are_about_only(base: str) -> None:
    rows = {
        row: settings("--config", base, "--config", f"ablation/{row}")["model"]["init_args"]
        for row in ("mono2binaural", "baseline", "avad", "reconstruction", "contrastive")
    }
    model = yaml.safe_load((CONFIGS / f"{base}.yaml").read_text())["model"]["model"]
    about = {
        name: (
            row.pop("model"),
            (row.pop("model_config") or {}).get("avad_levels"),
            *(row["weights"].pop(term) for term in ("magnitude", "phase", "contrastive")),
        )
        for name, row in rows.items()
    }
    assert about == {
        "mono2binaural": ("mono2binaural-lite", None, 0, 0, 0),
        "baseline": (model, [], 0, 0, 0),
        "avad": (model, None, 0, 0, 0),
        "reconstruction": (model, None, 0.005, 1.0, 0),
        "contrastive": (model, None, 0.005, 1.0, 0.1),
    }
    assert all(row == rows["baseline"] for row in rows.values())


def test_rows_of_the_affordable_ablation_have_one_mask_one_trunk_and_plain_audio_halves() -> None:
    configs = []
    for row in ("baseline", "avad", "mono2binaural"):
        task = read_configs(["stage-ablation", f"ablation/{row}"])["model"]["init_args"]
        configs.append(create_model(task["model"], **(task["model_config"] or {})).config)
    for name in ("mask_bound", "trunk", "audio_channels", "frame_size", "window", "context"):
        assert len({getattr(config, name) for config in configs}) == 1


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_no_config_of_the_package_says_how_many_cores_a_machine_has(path: Path) -> None:
    """One worker keeps up with two cores, not with a GPU: `workers_of` asks the machine."""
    assert "workers" not in (yaml.safe_load(path.read_text()).get("data") or {})
