"""Networks that stand in for real ones, whose answer is known, and a stream that goes through them."""

import numpy as np
import torch
from torch import nn

from ccstereo.audio import apply_mask
from ccstereo.inference import BinauralStream
from ccstereo.models import BinauralOutput, ModelConfig

RATE = 16_000


class Panner(nn.Module):
    """A stand-in network: the mask is the same at every bin, set by how much brighter the picture's left half is."""

    def __init__(self) -> None:
        super().__init__()
        self.config = ModelConfig(resize=(24, 48), frame_size=(20, 40))
        self.anchor = nn.Parameter(torch.zeros(1))
        self.seen: list[int] = []

    def encode_frames(self, frames: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(frames))
        left, right = frames[..., :20].mean((1, 2, 3)), frames[..., 20:].mean((1, 2, 3))
        return torch.tanh(left - right)[:, None, None, None]

    def forward(
        self, mix_spec: torch.Tensor, features: torch.Tensor, told: torch.Tensor | None = None
    ) -> BinauralOutput:
        assert (told is None) == (not getattr(self, "context", 0))
        mask = torch.zeros_like(mix_spec)
        mask[:, 0] = features[:, 0]
        return BinauralOutput(mask, apply_mask(mask, mix_spec), features, features)


class Listener(Panner):
    """The same, with a mask that also depends on what is heard around the window."""

    context = 17_777

    def __init__(self) -> None:
        super().__init__()
        self.around: list[torch.Tensor] = []
        self.told: list[torch.Tensor] = []

    def listen(self, spec: torch.Tensor) -> torch.Tensor:
        self.around.extend(spec)
        return spec.square().mean((1, 2, 3))[:, None]

    def forward(self, mix_spec: torch.Tensor, features: torch.Tensor, told: torch.Tensor) -> BinauralOutput:
        self.told.extend(told)
        return super().forward(mix_spec, features * told[:, :, None, None], told)


def pictures(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (count, 4, 8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(cells, 6, axis=1), 6, axis=2)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def run(model, sound: np.ndarray, frames: np.ndarray, chunk: int = 4000, **options) -> np.ndarray:
    stream = BinauralStream(model, **({"sample_rate": RATE} | options))
    pieces = []
    for frame in frames:
        stream.push_frame(frame)
    for start in range(0, len(sound), chunk):
        stream.push_samples(sound[start : start + chunk])
        pieces.append(stream.pull())
    stream.finish()
    return np.concatenate([*pieces, stream.pull()], axis=1)
