"""The streaming core: push samples and frames, pull spatial sound. It touches no video."""

from typing import TYPE_CHECKING

from ccstereo.inference.backends import BACKENDS, PRECISIONS, Backend
from ccstereo.inference.load import load_backend, make_backend
from ccstereo.inference.stream import BinauralStream
from ccstereo.inference.windows import WindowPlan
from ccstereo.lazy import lazy_names

if TYPE_CHECKING:
    from ccstereo.inference.backends import TorchBackend, encoding_groups, fused_for_inference, precision_pays

_LAZY = ("TorchBackend", "encoding_groups", "fused_for_inference", "precision_pays")  # these need torch
__getattr__ = lazy_names(__name__, dict.fromkeys(_LAZY, "ccstereo.inference.backends"))

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "Backend",
    "BinauralStream",
    "TorchBackend",
    "WindowPlan",
    "encoding_groups",
    "fused_for_inference",
    "load_backend",
    "make_backend",
    "precision_pays",
]
