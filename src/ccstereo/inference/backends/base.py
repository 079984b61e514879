"""The protocol of a backend, and how one is chosen."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ccstereo.models.base import SpatialModel
from ccstereo.models.config import ModelConfig

BACKENDS = ("auto", "torch")


@runtime_checkable
class Backend(Protocol):
    """Runs a network on one device. Arrays in, arrays out; what happens between is the backend's own.

    Attributes:
        name: for people.
        config: of the network.
        precision: in which it computes.
        device: on which.
    """

    name: str
    config: ModelConfig
    precision: str
    device: str

    def encode_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode frames (N, 3, h, w), or clips (N, clip_frames, 3, h, w), uint8, to features (N, ...)."""

    def encode_context(self, spec: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Encode the mixtures around windows, (N, 2, F, T'), to (N, C); None of a network that takes windows alone."""

    def predict(
        self, spec: NDArray[np.float32], features: NDArray[np.float32], context: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Predict windows: (N, 2, F, T) mixtures, (N, ...) features and (N, C) contexts to (N, K, 2, F, T)."""


def make_backend(model: SpatialModel, backend: str = "auto", precision: str = "float32") -> Backend:
    """Choose what runs a model.

    Args:
        model: any model; it stays as it is.
        backend: of `BACKENDS`; "auto" takes the fastest that is installed.
        precision: "float32", "bfloat16" or "float16".

    Raises:
        ValueError: there is no such backend or precision.
    """
    from ccstereo.inference.backends.pytorch import TorchBackend

    if backend not in BACKENDS:
        raise ValueError(f"no backend {backend!r}; there are {', '.join(BACKENDS)}")
    return TorchBackend(model, precision)
