"""What a model's weights depend on, besides the weights: sizes of signals, frames and context, and the target.

Numbers alone: whatever runs a network needs them, and nothing of size is loaded for them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from ccstereo.targets import TARGETS

Config = TypeVar("Config", bound="ModelConfig")
HOP = 0.1  # seconds between two windows: CCStereo
POSITIVE = (
    "sample_rate",
    "window",
    "n_fft",
    "win_length",
    "hop_length",
    "rms",
    "frame_rate",
    "clip_frames",
    "clip_stride",
)
RENAMED = {"level": "rms"}  # keys of configurations that earlier releases wrote


@dataclass(frozen=True)
class STFTConfig:
    """Sizes of the transform in samples; by default 25 ms windows every 10 ms at 16 kHz (CCStereo, section 4)."""

    n_fft: int = 512
    win_length: int = 400
    hop_length: int = 160

    @property
    def bins(self) -> int:
        """Number of frequency bins F, the Nyquist bin included."""
        return self.n_fft // 2 + 1

    def frames(self, samples: int) -> int:
        """Number of time frames of a centred transform of `samples` samples."""
        return samples // self.hop_length + 1


@dataclass(frozen=True)
class ModelConfig:
    """Signal and frame sizes shared by all models; a model adds its widths in a subclass.

    Attributes:
        sample_rate: samples a second.
        window: samples of the mixture that the network takes at once; 10,080 are 0.63 s at 16 kHz.
        n_fft: FFT size in samples.
        win_length: length of the Hann window in samples.
        hop_length: samples between spectrogram frames.
        rms: root mean square to which each window of the mixture is normalised.
        frame_rate: frames a second, among which the one nearest a window's centre is taken.
        resize: (height, width) to which a frame is resized before it is cropped.
        frame_size: (height, width) of the crop that enters the network.
        clip_frames: frames given to the model together, around the nearest one.
        clip_stride: frames between two of a clip.
        target: what the model predicts, a key of `ccstereo.audio.TARGETS`.
        context: samples of the mixture around a window, the window's own included, by which the model is conditioned;
            0 is the window alone.
    """

    sample_rate: int = 16_000
    window: int = 10_080
    n_fft: int = 512
    win_length: int = 400
    hop_length: int = 160
    rms: float = 0.1
    frame_rate: float = 10.0
    resize: tuple[int, int] = (240, 480)
    frame_size: tuple[int, int] = (224, 448)
    clip_frames: int = 1
    clip_stride: int = 1
    target: str = "mid-side"
    context: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):  # JSON and command lines know lists only; a frozen config is hashable with tuples
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        self.require_positive(*POSITIVE)
        if self.win_length > self.n_fft:
            raise ValueError(f"win_length {self.win_length} is longer than n_fft {self.n_fft}")
        for name in ("resize", "frame_size"):
            size = getattr(self, name)
            if len(size) != 2 or min(size) <= 0:
                raise ValueError(f"{name} must be a positive (height, width), got {size}")
        if self.target not in TARGETS:
            raise ValueError(f"no target {self.target!r}; there are {', '.join(TARGETS)}")
        if self.context and self.context < self.window:
            raise ValueError(f"a context of {self.context} samples is less than a window of {self.window}; 0 is none")
        if self.frame_size[0] > self.resize[0] or self.frame_size[1] > self.resize[1]:
            raise ValueError(f"frame_size {self.frame_size} cannot be cropped out of resize {self.resize}")

    def require_positive(self, *names: str) -> None:
        """Raise ValueError where one of these numbers, or of these tuples' numbers, is not."""
        for name in names:
            value = getattr(self, name)
            if any(number <= 0 for number in (value if isinstance(value, tuple) else (value,))):
                raise ValueError(f"{name} must be positive, got {value}")

    @property
    def stft(self) -> STFTConfig:
        """Sizes of the transform that makes the network's spectrograms."""
        return STFTConfig(self.n_fft, self.win_length, self.hop_length)

    @property
    def hop(self) -> float:
        """Seconds between two windows by default: 0.1, or a window where that is shorter."""
        return min(HOP, self.window / self.sample_rate)

    @property
    def spectrogram_size(self) -> tuple[int, int]:
        """(F, T): bins and frames of one window, (257, 64) by default."""
        return self.stft.bins, self.stft.frames(self.window)

    @classmethod
    def from_dict(cls: type[Config], values: Mapping[str, Any]) -> Config:
        """Build a configuration from plain values, as `to_dict` or a JSON file gives them.

        Raises:
            ValueError: a key is unknown (the message lists the known ones) or a value is out of range.
        """
        values = {RENAMED.get(key, key): value for key, value in values.items()}
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"unknown configuration key(s) {', '.join(unknown)}; known are {', '.join(known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All values by name, ready for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
