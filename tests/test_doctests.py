"""The examples in docstrings, of the package that is installed: the wheel's in CI, the checkout's otherwise."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import ccstereo

MODULES = sorted(module.name for module in pkgutil.walk_packages(ccstereo.__path__, "ccstereo."))


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_examples_of(name: str) -> None:
    module = import_module(name)
    assert doctest.testmod(module).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert any(test.examples for test in finder.find(import_module("ccstereo.audio.stft")))
