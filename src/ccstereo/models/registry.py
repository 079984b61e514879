"""Models by name."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from ccstereo.models.base import SpatialModel

Builder = TypeVar("Builder", bound=Callable[..., SpatialModel])
_builders: dict[str, Callable[..., SpatialModel]] = {}
_sources: dict[str, str] = {}


def register_model(name: str, *, source: str = "") -> Callable[[Builder], Builder]:
    """Enter a function that builds a model from configuration values under `name`.

    Args:
        name: by which `create_model` and the command line know it.
        source: where it comes from, a few words for `ccstereo models`.

    Raises:
        ValueError: the name is taken.
    """

    def enter(builder: Builder) -> Builder:
        if name in _builders:
            raise ValueError(f"a model named {name!r} is registered already")
        _builders[name] = builder
        _sources[name] = source
        return builder

    return enter


def list_models() -> list[str]:
    """Names that `create_model` knows, in alphabetical order."""
    return sorted(_builders)


def model_source(name: str) -> str:
    """Where a registered model comes from; empty where nobody said it."""
    return _sources.get(name, "")


def builder_file(name: str) -> str | None:
    """The file of the function that builds a model; None of an unknown name."""
    module = sys.modules.get(getattr(_builders.get(name), "__module__", ""))
    return getattr(module, "__file__", None)


def create_model(name: str, **config: Any) -> SpatialModel:
    """Build a model with random weights.

    Args:
        name: one of `list_models()`.
        config: values that depart from the named configuration.

    Raises:
        ValueError: the name, or a key or value of the configuration, is unknown; the message lists the known ones.

    >>> create_model("ccstereo-lite", avad_levels=(0, 1)).config.avad_levels
    (0, 1)
    """
    if name not in _builders:
        raise ValueError(f"no model named {name!r}; there are {', '.join(list_models())}")
    try:
        model = _builders[name](**config)
    except ValueError as error:
        raise ValueError(f"model {name!r}: {error}") from error
    model.name = name
    return model
