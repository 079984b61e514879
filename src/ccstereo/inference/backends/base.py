"""The protocol of a backend, and the names of those that there are."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ccstereo.config import ModelConfig

BACKENDS = ("auto", "torch", "openvino", "onnx")
PRECISIONS = ("float32", "bfloat16", "float16")


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


def check_names(backend: str, precision: str | None) -> None:
    """Refuse unknown names.

    Raises:
        ValueError: there is no such backend or precision.
    """
    if backend not in BACKENDS:
        raise ValueError(f"no backend {backend!r}; there are {', '.join(BACKENDS)}")
    if precision is not None and precision not in PRECISIONS:
        raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
