"""Synthetic photos and sounds written as a user's files, a video crop and a folder of frames among them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import raw_sets
from ccstereo.cli.main import main


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return raw_sets.make_material(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="session")
def simulate(files: Path) -> Callable[..., int]:
    """`simulate(output, *options)` runs the command on the files in this process."""

    def run(output: Path, *options: str) -> int:
        inputs = ["--photos", str(files / "photos"), "--sounds", str(files / "sounds")]
        return main(["simulate", *inputs, "-o", str(output), "--seconds", "1", "--jobs", "1", *options])

    return run


@pytest.fixture(scope="session")
def made(simulate: Callable[..., int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 14 clips made by one process."""
    output = tmp_path_factory.mktemp("made") / "set"
    assert simulate(output, "--clips", "14") == 0
    return output


@pytest.fixture
def copied(files: Path, tmp_path: Path) -> Path:
    """The files, to be broken."""
    return Path(shutil.copytree(files, tmp_path / "files"))


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes]]:
    """`tree(folder)`: every file's content by its path."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return read
