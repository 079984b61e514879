"""The documentation: each command that it shows is one, and the site builds. `test_docs_commands.py` runs them."""

import importlib
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ccstereo.cli.main import COMMANDS, take_imports
from ccstereo.cli.options import Parser
from shown import PAGES, ROOT, commands


def parse(command: str) -> None:
    """Read a command as the program does, and run nothing."""
    whole = Parser(prog="ccstereo")
    whole.add_argument("command", choices=COMMANDS)
    _, arguments = take_imports(shlex.split(command)[1:], whole)
    if arguments[:1] in (["--version"], ["--help"]):
        return
    name, *rest = arguments
    assert name in COMMANDS, command
    if name == "train":  # whose arguments Lightning reads
        return
    module = importlib.import_module(f"ccstereo.cli.{name.replace('-', '_')}")
    parsers = Parser(prog="ccstereo").add_subparsers(parser_class=Parser)
    module.add_parser(parsers)
    parsers.choices[name].parse_args(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_is_one(page: Path, capsys) -> None:
    for command in commands(page.read_text()):
        try:
            parse(command)
        except SystemExit:
            pytest.fail(f"{command}\n{capsys.readouterr().err}")


def test_wrong_commands_are_noticed() -> None:
    page = "```sh\npip install x && ccstereo models   # all\nccstereo bench make -o x --no-such 3\n```\n"
    right, wrong = commands(page)
    parse(right)
    with pytest.raises(SystemExit):
        parse(wrong)


def test_commands_of_a_page() -> None:
    page = """Inline `ccstereo app` is a name, `ccstereo export -o x` is a command.

```sh
A=1 ccstereo one && ccstereo two \\
  --more   # a comment
ls | ccstereo three -o 'a b'
```

    ccstereo four          what it does
"""
    assert commands(page) == [
        "ccstereo export -o x",
        "ccstereo one",
        "ccstereo two --more",
        "ccstereo three -o 'a b'",
        "ccstereo four",
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a broken link or a page that is not found is an error."""
    if not (ROOT / "research").is_dir():
        pytest.skip("needs the checkout: a source archive holds no research")
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("docs") / "site"
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    made = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_the_site_is_whole_and_asks_nobody(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        loaded = re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?(https?:[^\s\">]+)", page.read_text()
        )
        assert loaded == [], page
    reference = (site / "api.html").read_text()
    for name in ("ccstereo.Binauralizer", "ccstereo.metrics.functional.distances.stft_distance", "plot_spectrograms"):
        assert name in reference


def test_the_sounds_to_listen_to(site: Path, browser) -> None:
    """One place in time for three players, which differ in what they should; with the keyboard, too."""
    sounds = {name: soundfile.read(site / "listen" / f"{name}.flac")[0].T for name in ("mono", "predicted", "truth")}
    assert {sound.shape for sound in sounds.values()} == {(2, 6 * 16_000)}
    sides = {name: np.std(left - right) / np.std(left + right) for name, (left, right) in sounds.items()}
    assert sides["mono"] == 0
    assert min(sides["predicted"], sides["truth"]) > 0.1

    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "listen.html").as_uri())
    page.get_by_label("Mono, before").press("Space")
    ask = (
        "id => { const p = document.getElementById(id); return [p.paused, p.currentTime, p.error && p.error.message] }"
    )
    page.wait_for_function("document.getElementById('mono').currentTime > 1")
    page.get_by_label("Binaural, as predicted").press("Space")
    page.wait_for_function("!document.getElementById('predicted').paused && document.getElementById('mono').paused")
    page.wait_for_function("document.getElementById('predicted').currentTime > 1.2")
    found = {name: page.evaluate(ask, name) for name in ("mono", "predicted", "truth", "scene")}
    assert [each[2] for each in found.values()] == [None] * 4
    assert found["predicted"][1] == pytest.approx(found["mono"][1], abs=1.0)
    assert found["scene"][0] is False
    assert found["scene"][1] == pytest.approx(found["predicted"][1], abs=0.3)
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    page.close()


def test_links_of_the_site() -> None:
    links = runpy.run_path(str(ROOT / "tools" / "docs_hooks.py"))["site_links"]
    assert links("[a](data/layout.md#b)", "docs/evaluate.md") == "[a](data/layout.md#b)"
    assert links("[a](../research/README.md#b)", "docs/results.md") == "[a](findings.md#b)"
    assert links("[a](../src/x.py)", "docs/results.md") == "a (`src/x.py`)"
    assert links("[a](../../research/README.md)", "docs/data/folder.md") == "[a](../findings.md)"
    assert links("[here](#b), [away](https://x.y/z.md)", "docs/results.md") == "[here](#b), [away](https://x.y/z.md)"
    assert links("```\n[a](../x.py)\n```", "docs/results.md") == "```\n[a](../x.py)\n```"
