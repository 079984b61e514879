"""Where a network looks: AVAD's relevance and the fusion's attention over the frame (CCStereo, figure 7)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ccstereo.audio.rms import rms_gain
from ccstereo.audio.stft import stft
from ccstereo.audio.windows import clip_indices, context_start
from ccstereo.models.base import SpatialModel
from ccstereo.models.parts.fusion import AudioVisualFusion
from ccstereo.vision.transforms import normalize, resize

Frames = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
Maps = dict[str, NDArray[np.float32]]


@torch.inference_mode()
def activation_maps(model: SpatialModel, mono: Tensor, frames: Frames, times: Sequence[float]) -> Maps:
    """Maps over whole frames at some moments, each of the window around it.

    "relevance" is AVAD's cosine of every visual with every audio position, "attention" the weight that the fusion's
    cross-attention gives each visual position, a mean over heads. Both are means over the audio positions, weighted
    by the mixture's magnitude there, so that silence does not count, and over AVAD's levels.

    Args:
        model: any model, in eval mode.
        mono: (T,) sound at the model's rate.
        frames: (N, H, W, 3) uint8, or a sequence of (H, W, 3), frame k at time k / `model.config.frame_rate`.
        times: seconds, at least one.

    Returns:
        name -> (len(times), h, w); without the names of what the model has not.
    """
    found: dict[str, list[NDArray[np.float32]]] = {}
    device = next(model.parameters()).device
    with _attention(model) as attention:
        for time in times:
            attention.clear()
            spec, context = _inputs(model, mono.to(device), time)
            features = model.encode_frames(_clip(model, frames, time).to(device))
            prediction = model(spec, features, None if context is None else model.encode_context(context))
            maps = {"relevance": prediction.relevance, "attention": list(attention)}
            height, width = features.shape[-2:] if features.ndim == 4 else (0, 0)
            for name, levels in maps.items():
                if levels:
                    pooled = [_pooled(level, spec).reshape(height, width) for level in levels]
                    found.setdefault(name, []).append(torch.stack(pooled).mean(0).float().cpu().numpy())
    return {name: np.stack(each) for name, each in found.items()}


def _inputs(model: SpatialModel, mono: Tensor, time: float) -> tuple[Tensor, Tensor | None]:
    """The spectrogram of the window around a moment, and that of its context for models that take one."""
    config, mixture = model.config, model.target.from_mono(mono[None])
    start = max(0, round(time * config.sample_rate) - config.window // 2)
    spec = _spectrogram(model, mixture, start, config.window)
    if not config.context:
        return spec, None
    length = min(config.context, max(mixture.shape[-1], config.window))
    return spec, _spectrogram(model, mixture, context_start(start, config.window, length, mixture.shape[-1]), length)


def _spectrogram(model: SpatialModel, mixture: Tensor, start: int, length: int) -> Tensor:
    piece = mixture[:, start : start + length]
    piece = F.pad(piece, (0, length - piece.shape[-1]))
    return stft(piece * rms_gain(piece, model.config.rms), model.config.stft)


def _clip(model: SpatialModel, frames: Frames, time: float) -> Tensor:
    """The whole frame, or clip of frames, at a moment: (1, 3, h, w) or (1, clip_frames, 3, h, w)."""
    config = model.config
    middle = min(round(time * config.frame_rate), len(frames) - 1)
    wanted = clip_indices(middle, config.clip_frames, config.clip_stride)
    chosen = np.stack([frames[min(max(0, index), len(frames) - 1)] for index in wanted]).transpose(0, 3, 1, 2)
    pixels = normalize(resize(torch.from_numpy(np.ascontiguousarray(chosen)), config.frame_size))
    return pixels if config.clip_frames == 1 else pixels[None]


def _pooled(level: Tensor, spec: Tensor) -> Tensor:
    """(1, h * w, H, W) over audio positions to (h * w,), weighted by the spectrogram's magnitude."""
    magnitude = spec.square().sum(1, keepdim=True).sqrt()
    weight = F.adaptive_avg_pool2d(magnitude, (level.shape[2], level.shape[3]))[0, 0]
    return (level[0] * weight).sum((-2, -1)) / weight.sum().clamp_min(1e-9)


@contextmanager
def _attention(model: SpatialModel) -> Iterator[list[Tensor]]:
    """Collect, while the block lasts, the cross-attention of a forward pass as (1, h * w, H', W')."""
    found: list[Tensor] = []
    fusions = [part for part in model.modules() if isinstance(part, AudioVisualFusion)]

    def ask(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return arguments, {**named, "need_weights": True}

    hooks = []
    for fusion in fusions:
        shape: list[tuple[int, int]] = []

        def note(_: Any, arguments: tuple[Any, ...], shape: list[tuple[int, int]] = shape) -> None:
            shape[:] = [tuple(arguments[0].shape[2:])]

        def keep(_: Any, __: Any, result: Any, shape: list[tuple[int, int]] = shape) -> None:
            found.append(result[1].transpose(1, 2).unflatten(2, shape[0]))

        hooks += [
            fusion.register_forward_pre_hook(note),
            fusion.cross_attention.register_forward_pre_hook(ask, with_kwargs=True),
            fusion.cross_attention.register_forward_hook(keep),
        ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
