"""The README's first command is the one that CI runs, and the README is short."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_first_command_installs_and_runs() -> None:
    """CI runs what follows `pip install .` with the wheel, from another folder."""
    first = blocks("sh")[0].strip()
    assert "\n" not in first
    installed = first.split("pip install . && ")[1].split(" && ")
    assert installed[0] == ".venv/bin/ccstereo demo"
    assert installed[1].startswith(".venv/bin/ccstereo binauralize demo/scene.mp4")


def test_it_stays_short() -> None:
    assert len(README.splitlines()) <= 90
