"""The configs of the package, and how a command line names them."""

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from ccstereo.cli.main import main
from ccstereo.errors import CCStereoError
from ccstereo.models import create_model, list_models
from ccstereo.training.configs import CONFIGS, wants_prepared, with_paths, without_stage_options


def test_names_stand_for_the_packages_files_where_a_config_is_asked_for(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lite, avad = str(CONFIGS / "lite-stage.yaml"), str(CONFIGS / "ablation" / "avad.yaml")
    assert with_paths(["--config", "lite-stage", "-c", "ablation/avad"]) == ["--config", lite, "-c", avad]
    assert with_paths(["--config=lite-stage", "--config"]) == [f"--config={lite}", "--config"]
    for folder in (["--trainer.default_root_dir", "ablation/avad"], ["--trainer.default_root_dir=lite-stage"]):
        assert with_paths(folder) == folder
    Path("lite-stage").write_text("seed_everything: 1")
    assert with_paths(["--config", "lite-stage"]) == ["--config", "lite-stage"]
    for given in ("seed_everything: 1", "data: {workers: 1}\n" * 999, "https://host/config.yaml"):
        assert with_paths(["--config", given]) == ["--config", given]


@pytest.mark.parametrize("wrong", ["lite_stage", "no/such.yaml", "../mine.yml"])
def test_a_config_that_is_not_there_is_told_of_with_those_that_are(wrong: str) -> None:
    with pytest.raises(CCStereoError, match=r"no config .*lite-stage"):
        with_paths(["--config", wrong])


def test_configs_of_the_stage_lose_what_only_the_stage_has(tmp_path: Path) -> None:
    (tmp_path / "stage.yaml").write_text("data: {synthetic_fraction: 0.1, workers: 3}\nmodel: {model: ccstereo-lite}\n")
    (tmp_path / "own.yaml").write_text("data: {path: here}\n")
    stage, own = str(tmp_path / "stage.yaml"), str(tmp_path / "own.yaml")
    assert wants_prepared(["--config", own])
    assert wants_prepared([f"--config={own}"])
    assert wants_prepared(["--config", stage, "--data.path=x"])
    assert not wants_prepared(["--config", stage, "--data.folder", "x"])
    for arguments in (["--config", stage, "--data.path", "x"], [f"--config={stage}", "--data.path", "x"]):
        text = "".join(without_stage_options(arguments)).split("--data.path")[0].removeprefix("--config").lstrip("=")
        assert yaml.safe_load(text) == {"data": {"workers": 3}, "model": {"model": "ccstereo-lite"}}


def test_configs_of_the_package_write_to_a_folder_of_the_set() -> None:
    """Weights that were trained on the stage are not overwritten by those of recordings."""
    for option, folder in [
        (["--data.path", "prepared/mine/"], "runs/mine"),
        (["--data.path=https://host/shards"], "runs/shards"),
        (["--data.path", "x", "--trainer.default_root_dir", "out/here"], "out/here"),
    ]:
        text = without_stage_options(["--config", str(CONFIGS / "lite-stage.yaml"), *option])[1]
        assert f"default_root_dir: {folder}\n" in text
        assert "runs/lite-stage" not in text


def test_configs_name_real_models_and_the_papers_objective() -> None:
    configs = {path.stem: yaml.safe_load(path.read_text()) for path in CONFIGS.glob("*.yaml")}
    assert set(configs) >= {"lite-stage", "ccstereo-stage", "stage-ablation", "mono2binaural"}
    for name, config in configs.items():
        assert config["model"]["model"] in list_models()
        weights = config["model"]["weights"]
        if name in ("lite-stage", "ccstereo-stage"):
            assert (weights["magnitude"], weights["phase"], weights["contrastive"]) == (0.005, 1.0, 0.1)


def settings(*arguments: str) -> dict[str, Any]:
    """What a command line comes to, as `--print_config` prints it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        main(["train", *arguments, "--print_config"])
    return yaml.safe_load(out.getvalue())


@pytest.mark.parametrize("base", ["stage-ablation", "ccstereo-stage"])
def test_rows_of_the_ablation_differ_in_what_they_are_about_only(base: str) -> None:
    rows = {
        row: settings("--config", base, "--config", f"ablation/{row}")
        for row in ("mono2binaural", "baseline", "avad", "reconstruction", "contrastive")
    }
    model = yaml.safe_load((CONFIGS / f"{base}.yaml").read_text())["model"]["model"]
    about = {
        name: (
            row["model"].pop("model"),
            (row["model"].pop("model_config") or {}).get("avad_levels"),
            *(row["model"]["weights"].pop(term) for term in ("magnitude", "phase", "contrastive")),
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


def test_rows_of_the_affordable_ablation_have_one_mask_and_one_trunk() -> None:
    rows = (("ccstereo-lite", {"avad_levels": []}), ("ccstereo-lite", {}), ("mono2binaural-lite", {}))
    configs = [create_model(name, **config).config for name, config in rows]
    for name in ("mask_bound", "trunk", "audio_channels", "frame_size", "window"):
        assert len({getattr(config, name) for config in configs}) == 1


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_no_config_of_the_package_says_how_many_cores_a_machine_has(path: Path) -> None:
    """One worker keeps up with two cores, not with a GPU: `workers_of` asks the machine."""
    assert "workers" not in (yaml.safe_load(path.read_text()).get("data") or {})
