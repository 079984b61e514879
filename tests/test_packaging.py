"""What the package promises about its installation: extras that messages name, and data files beside the code."""

import re
from pathlib import Path

import pytest

import ccstereo

ROOT = Path(__file__).parents[1]
PACKAGE = Path(ccstereo.__file__).parent


def test_extras_that_are_named_exist() -> None:
    project = pytest.importorskip("tomllib").loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*PACKAGE.rglob("*.py"), ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        extra
        for path in texts
        for found in re.findall(r"ccstereo\[([a-z,-]+)\]", path.read_text())
        for extra in found.split(",")
    }
    assert {"train", "viz"} <= named
    assert named <= set(project["optional-dependencies"])


def test_data_files_are_installed() -> None:
    """In CI of the wheel, which holds what the build was told to take."""
    assert (PACKAGE / "py.typed").is_file()
    assert (PACKAGE / "weights" / ccstereo.DEFAULT_WEIGHTS / "model.safetensors").is_file()
    static = ROOT / "src" / "ccstereo" / "app" / "static"
    assert {path.name for path in static.iterdir()} == {path.name for path in (PACKAGE / "app" / "static").iterdir()}
    configs = ROOT / "src" / "ccstereo" / "configs"
    assert {p.relative_to(configs) for p in configs.rglob("*.yaml")} == {
        p.relative_to(PACKAGE / "configs") for p in (PACKAGE / "configs").rglob("*.yaml")
    }
