"""What runs a network: a protocol of arrays in, arrays out, and the backends that keep it."""

from typing import TYPE_CHECKING

from ccstereo.inference.backends.base import BACKENDS, PRECISIONS, Backend, check_names
from ccstereo.inference.backends.opening import open_exported
from ccstereo.lazy import lazy_names

if TYPE_CHECKING:
    from ccstereo.inference.backends.precision import precision_pays, warn_of_precision
    from ccstereo.inference.backends.pytorch import TorchBackend, encoding_groups, fused_for_inference

_PYTORCH, _PRECISION = "ccstereo.inference.backends.pytorch", "ccstereo.inference.backends.precision"
__getattr__ = lazy_names(  # these need torch
    __name__,
    {
        "TorchBackend": _PYTORCH,
        "encoding_groups": _PYTORCH,
        "fused_for_inference": _PYTORCH,
        "precision_pays": _PRECISION,
        "warn_of_precision": _PRECISION,
    },
)

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "Backend",
    "TorchBackend",
    "check_names",
    "encoding_groups",
    "fused_for_inference",
    "open_exported",
    "precision_pays",
    "warn_of_precision",
]
