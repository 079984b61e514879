"""The contract of a model, and the initialisation that all of them share."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ccstereo.models.config import ModelConfig
from ccstereo.models.efficientnet import EfficientNetLiteTrunk
from ccstereo.models.output import BinauralOutput
from ccstereo.models.parts.context import ContextAffine, SoundContext
from ccstereo.models.parts.unet import ResidualBlock


class BinauralModel(nn.Module, ABC):
    """A network that predicts, from a mixture spectrogram and a picture, the difference of the two ears.

    The two halves are separate calls because one picture serves several windows: encode it once.

    Attributes:
        config: everything the weights depend on.
        name: name under which `ccstereo.models.create_model` makes it again.
        visual: the image encoder; trained with a smaller learning rate than the rest.
        feature_shape: (C, h, w) of `encode_frames`.
        sound_channels: channels of the audio encoder's bottleneck, `BinauralOutput.audio_features`.
        context: samples that it hears around a window, the window's own included; 0 if it hears the window alone.
    """

    config: ModelConfig
    name: str = ""
    visual: nn.Module
    feature_shape: tuple[int, int, int]
    sound_channels: int
    context: int = 0

    @property
    def trunk(self) -> nn.Module:
        """The part of the image encoder that ImageNet weights are known for."""
        trunk: nn.Module = getattr(self.visual, "trunk", self.visual)
        return trunk

    def encode_maps(self, maps: Tensor) -> Tensor:
        """Do what `encode_frames` does after the trunk: its feature maps (B, C', h, w) to features (B, C, h, w)."""
        head: nn.Module | None = getattr(self.visual, "head", None)
        return maps if head is None else head(maps)

    @abstractmethod
    def encode_frames(self, frames: Tensor) -> Tensor:
        """Encode pictures.

        Args:
            frames: (B, 3, H, W) of `config.frame_size`, ImageNet-normalised.

        Returns:
            (B, C, h, w) features.
        """

    def listen(self, spec: Tensor) -> Tensor:
        """Make of what sounds around windows what `forward` is told of it. Neighbouring windows can share it.

        Args:
            spec: (B, 2, F, T') spectrogram of the mixture around them, brought to `config.rms` by itself.

        Returns:
            (B, C).

        Raises:
            ValueError: the model hears windows alone, its `context` is 0.
        """
        raise ValueError(f"this {self.name} hears windows alone, not the {spec.shape[-1]} frames around them")

    @abstractmethod
    def forward(self, mix_spec: Tensor, features: Tensor, told: Tensor | None = None) -> BinauralOutput:
        """Predict the difference spectrogram of a batch of windows.

        Args:
            mix_spec: (B, 2, F, T) spectrogram of the mixture l + r, brought to `config.rms`.
            features: (B, C, h, w) of `encode_frames`.
            told: (B, C) of `listen`, for a model that hears what is around the windows; None lets it listen to the
                windows alone.

        Raises:
            ValueError: a tensor's shape does not fit the configuration, or a model is told what it does not hear.
        """

    @abstractmethod
    def fuse(self, audio_features: Tensor, features: Tensor) -> Tensor:
        """Fuse an audio bottleneck (B, C', H', W') with visual features (B, C, h, w), as `forward` does.

        The contrastive loss calls it again with another picture, or the same one shuffled, at no cost of the encoders.
        """

    def check_frames(self, frames: Tensor) -> None:
        """Refuse frames that the visual positions do not fit.

        Raises:
            ValueError: frames are not (B, 3, *config.frame_size).
        """
        if frames.ndim != 4 or tuple(frames.shape[1:]) != (3, *self.config.frame_size):
            height, width = self.config.frame_size
            raise ValueError(f"expected frames (B, 3, {height}, {width}), got {tuple(frames.shape)}")

    def check_spectrogram(self, mix_spec: Tensor, levels: int) -> None:
        """Refuse a spectrogram of other bins, or too short to be halved `levels` times.

        Raises:
            ValueError: mix_spec is not (B, 2, config bins, at least 2 ** levels).
        """
        bins, shortest = self.config.stft.bins, 2**levels
        if mix_spec.ndim != 4 or tuple(mix_spec.shape[1:3]) != (2, bins) or mix_spec.shape[3] < shortest:
            raise ValueError(f"expected a spectrogram (B, 2, {bins}, {shortest} or more), got {tuple(mix_spec.shape)}")

    def check_features(self, features: Tensor) -> None:
        """Refuse features of other pictures or another model.

        Raises:
            ValueError: features are not (B, *feature_shape).
        """
        if tuple(features.shape[1:]) != self.feature_shape:
            want = ", ".join(map(str, self.feature_shape))
            raise ValueError(f"expected features (B, {want}), got {tuple(features.shape)}")

    def check_told(self, told: Tensor | None) -> None:
        """Refuse to be told of a context that the model does not hear.

        Raises:
            ValueError: told is not None, and `context` is 0.
        """
        if told is not None and not self.context:
            raise ValueError(f"this {self.name} hears windows alone, and cannot be told of what is around them")


def initialise(module: nn.Module) -> None:
    """Draw the initial weights: N(0, 0.02) for convolutions and linear layers, N(1, 0.02) for batch-norm scales.

    Source: 2.5D Visual Sound's released code, which CCStereo's follows; it comes from DCGAN.
    Biases, attention projections and learned positions keep what their own layers draw. EfficientNet's trunk, too deep
    for so small a deviation, residual blocks, and what hears the context draw their own.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, 0.0, 0.02)
        elif isinstance(part, nn.BatchNorm2d) and part.affine:
            nn.init.normal_(part.weight, 1.0, 0.02)
            nn.init.zeros_(part.bias)
    for part in module.modules():
        if isinstance(part, EfficientNetLiteTrunk | SoundContext | ContextAffine | ResidualBlock):
            part.initialise()
