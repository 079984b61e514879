"""What runs a network: a protocol of arrays in, arrays out, and the backends that keep it."""

from ccstereo.inference.backends.base import BACKENDS, Backend, make_backend
from ccstereo.inference.backends.precision import precision_pays, warn_of_precision
from ccstereo.inference.backends.pytorch import PRECISIONS, TorchBackend, encoding_groups, fused_for_inference

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "Backend",
    "TorchBackend",
    "encoding_groups",
    "fused_for_inference",
    "make_backend",
    "precision_pays",
    "warn_of_precision",
]
