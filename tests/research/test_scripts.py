"""Every script of research/scripts imports with today's names and says what it does."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "research" / "scripts"
SHARED = ("pages", "trainings")  # what scripts import, no scripts themselves
SCRIPTS = [path for path in sorted(FOLDER.glob("*.py")) if path.stem not in SHARED]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_shows_its_help(script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", [script.name, "--help"])
    monkeypatch.syspath_prepend(str(script.parent))  # as for a script that is run
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {script.name}")


def test_the_readme_lists_them_all() -> None:
    readme = (SCRIPTS[0].parents[1] / "README.md").read_text()
    assert [script.name for script in SCRIPTS if f"| `{script.name}` |" not in readme] == []
