"""Spatial sound for video: a mono soundtrack becomes a binaural one, guided by the video's frames.

    >>> import ccstereo
    >>> "ccstereo-lite" in ccstereo.list_models()
    True

Names are loaded when they are first used: importing the package alone loads neither torch nor anything else of size.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ccstereo.errors import BackendError, CCStereoError, DatasetError, MediaError, WeightsError

if TYPE_CHECKING:
    from ccstereo import metrics
    from ccstereo.binauralizer import Binauralizer
    from ccstereo.conversion import ConversionOptions, ConversionReport
    from ccstereo.inference import BinauralStream
    from ccstereo.locate import list_weights
    from ccstereo.models import create_model, list_models, load_model

try:
    __version__ = version("ccstereo")
except PackageNotFoundError:  # a source tree on the path, not installed
    __version__ = "0+unknown"

DEFAULT_WEIGHTS = "ccstereo-lite.stage33"

_HOMES = {
    "Binauralizer": "ccstereo.binauralizer",
    "ConversionOptions": "ccstereo.conversion",
    "ConversionReport": "ccstereo.conversion",
    "BinauralStream": "ccstereo.inference",
    "create_model": "ccstereo.models",
    "list_models": "ccstereo.models",
    "list_weights": "ccstereo.locate",
    "load_model": "ccstereo.models",
}

__all__ = [
    "BackendError",
    "BinauralStream",
    "Binauralizer",
    "CCStereoError",
    "ConversionOptions",
    "ConversionReport",
    "DatasetError",
    "MediaError",
    "WeightsError",
    "create_model",
    "list_models",
    "list_weights",
    "load_model",
    "metrics",
]


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("ccstereo.metrics")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ccstereo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
