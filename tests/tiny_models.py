"""Three tiny models, one a target: what anybody could write, loaded by `ccstereo --import tiny_models`.

The one of both ears takes clips of three frames and has a buffer that is not saved with its weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ccstereo.audio import apply_mask
from ccstereo.models import ModelConfig, Prediction, SpatialModel, register_model

SIZES = {"resize": (24, 48), "frame_size": (20, 40)}


@dataclass(frozen=True)
class TinyConfig(ModelConfig):
    """Sizes of a frame that any machine trains on in seconds.

    Attributes:
        width: of both encoders.
    """

    resize: tuple[int, int] = SIZES["resize"]
    frame_size: tuple[int, int] = SIZES["frame_size"]
    width: int = 4


class Tiny(SpatialModel):
    """Complex masks on the mixture, one for each channel that the target predicts."""

    config: TinyConfig

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.config = config
        self.feature_shape = (config.width, 5)
        self.visual = nn.Sequential(nn.Conv2d(3 * config.clip_frames, config.width, 4, 4), nn.AdaptiveAvgPool2d((1, 5)))
        self.audio = nn.Conv2d(2, config.width, 3, padding=1)
        self.mask = nn.Conv2d(6 * config.width, 2 * len(self.target.predicted), 1)
        self.register_buffer("scale", torch.full((), 0.5), persistent=config.clip_frames == 1)

    def encode_frames(self, frames: Tensor) -> Tensor:
        self.check_frames(frames)
        stacked = frames.flatten(1, 2) if self.config.clip_frames > 1 else frames
        return self.visual(stacked).squeeze(2)

    def forward(self, mix_spec: Tensor, features: Tensor, context: Tensor | None = None) -> Prediction:
        self.check_inputs(mix_spec, features, context)
        audio = self.audio(mix_spec)
        visual = features.flatten(1)[..., None, None].expand(-1, -1, *audio.shape[-2:])
        mask = torch.tanh(self.scale * self.mask(torch.cat([audio, visual], dim=1)))
        mask = mask.unflatten(1, (-1, 2))  # (B, K, 2, F, T)
        return Prediction(apply_mask(mask, mix_spec[:, None]), mask, {"audio_features": audio})


@register_model("tiny-mid-side")
def tiny_mid_side(**config: object) -> Tiny:
    return Tiny(TinyConfig.from_dict(config))


@register_model("tiny-left-right")
def tiny_left_right(**config: object) -> Tiny:
    return Tiny(TinyConfig.from_dict({"target": "left-right", "clip_frames": 3, "clip_stride": 2} | config))


@register_model("tiny-foa")
def tiny_foa(**config: object) -> Tiny:
    return Tiny(TinyConfig.from_dict({"target": "foa"} | config))
