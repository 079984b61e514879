"""The documentation: each command that it shows is one, and the five minutes end with a binaural video."""

import importlib
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccstereo.cli.main import COMMANDS, main, take_imports
from ccstereo.cli.options import Parser

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *(ROOT / "src").rglob("README.md")])


def commands(text: str) -> Iterator[str]:
    """Every `ccstereo ...` of a page: in shell blocks, in indented blocks, and in code within lines."""
    blocks = [*re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks += re.findall(r"(?:^    [^\n]+\n)+", prose, re.MULTILINE)
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|", re.sub(r"(^|\s)#.*", "", line)):
                command = re.sub(r"^(?:[A-Z_]+=\S+ |\.venv/bin/)*", "", part.strip())
                if command.startswith("ccstereo "):
                    yield re.sub(r"\s{2,}\S.*", "", command)  # words that explain it, set apart by spaces


def parse(command: str) -> None:
    """Read a command as the program does, and run nothing."""
    whole = Parser(prog="ccstereo")
    whole.add_argument("command", choices=COMMANDS)
    _, arguments = take_imports(shlex.split(command)[1:], whole)
    if arguments[:1] in (["--version"], ["--help"]):
        return
    name, *rest = arguments
    assert name in COMMANDS, command
    if name == "train":  # whose arguments Lightning reads; tests/training runs those of the page
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


def test_five_minutes_end_with_a_binaural_video(clip: Path, tmp_path: Path, monkeypatch) -> None:
    """The commands of the first page, in their order; CI runs its installation with the wheel."""
    from ccstereo.media import probe

    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    shown = list(commands((ROOT / "docs" / "index.md").read_text()))
    assert [shlex.split(command)[1] for command in shown] == ["demo", "binauralize", "binauralize"]
    for command in shown:
        short = ["--seconds", "1"] if command == "ccstereo demo" else []
        assert main([*shlex.split(command)[1:], *short]) == 0
    for name in ("demo/binaural.mp4", "clip.binaural.mp4", "narrow.mp4"):
        assert probe(tmp_path / name, require_video=True, require_audio=True).audio.channels == 2


def test_figures_of_the_guides(clip: Path, tmp_path: Path, monkeypatch) -> None:
    """Those that need nothing but a video."""
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert main(["binauralize", str(clip), "-o", "film.spatial.mkv", "-q"]) == 0
    (line,) = [text for text in (ROOT / "docs" / "own-film.md").read_text().split("\n\n") if "plot level" in text]
    shown = re.findall(r"`(ccstereo plot [^`]*)`", line)
    assert len(shown) == 2
    for command in shown:
        assert main([*shlex.split(command)[1:], "--seconds", "1"]) == 0
    assert (tmp_path / "level.png").is_file()
    assert (tmp_path / "relevance.mp4").is_file()


def test_the_site_builds_and_asks_nobody(tmp_path: Path) -> None:
    """Strictly: a broken link or a page that is not found is an error."""
    if not (ROOT / "research").is_dir():
        pytest.skip("needs the checkout: a source archive holds no research")
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    made = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        loaded = re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?(https?:[^\s\">]+)", page.read_text()
        )
        assert loaded == [], page
    reference = (tmp_path / "site" / "api.html").read_text()
    for name in ("ccstereo.Binauralizer", "ccstereo.metrics.functional.distances.stft_distance", "plot_spectrograms"):
        assert name in reference


def test_links_of_the_site() -> None:
    links = runpy.run_path(str(ROOT / "tools" / "docs_hooks.py"))["site_links"]
    assert links("[a](data/layout.md#b)", "docs/evaluate.md") == "[a](data/layout.md#b)"
    assert links("[a](../research/README.md#b)", "docs/results.md") == "[a](findings.md#b)"
    assert links("[a](../src/x.py)", "docs/results.md") == "a (`src/x.py`)"
    assert links("[a](../../research/README.md)", "docs/data/folder.md") == "[a](../findings.md)"
    assert links("[here](#b), [away](https://x.y/z.md)", "docs/results.md") == "[here](#b), [away](https://x.y/z.md)"
    assert links("```\n[a](../x.py)\n```", "docs/results.md") == "```\n[a](../x.py)\n```"
