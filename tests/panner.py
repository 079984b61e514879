"""Backends that stand in for real networks, whose answer is known, and a stream that goes through them."""

import numpy as np

from ccstereo.inference import BinauralStream
from ccstereo.models import ModelConfig

RATE = 16_000
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Panner:
    """A stand-in backend: the mask is the same at every bin, set by how much brighter the frame's left half is."""

    name, precision, device = "panner", "float32", "cpu"
    config = ModelConfig(resize=(24, 48), frame_size=(20, 40))

    def __init__(self) -> None:
        self.encoded: list[int] = []

    def encode_frames(self, frames: np.ndarray) -> np.ndarray:
        self.encoded.append(len(frames))
        pixels = (frames / 255 - MEAN[:, None, None]) / DEVIATION[:, None, None]
        left, right = pixels[..., :20].mean((1, 2, 3)), pixels[..., 20:].mean((1, 2, 3))
        return np.tanh(left - right)[:, None].astype(np.float32)

    def encode_context(self, _: np.ndarray) -> np.ndarray | None:
        return None

    def predict(self, spec: np.ndarray, features: np.ndarray, context: np.ndarray | None) -> np.ndarray:
        assert (context is None) == (not self.config.context)
        return features[:, :, None, None, None] * spec[:, None]


class Conditioned(Panner):
    """The same, with a mask that also depends on the mixture around the window."""

    config = ModelConfig(resize=(24, 48), frame_size=(20, 40), context=17_777)

    def __init__(self) -> None:
        super().__init__()
        self.around: list[np.ndarray] = []
        self.contexts: list[np.ndarray] = []

    def encode_context(self, spec: np.ndarray) -> np.ndarray:
        self.around.extend(spec)
        return np.square(spec).mean((1, 2, 3))[:, None]

    def predict(self, spec: np.ndarray, features: np.ndarray, context: np.ndarray | None) -> np.ndarray:
        assert context is not None
        self.contexts.extend(context)
        return super().predict(spec, features * context, context)


def video(count: int, seed: int = 0) -> np.ndarray:
    """Frames (count, 24, 48, 3), each another."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (count, 4, 8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(cells, 6, axis=1), 6, axis=2)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def run(model, sound: np.ndarray, frames: np.ndarray, chunk: int = 4000, **options) -> np.ndarray:
    stream = BinauralStream(model, **({"sample_rate": RATE} | options))
    pieces = [stream.pull()]
    for frame in frames:
        stream.push_frame(frame)
    for start in range(0, len(sound), chunk):
        stream.push_samples(sound[start : start + chunk])
        pieces.append(stream.pull())
    stream.finish()
    return np.concatenate([*pieces, stream.pull()], axis=1)
