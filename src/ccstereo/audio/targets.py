"""What a model predicts beside the mixture, and how the sound comes back from both.

Every target is linear both ways, so that `decode` serves waveforms and spectrograms alike: channels lie in axis `dim`,
-2 of waveforms (..., C, T) and -4 of spectrograms (..., C, 2, F, frames).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

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
    _split: Callable[[tuple[Tensor, ...]], tuple[Tensor, list[Tensor]]]
    _join: Callable[[Tensor, tuple[Tensor, ...]], list[Tensor]]

    @property
    def has_ears(self) -> bool:
        """Whether the sound is that of two ears."""
        return self.channels == ("left", "right")

    def mixture(self, sound: Tensor) -> Tensor:
        """The mixture of sound (..., C, T): (..., T).

        Raises:
            ValueError: the sound has not C channels.
        """
        return self._split(self._channels(sound))[0]

    def encode(self, sound: Tensor) -> Tensor:
        """What a model is to predict of sound (..., C, T): (..., K, T).

        Raises:
            ValueError: the sound has not C channels.
        """
        return torch.stack(self._split(self._channels(sound))[1], WAVEFORM)

    def decode(self, mixture: Tensor, predicted: Tensor, *, dim: int = WAVEFORM) -> Tensor:
        """The sound (..., C, T) of a mixture (..., T) and what was predicted of it (..., K, T).

        >>> sound = torch.tensor([[1.0], [0.25]])
        >>> MID_SIDE.decode(MID_SIDE.mixture(sound), MID_SIDE.encode(sound)).flatten().tolist()
        [1.0, 0.25]
        """
        return torch.stack(self._join(mixture, predicted.unbind(dim)), dim)

    def from_mono(self, mono: Tensor) -> Tensor:
        """The mixture of a mono track (..., T)."""
        return self.mono_gain * mono

    def mono(self, sound: Tensor) -> Tensor:
        """The mono track that one has without spatial sound: (l + r) / 2 or W, of (..., C, T): (..., T)."""
        return self.mixture(sound) / self.mono_gain

    def silent_prediction(self, mixture: Tensor) -> Tensor:
        """What decodes to the mono track in every ear, or to W alone: (..., K, T)."""
        other = torch.zeros_like(mixture)
        sound = (mixture / 2, mixture / 2) if self.has_ears else (mixture, *[other] * (len(self.channels) - 1))
        return torch.stack(self._split(sound)[1], WAVEFORM)

    def mirrored(self, sound: Tensor) -> Tensor:
        """Exchange left and right in sound (..., C, T): two ears change places, ambisonics the sign of Y.

        >>> MID_SIDE.mirrored(torch.tensor([[1.0], [0.25]])).flatten().tolist()
        [0.25, 1.0]
        """
        if self.has_ears:
            return sound.flip(-2)
        return sound * sound.new_tensor([1.0, -1.0, 1.0, 1.0])[:, None]

    def _channels(self, sound: Tensor) -> tuple[Tensor, ...]:
        if sound.ndim < 2 or sound.shape[WAVEFORM] != len(self.channels):
            raise ValueError(f"expected the channels {', '.join(self.channels)}, got shape {tuple(sound.shape)}")
        return sound.unbind(WAVEFORM)


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
