"""What is scored: weights, and beside them the floor (mono) and the ceiling (the true mask)."""

from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ccstereo.benchmark.rendering import FRAME_RATE
from ccstereo.binauralizer import DEFAULT_WEIGHTS, Binauralizer
from ccstereo.errors import WeightsError
from ccstereo.evaluation import oracle
from ccstereo.models import load_model
from ccstereo.models.weights import weights_sha256


class System(Protocol):
    """Gives the sound at both ears; can be pickled, so that any process can ask it."""

    @property
    def name(self) -> str:
        """As tables print it."""

    def identity(self) -> dict[str, Any]:
        """JSON values on which its predictions depend."""

    def predict(self, truth: Tensor, frames: np.ndarray, sample_rate: int) -> Tensor:
        """Predict (2, T), given the true sound (2, T) and pictures (N, H, W, 3) uint8, one where nothing moves."""


@dataclass(frozen=True)
class Mono:
    """The mixture at both ears: places nothing, so no side is ever right."""

    name: str = "Mono-Mono"

    def identity(self) -> dict[str, Any]:
        """See `System`."""
        return {"system": "mono"}

    def predict(self, truth: Tensor, frames: np.ndarray, sample_rate: int) -> Tensor:  # noqa: ARG002
        """See `System`."""
        return truth.mean(0).expand(2, -1)


@dataclass(frozen=True)
class Oracle:
    """The true mask, as far as the bound lets it, in the place of the network's."""

    bound: float = 1.0
    hop: float = 0.1

    @property
    def name(self) -> str:
        """See `System`."""
        return f"oracle (mask to {self.bound:g})"

    def identity(self) -> dict[str, Any]:
        """See `System`."""
        return {"system": "oracle", **asdict(self)}

    def predict(self, truth: Tensor, frames: np.ndarray, sample_rate: int) -> Tensor:  # noqa: ARG002
        """See `System`."""
        return oracle(truth, hop=self.hop, bound=self.bound)


@dataclass(frozen=True)
class Weights:
    """A network, and how it is run; the arguments of `Binauralizer.from_pretrained`.

    Attributes:
        name: as tables print it; by default the weights' own, or a path's last part.
        sha256: of the weights' file.

    Raises:
        WeightsError: the weights are not found.
    """

    weights: str = DEFAULT_WEIGHTS
    hop: float | None = None
    tdss: bool = True
    precision: str = "float32"
    device: str = "cpu"
    batch_size: int = 16
    name: str = ""
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", weights_sha256(self.weights))
        if not self.name:
            path = Path(self.weights)
            object.__setattr__(self, "name", path.resolve().name if path.exists() else self.weights)

    def binauralizer(self) -> Binauralizer:
        """Load the network, once a process.

        Raises:
            WeightsError: the weights are damaged.
            ValueError: an argument is out of range.
        """
        return _load(self)

    def oracle(self) -> Oracle:
        """Return the ceiling of masks with its bound, however it is run."""
        return Oracle(getattr(self.binauralizer().model.config, "mask_bound", 1.0))

    def identity(self) -> dict[str, Any]:
        """See `System`; of which device and batch size are not, as they change no more than rounding."""
        return {
            "system": "weights",
            "sha256": self.sha256,
            "model": self.binauralizer().model.name,
            "hop": self.binauralizer().hop,
            "tdss": self.tdss,
            "precision": self.precision,
        }

    def predict(self, truth: Tensor, frames: np.ndarray, sample_rate: int) -> Tensor:
        """See `System`.

        Raises:
            WeightsError: the model hears another rate.
        """
        binauralizer = self.binauralizer()
        rate = binauralizer.model.config.sample_rate
        if rate != sample_rate:
            raise WeightsError(f"{self.weights}: hears {rate} Hz, but the benchmark is at {sample_rate} Hz")
        mono = truth.mean(0).numpy()
        return torch.from_numpy(binauralizer.binauralize(mono, sample_rate, frames, FRAME_RATE))


@lru_cache(maxsize=1)
def _load(weights: Weights) -> Binauralizer:
    model = load_model(weights.weights, device=weights.device)
    return Binauralizer(
        model, hop=weights.hop, tdss=weights.tdss, batch_size=weights.batch_size, precision=weights.precision
    )
