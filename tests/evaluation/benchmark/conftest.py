"""A tiny synthetic benchmark, made once."""

import shutil
from pathlib import Path

import pytest

from ccstereo.evaluation import ROWS, USUAL_ROWS, Benchmark, make_benchmark
from ccstereo.scenes import synthetic_material

DRY = [row for row in USUAL_ROWS if not ROWS[row].room]
TINY = {"scenes": 2, "seconds": 0.7}


@pytest.fixture(scope="package")
def material():
    return synthetic_material("test")


@pytest.fixture(scope="package")
def made(tmp_path_factory) -> Benchmark:
    return make_benchmark(tmp_path_factory.mktemp("bench") / "dry", rows=DRY, **TINY)


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return Path(shutil.copytree(made.folder, tmp_path / "copy"))
