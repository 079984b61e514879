"""What a model predicts beside the mixture, and how the sound comes back from both.

Every target is linear both ways, so that `decode` serves waveforms and spectrograms alike: channels lie in axis `dim`,
-2 of waveforms (..., C, T) and -4 of spectrograms (..., C, 2, F, frames). Tensors and NumPy's arrays are taken alike;
torch is not loaded for the latter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", "Tensor", NDArray[np.float32])
WAVEFORM, SPECTROGRAM = -2, -4


@dataclass(frozen=True)
class Target:
    """A linear map from sound to mixture and predicted channels, and its inverse.

    Attributes:
        name: key of `TARGETS`, which configurations hold.
        channels: names of the sound's C channels.
        predicted: names of the K channels that a model predicts.
        mono_gain: by which a mono track is multiplied to be the mixture: l + r of l = r = x is 2 x.
    """

    name: str
    channels: tuple[str, ...]
    predicted: tuple[str, ...]
    mono_gain: float
    _split: Callable[[tuple[Any, ...]], tuple[Any, list[Any]]]
    _join: Callable[[Any, tuple[Any, ...]], list[Any]]

    @property
    def has_ears(self) -> bool:
        """Whether the sound is that of two ears."""
        return self.channels == ("left", "right")

    def mixture(self, sound: Array) -> Array:
        """The mixture of sound (..., C, T): (..., T).

        Raises:
            ValueError: the sound has not C channels.
        """
        mixture: Array = self._split(self._channels(sound))[0]
        return mixture

    def encode(self, sound: Array) -> Array:
        """What a model is to predict of sound (..., C, T): (..., K, T).

        Raises:
            ValueError: the sound has not C channels.
        """
        predicted: list[Array] = self._split(self._channels(sound))[1]
        return _stack(predicted, WAVEFORM)

    def decode(self, mixture: Array, predicted: Array, *, dim: int = WAVEFORM) -> Array:
        """The sound (..., C, T) of a mixture (..., T) and what was predicted of it (..., K, T).

        >>> sound = np.array([[1.0], [0.25]])
        >>> MID_SIDE.decode(MID_SIDE.mixture(sound), MID_SIDE.encode(sound)).flatten().tolist()
        [1.0, 0.25]
        """
        channels: list[Array] = self._join(mixture, _unbind(predicted, dim))
        return _stack(channels, dim)

    def from_mono(self, mono: Array) -> Array:
        """The mixture of a mono track (..., T)."""
        mixture: Array = self.mono_gain * mono
        return mixture

    def mono(self, sound: Array) -> Array:
        """The mono track that one has without spatial sound: (l + r) / 2 or W, of (..., C, T): (..., T)."""
        return self.mixture(sound) / self.mono_gain

    def silent_prediction(self, mixture: Array) -> Array:
        """What decodes to the mono track in every ear, or to W alone: (..., K, T)."""
        half: Array = 0.5 * mixture
        nothing: Array = 0 * mixture
        sound = (half, half) if self.has_ears else (mixture, *[nothing] * (len(self.channels) - 1))
        predicted: list[Array] = self._split(sound)[1]
        return _stack(predicted, WAVEFORM)

    def mirrored(self, sound: "Tensor") -> "Tensor":
        """Exchange left and right in sound (..., C, T): two ears change places, ambisonics the sign of Y.

        >>> import torch
        >>> MID_SIDE.mirrored(torch.tensor([[1.0], [0.25]])).flatten().tolist()
        [0.25, 1.0]
        """
        if self.has_ears:
            return sound.flip(-2)
        return sound * sound.new_tensor([1.0, -1.0, 1.0, 1.0])[:, None]

    def _channels(self, sound: Array) -> tuple[Array, ...]:
        if sound.ndim < 2 or sound.shape[WAVEFORM] != len(self.channels):
            raise ValueError(f"expected the channels {', '.join(self.channels)}, got shape {tuple(sound.shape)}")
        return _unbind(sound, WAVEFORM)


def _stack(parts: Sequence[Array], axis: int) -> Array:
    if isinstance(parts[0], np.ndarray):
        return np.stack(parts, axis)
    import torch

    return torch.stack(tuple(parts), axis)


def _unbind(array: Array, axis: int) -> tuple[Array, ...]:
    return tuple(np.moveaxis(array, axis, 0)) if isinstance(array, np.ndarray) else array.unbind(axis)


MID_SIDE = Target(
    "mid-side",
    ("left", "right"),
    ("difference",),
    2.0,
    lambda ears: (ears[0] + ears[1], [ears[0] - ears[1]]),
    lambda mixture, predicted: [(mixture + predicted[0]) / 2, (mixture - predicted[0]) / 2],
)
"""The difference l - r beside the mixture l + r (2.5D Visual Sound, section 3.1)."""

LEFT_RIGHT = Target(
    "left-right",
    ("left", "right"),
    ("left", "right"),
    2.0,
    lambda ears: (ears[0] + ears[1], [ears[0], ears[1]]),
    lambda _, predicted: [predicted[0], predicted[1]],
)
"""Both ears themselves (Sep-Stereo's APNet, section 3.2); the mixture is not used to decode them."""

FOA = Target(
    "foa",
    ("W", "Y", "Z", "X"),
    ("Y", "Z", "X"),
    1.0,
    lambda foa: (foa[0], list(foa[1:])),
    lambda mixture, predicted: [mixture, *predicted],
)
"""First-order ambisonics, ACN order and SN3D: Y, Z, X beside W (Morgado et al., NeurIPS 2018)."""

TARGETS: dict[str, Target] = {target.name: target for target in (MID_SIDE, LEFT_RIGHT, FOA)}
