"""The streaming core: push samples and frames, pull spatial sound. It touches no files."""

from ccstereo.inference.backends import (
    BACKENDS,
    PRECISIONS,
    Backend,
    TorchBackend,
    encoding_groups,
    fused_for_inference,
    make_backend,
    precision_pays,
)
from ccstereo.inference.stream import BinauralStream
from ccstereo.inference.windows import WindowPlan

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "Backend",
    "BinauralStream",
    "TorchBackend",
    "WindowPlan",
    "encoding_groups",
    "fused_for_inference",
    "make_backend",
    "precision_pays",
]
