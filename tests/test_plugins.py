"""Modules of one's own: from the command line, and from entry points."""

import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ccstereo import plugins
from ccstereo.cli.main import main, take_imports
from ccstereo.cli.options import Parser
from ccstereo.errors import CCStereoError
from ccstereo.jobs import map_items


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, and a process in which nothing is imported yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(plugins.VARIABLE, "")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.setattr(plugins, "entry_points", lambda **_: [])
    return tmp_path


@pytest.mark.parametrize("before", [True, False])
def test_a_model_of_ones_own_is_listed(folder: Path, before: bool, capsys) -> None:
    name = f"own_{before}".lower()
    (folder / f"{name}.py").write_text(
        f"""from ccstereo.models import register_model, create_model
@register_model("{name}")
def build(**config):
    return create_model("mono2binaural-lite", **config)
"""
    )
    assert main(["--import", name, "models"] if before else ["models", f"--import={name}"]) == 0
    assert name in capsys.readouterr().out
    assert os.environ[plugins.VARIABLE] == name  # for the processes that this one starts


def test_processes_that_are_started_import_it_too(folder: Path) -> None:
    plugin = "import os\nwith open('pids', 'a') as file:\n    file.write(f'{os.getpid()}\\n')\n"
    (folder / "counted.py").write_text(plugin)
    plugins.load_plugins(["counted"])
    assert dict(map_items(abs, [-1, -2], 2)) == {-1: 1, -2: 2}
    assert len(set((folder / "pids").read_text().split())) > 1


def test_entry_points_are_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "announced.py").write_text("done = True")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [EntryPoint("mine", "announced", group)])
    plugins.load_plugins()
    assert sys.modules["announced"].done


def test_what_cannot_be_imported_is_named_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (folder / "broken_plugin.py").write_text("1 / 0")
    assert main(["models", "--import", "broken_plugin"]) == 1
    assert capsys.readouterr().err == ("ccstereo: error: --import broken_plugin: ZeroDivisionError: division by zero\n")
    monkeypatch.setenv(plugins.VARIABLE, "")
    with pytest.raises(CCStereoError, match="--import no_such_plugin: ModuleNotFoundError"):
        plugins.load_plugins(["no_such_plugin"])
    monkeypatch.setenv(plugins.VARIABLE, "")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [EntryPoint("mine", "no_such_package", group)])
    with pytest.raises(CCStereoError, match=r"plugin mine \(no_such_package\): ModuleNotFoundError"):
        plugins.load_plugins()


def test_options_are_taken_from_anywhere_before_the_dashes() -> None:
    given = ["--import", "a", "train", "--x", "--import=b.c", "y", "--", "--import", "d"]
    assert take_imports(given, Parser()) == (["a", "b.c"], ["train", "--x", "y", "--", "--import", "d"])


@pytest.mark.parametrize("given", [["--import"], ["--import", "--version"], ["--import="]])
def test_an_import_without_a_name_is_wrong_usage(given: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(given)
    assert stop.value.code == 2
    assert "--import: expected the name of a module" in capsys.readouterr().err
