"""research/scripts/zoo.py: which trainings it starts, skips and refuses, and its table."""

import json
import runpy
import subprocess
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from ccstereo.evaluation import Oracle, make_benchmark, score
from ccstereo.evaluation.figures import ablation
from ccstereo.training.configs import read_configs

SCRIPT = Path(__file__).parents[2] / "research" / "scripts" / "zoo.py"


@pytest.fixture(autouse=True)
def _beside_the_script(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))  # as for a script that is run


@pytest.fixture
def zoo(tmp_path, monkeypatch, capfd):
    """Run the script where commands are recorded, not run; the training `broken`, or the "cache of" one, fails."""
    started: list[list[str]] = []

    def command(command: list[str], *, broken: str, says: int, **_) -> SimpleNamespace:
        started.append(command)
        if "--cache" in command:
            return SimpleNamespace(returncode=says if broken == f"cache of {command[-1]}" else 0)
        folder = Path(command[command.index("--trainer.default_root_dir") + 1])
        if folder.name == broken:
            return SimpleNamespace(returncode=says)
        (folder / "weights").mkdir()
        (folder / "weights" / "model.safetensors").touch()
        return SimpleNamespace(returncode=0)

    def run(*arguments: str, broken: str = "", says: int = 1) -> tuple[int, list[list[str]], str]:
        started.clear()
        monkeypatch.setattr(subprocess, "run", partial(command, broken=broken, says=says))
        monkeypatch.setattr("sys.argv", ["zoo.py", *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return int(end.value.code or 0), started.copy(), "".join(capfd.readouterr())

    monkeypatch.chdir(tmp_path)
    return run


def options_of(command: list[str]) -> dict[str, str]:
    return dict(zip(command[::-1][1:], command[::-1], strict=False))


def test_all_rows_share_steps_scenes_and_caches(zoo) -> None:
    command = ("--folder", "stage", "--steps", "30", "--parallel", "3", "--trainer.precision", "32-true")
    status, started, _ = zoo(*command)
    assert status == 0
    caches = [each for each in started if "--cache" in each]
    trainings = [each for each in started if "--cache" not in each]
    assert {options_of(each)["--trainings"] for each in caches} == {"sagm-1", "lite-1", "morgado-1"}
    names = [Path(options_of(each)["--trainer.default_root_dir"]).name for each in trainings]
    assert len(names) == len(set(names)) == 19
    for training in trainings:
        configs = [training[i + 1] for i, part in enumerate(training) if part == "--config"]
        assert read_configs(configs)["model"]["init_args"]["frozen_trunk"]
        options = options_of(training)
        assert options["--trainer.max_steps"] == "30"
        assert options["--data.folder"] == "runs/zoo/cache"
        assert options["--trainer.precision"] == "32-true"
        assert f"--data.stage.folder={Path('stage').resolve()}" in training
    frozen = trainings[names.index("sagm-frozen-1")]
    assert options_of(frozen)["--model.init"] == "runs/zoo/sagm-1/weights"
    assert names.index("sagm-frozen-1") > names.index("sagm-1")
    assert zoo(*command)[:2] == (0, [])
    assert zoo(*command, "--data.stage.workers", "7", "--trainer.accelerator=cpu")[:2] == (0, [])
    status, _, said = zoo("--folder", "stage", "--steps", "31")
    assert status == 1
    assert "trained with other options" in said


def test_what_starts_from_a_failure_is_not_trained(zoo) -> None:
    status, started, said = zoo("--trainings", "sagm-7", "sagm-frozen-7", "lite-7", broken="sagm-7")
    assert status == 1
    names = [Path(options_of(each).get("--trainer.default_root_dir", "cache")).name for each in started]
    assert names == ["cache", "cache", "sagm-7", "lite-7"]
    assert "failed: sagm-7, sagm-frozen-7; see log.txt of each" in said
    assert zoo("--trainings", "nothing-1")[0] == 2


def test_a_cache_is_waited_for_by_those_that_read_it(zoo) -> None:
    status, started, said = zoo("--trainings", "sagm-1", "lite-1", "sagm-2", broken="cache of sagm-1")
    assert status == 1
    folders = [Path(options_of(each)["--trainer.default_root_dir"]).name for each in started if "--cache" not in each]
    assert folders == ["lite-1"]
    assert "failed: sagm-1, sagm-2; see log.txt of each" in said


def test_nothing_starts_after_an_interrupt(zoo) -> None:
    status, started, _ = zoo("--trainings", "lite-1", "lite-2", "lite-3", broken="lite-2", says=130)
    assert status == 1
    assert len(started) == 3  # the cache and two trainings


def test_rows_whose_caches_are_taken_for_one_have_one(tmp_path) -> None:
    """The script groups by clips and channels; what a cache depends on is more."""
    from ccstereo.models import create_model
    from ccstereo.training.cached_data import CachedData
    from ccstereo.training.stage_data import StageData

    training = runpy.run_path(str(SCRIPT))
    keys: dict[tuple, set[str]] = {}
    for row in training["ROWS"]:
        each = training["Training"](f"{row}-1", tmp_path)
        model = create_model(each.model["model"], **each.model["model_config"])
        trunk = getattr(model.visual, "trunk", model.visual)
        for weight in trunk.state_dict().values():
            weight.zero_()
        keys.setdefault(each.shape, set()).add(CachedData(StageData())._key(model, trunk))
    assert [len(found) for found in keys.values()] == [1, 1, 1]


def test_tables_are_of_means_over_seeds(tmp_path, capsys) -> None:
    """Scores of two seeds of one method and of one of another, kept as those of weights are."""
    script = runpy.run_path(str(SCRIPT))
    benchmark = make_benchmark(tmp_path / "bench", rows=["one"], scenes=3, seconds=0.7)
    names = (*benchmark.scores, *script["MORE_SCORES"])
    output = tmp_path / "zoo"
    trainings = [script["Training"](name, output) for name in ("lite-1", "lite-2", "mono2binaural-1", "apnet-1")]
    for each, bound in zip(trainings, (0.2, 0.6, 2.5), strict=False):  # the last one is not scored
        score({each.title: Oracle(bound)}, benchmark, names=names, keep=each.folder / "scores")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tables -->\n<!-- end of tables -->\nafter\n")
    script["write_table"].__globals__["speed_of"] = lambda _: 3.25
    options = SimpleNamespace(bench=tmp_path / "bench", output=output, steps=30, page=page, sofa=None, device="cpu")
    script["write_table"](trainings, options)
    text = (output / "table.md").read_text()
    assert text.strip() in page.read_text()
    assert text.strip() in capsys.readouterr().out
    _, size, distance, louder, own, mrstft, spl, seeds = text.split("## ")
    assert "| lite | 8.2 M | 26 G/s | 3.2 |" in size

    def systems(table: str) -> dict[str, float]:
        lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
        return {name: float(value.split()[0]) for name, value in lines}

    for table in (distance, louder, own, mrstft, spl):
        assert list(systems(table)) == ["lite", "mono2binaural"]
    each_seed, mean = systems(seeds), systems(distance)
    assert list(each_seed) == ["lite, seed 1", "lite, seed 2"]
    assert mean["lite"] == pytest.approx(sum(each_seed.values()) / 2, abs=0.001)
    assert mean["mono2binaural"] < each_seed["lite, seed 2"] < each_seed["lite, seed 1"]
    record = json.loads((output / "scores.json").read_text())
    assert [row["system"] for row in record["rows"]] == ["lite", "mono2binaural"]
    assert ablation([output / "scores.json"], "stft_to_mono").axes


def test_the_page_has_a_place_for_the_tables(tmp_path) -> None:
    fill_page = runpy.run_path(str(SCRIPT))["fill_page"]
    page = tmp_path / "zoo.md"
    page.write_text((SCRIPT.parents[2] / "docs" / "zoo.md").read_text())
    fill_page(page, {"tables": "| old |\n", "others": "| not there |"})
    once = page.read_text()
    fill_page(page, {"tables": "| new |\n"})
    assert "| old |" in once
    assert "| not there |" not in once
    assert page.read_text() == once.replace("| old |", "| new |")
    with pytest.raises(SystemExit, match="no marks of others"):
        fill_page(page, {"others": "| new |"})
    assert page.read_text() == once.replace("| old |", "| new |")
