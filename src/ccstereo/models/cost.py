"""What running a model costs: parameters, and operations for a second of sound. Nothing is computed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ccstereo.models.base import SpatialModel
from ccstereo.models.registry import create_model

CONTEXT_EVERY = 0.4  # seconds: neighbouring windows share a context embedding, see `ccstereo.inference.windows`


@dataclass(frozen=True)
class Cost:
    """What a model costs.

    Attributes:
        parameters: number of weights.
        per_frame: operations, additions and multiplications counted apart, to encode one frame, or one clip of frames.
        per_window: to predict one window.
        per_context: to encode one context, 0 for models that take none.
        per_second: for a second of sound, at the model's own hop and frame rate, when every frame differs.
    """

    parameters: int
    per_frame: int
    per_window: int
    per_context: int
    per_second: float


def cost_of(name: str, **config: Any) -> Cost:
    """Count what a registered model costs, of matrix products and convolutions; elementwise work is not counted.

    Raises:
        ValueError: the name or a configuration value is unknown.

    >>> cost = cost_of("mono2binaural")
    >>> cost.parameters, round(cost.per_window / 1e9, 1)
    (34262746, 2.9)
    """
    with torch.device("meta"):  # shapes alone: neither memory nor time for numbers
        model = create_model(name, **config).eval()
        chosen = model.config
        clip = (chosen.clip_frames,) if chosen.clip_frames > 1 else ()
        frames = torch.zeros(1, *clip, 3, *chosen.frame_size)
        spec = torch.zeros(1, 2, *chosen.spectrogram_size)
        features, context = torch.zeros(1, *model.feature_shape), None
        around = torch.zeros(1, 2, chosen.stft.bins, chosen.stft.frames(chosen.context)) if chosen.context else None
    per_context = 0
    if around is not None:
        per_context = _operations(lambda: model.encode_context(around))
        with torch.no_grad():
            context = model.encode_context(around)
    per_frame = _operations(lambda: model.encode_frames(frames))
    per_window = _operations(lambda: model(spec, features, context))
    per_second = per_frame * chosen.frame_rate + per_window / chosen.hop
    per_second += per_context / CONTEXT_EVERY if per_context else 0
    return Cost(_parameters(model), per_frame, per_window, per_context, per_second)


def _parameters(model: SpatialModel) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _operations(run: Callable[[], object]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())
