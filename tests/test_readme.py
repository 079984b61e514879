"""The README's Python runs as it stands, and the commands it names exist."""

import re
from pathlib import Path

import numpy as np
import pytest

from ccstereo.cli.main import build_parser

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_python_runs(clip: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    rng = np.random.default_rng(0)
    names = {
        "mono": (0.1 * rng.standard_normal(48_000)).astype(np.float32),
        "samples": (0.1 * rng.standard_normal(48_000)).astype(np.float32),
        "frames": rng.integers(0, 256, (25, 60, 120, 3), dtype=np.uint8),
        "frame": rng.integers(0, 256, (60, 120, 3), dtype=np.uint8),
    }
    (code,) = blocks("python")
    exec(code, names)
    assert (tmp_path / "out.mp4").is_file()
    assert names["report"].duration == pytest.approx(2.0)


def test_commands_exist() -> None:
    parser = build_parser()
    named = set(re.findall(r"(?:^|&& |/)ccstereo ([a-z-]+)", "\n".join(blocks("sh")), re.MULTILINE))
    assert {"binauralize", "models", "demo"} <= named
    for name in named:
        with pytest.raises(SystemExit) as stop:
            parser.parse_args([name, "--no-such-option"])
        assert stop.value.code == 2  # an unknown command is as wrong, but is reported before its options are read
        assert name in parser.format_help()


def test_the_first_command_installs_and_runs() -> None:
    """CI runs what follows `pip install .` with the wheel, from another folder."""
    first = blocks("sh")[0].strip()
    assert "\n" not in first
    installed = first.split("pip install . && ")[1].split(" && ")
    assert installed[0] == ".venv/bin/ccstereo demo"
    assert installed[1].startswith(".venv/bin/ccstereo binauralize demo/scene.mp4")


def test_it_stays_short() -> None:
    assert len(README.splitlines()) <= 90
