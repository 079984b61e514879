"""The contract of a model, what it predicts, and the initialisation that most networks share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from ccstereo.audio.targets import TARGETS, Target
from ccstereo.models.config import ModelConfig

Module = TypeVar("Module", bound=nn.Module)


@dataclass
class Prediction:
    """What a model predicts of a batch of windows.

    Attributes:
        spec: (B, K, 2, F, T) spectrograms of the channels that the model's target predicts.
        mask: (B, K, 2, F, T) complex ratio masks that led to them, real and imaginary part; None where there are none.
        aux: inner maps by name, for losses and figures. Names that several models use: "audio_features" (B, C, H, W),
            the audio bottleneck; "fused" (B, C, H, W), the same with the visual features; "relevance.N"
            (B, h * w, H, W), AVAD's relevance map of its Nth level; "context" (B, C), the context embedding.
    """

    spec: Tensor
    mask: Tensor | None = None
    aux: dict[str, Tensor] = field(default_factory=dict)

    @property
    def diff_spec(self) -> Tensor:
        """(B, 2, F, T) predicted spectrogram of the difference l - r.

        Raises:
            ValueError: what was predicted is not the sound of two ears.
        """
        channels = self.spec.unbind(1)
        if len(channels) > 2:
            raise ValueError("first-order ambisonics have no ears: decode them, then render them for a head")
        return channels[0] if len(channels) == 1 else channels[0] - channels[1]

    @property
    def relevance(self) -> list[Tensor]:
        """AVAD's relevance maps, the innermost level first; none where the model has none."""
        return [value for name, value in self.aux.items() if name.startswith("relevance.")]


class SpatialModel(nn.Module, ABC):
    """A network that predicts, from the spectrogram of a mixture and from frames, the channels of its target.

    Encoding frames and predicting windows are separate calls because one frame serves several windows: encode it once.

    Attributes:
        config: everything the weights depend on.
        name: name under which `ccstereo.models.create_model` makes it again.
        visual: the image encoder; trained with a smaller learning rate than the rest.
        feature_shape: shape of the features of one frame, or one clip, without the batch.
        least_frames: shortest spectrogram that the network takes, in frames.
        training_aux: names of inner maps that `forward` gives in training mode alone; what makes them is not exported.
        renamed_weights: (old, new) beginnings of weights' names that earlier releases wrote.
    """

    config: ModelConfig
    name: str = ""
    visual: nn.Module
    feature_shape: tuple[int, ...]
    least_frames: int = 1
    training_aux: tuple[str, ...] = ()
    renamed_weights: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> Target:
        """What the model predicts, and how sound comes back from it."""
        return TARGETS[self.config.target]

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights, in which the network computes unless autocast says otherwise."""
        return next(self.parameters()).dtype

    def encode_frames(self, frames: Tensor) -> Tensor:
        """Encode frames, each by the image encoder alone unless a model says otherwise.

        Args:
            frames: (B, 3, H, W) of `config.frame_size`, ImageNet-normalised; (B, clip_frames, 3, H, W) for models that
                take clips of several frames.

        Returns:
            (B, *feature_shape) visual features.
        """
        self.check_frames(frames)
        features: Tensor = self.visual(frames.to(self.dtype))
        return features

    def encode_context(self, spec: Tensor) -> Tensor | None:
        """Encode the mixture around windows, for models conditioned on it; neighbouring windows can share it.

        Of its spectrogram (B, 2, F, T'), brought to `config.rms` by itself, comes the context embedding (B, C); None
        for a model that takes windows alone.
        """
        del spec
        return None

    @abstractmethod
    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        """Predict a batch of windows.

        Args:
            mix_spec: (B, 2, F, T) spectrogram of the mixture, brought to `config.rms`.
            features: (B, *feature_shape) of `encode_frames`.
            context: (B, C) of `encode_context`; None lets a conditioned model encode the windows themselves.

        Raises:
            ValueError: a tensor's shape does not fit the configuration.
        """

    def check_frames(self, frames: Tensor) -> None:
        """Refuse frames that the configuration does not fit. Not part of an exported graph.

        Raises:
            ValueError: frames are not as `encode_frames` takes them.
        """
        clip = (self.config.clip_frames,) if self.config.clip_frames > 1 else ()
        wanted = (*clip, 3, *self.config.frame_size)
        if not torch.compiler.is_compiling() and tuple(frames.shape[1:]) != wanted:
            raise ValueError(f"expected frames (B, {', '.join(map(str, wanted))}), got {tuple(frames.shape)}")

    def check_inputs(self, mix_spec: Tensor, features: Tensor, context: Tensor | None) -> None:
        """Refuse what does not fit the configuration. Not part of an exported graph.

        Raises:
            ValueError: the spectrogram has other bins or is too short, features are of another model, or a context is
                given to a model that takes none.
        """
        if torch.compiler.is_compiling():
            return
        bins, shortest = self.config.stft.bins, self.least_frames
        if mix_spec.ndim != 4 or tuple(mix_spec.shape[1:3]) != (2, bins) or mix_spec.shape[3] < shortest:
            raise ValueError(f"expected a spectrogram (B, 2, {bins}, {shortest} or more), got {tuple(mix_spec.shape)}")
        if tuple(features.shape[1:]) != self.feature_shape:
            wanted = ", ".join(map(str, self.feature_shape))
            raise ValueError(f"expected features (B, {wanted}), got {tuple(features.shape)}")
        if context is not None and not self.config.context:
            raise ValueError(f"this {self.name} takes windows alone, no context")


@runtime_checkable
class FusesFeatures(Protocol):
    """A model that can fuse again, so that the contrastive loss can compare other frames at no cost of the encoders."""

    def fuse(self, audio_features: Tensor, features: Tensor) -> Tensor:
        """Fuse an audio bottleneck (B, C', H', W') with visual features (B, *feature_shape), as `forward` does."""


def channels_last(module: Module) -> Module:
    """Lay out the weights of 2-D convolutions channels last, in place: twice as fast on a CPU. 3-D ones stay."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module


def initialise(module: nn.Module) -> None:
    """Draw the initial weights: N(0, 0.02) for convolutions and linear layers, N(1, 0.02) for batch-norm scales.

    Source: 2.5D Visual Sound's released code, which CCStereo's follows; it comes from DCGAN.
    Biases, attention projections and learned positions keep what their own layers draw. Parts with an `initialise` of
    their own draw by that: trunks too deep for so small a deviation, residual blocks, the context encoder.
    """
    own = [part for part in module.modules() if part is not module and callable(getattr(part, "initialise", None))]
    kept = {inner for part in own for inner in part.modules()}
    for part in module.modules():
        if part in kept:
            continue
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, 0.0, 0.02)
        elif isinstance(part, nn.BatchNorm2d) and part.affine:
            nn.init.normal_(part.weight, 1.0, 0.02)
            nn.init.zeros_(part.bias)
    for part in own:
        part.initialise()  # type: ignore[operator]
