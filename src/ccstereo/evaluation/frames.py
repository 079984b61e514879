"""Frames as a video has them: compressed, blurred, dark or noisy. What it costs a network is scored with them."""

import re
import tempfile
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from ccstereo.vision.augmentation import ImageEffect, apply_image_effect

Frames = NDArray[np.uint8]
SECOND = 10  # frames that a still scene is encoded as: later ones look as those of films do


def h264(frames: Frames, quality: float, size: str = "") -> Frames:
    """Encode by x264 with the quality (CRF) named, at WIDTHxHEIGHT where a size is given, and decode."""
    from ccstereo.media import read_frames, write_video

    shown = np.repeat(frames, SECOND, axis=0) if len(frames) == 1 else frames
    if size:
        width, height = map(int, size.split("x"))
        shown = _each(lambda frame: frame.resize((width, height), Image.Resampling.BICUBIC), shown)
    with tempfile.TemporaryDirectory(prefix="ccstereo-") as folder:
        path = Path(folder) / "frames.mp4"
        write_video(path, shown, np.zeros((1, 1600), np.float32), frame_rate=SECOND, crf=int(quality))
        decoded = list(read_frames(path, len(shown), frame_rate=SECOND, frame_size=shown.shape[1:3]))
    return np.stack(decoded[-len(frames) :])


def jpeg(frames: Frames, quality: float) -> Frames:
    """Compress each frame as JPEG."""
    return np.stack([apply_image_effect(frame, ImageEffect(quality=int(quality))) for frame in frames])


def blur(frames: Frames, pixels: float) -> Frames:
    """Blur by a Gaussian of that standard deviation."""
    return np.stack([apply_image_effect(frame, ImageEffect(blur=pixels)) for frame in frames])


def brightness(frames: Frames, factor: float) -> Frames:
    """Make frames darker, below 1, or brighter."""
    return _each(lambda frame: ImageEnhance.Brightness(frame).enhance(factor), frames)


def contrast(frames: Frames, factor: float) -> Frames:
    """Take contrast away, below 1, or add some."""
    return _each(lambda frame: ImageEnhance.Contrast(frame).enhance(factor), frames)


def grey(frames: Frames) -> Frames:
    """Take all colour away."""
    return _each(lambda frame: frame.convert("L").convert("RGB"), frames)


def noise(frames: Frames, deviation: float) -> Frames:
    """Add white noise of that deviation in steps of 255, another in each frame."""
    added = np.random.default_rng(0).normal(0, deviation, frames.shape)
    return np.clip(frames + added, 0, 255).astype(np.uint8)


def _each(change: Callable[[Image.Image], Image.Image], frames: Frames) -> Frames:
    return np.stack([np.asarray(change(Image.fromarray(frame))) for frame in frames])


CHANGES: dict[str, tuple[Callable[..., Frames], str]] = {
    "h264": (h264, "h264 33, h264 28 1280x720"),
    "jpeg": (jpeg, "jpeg 40"),
    "blur": (blur, "blur 1.5"),
    "brightness": (brightness, "brightness 0.5"),
    "contrast": (contrast, "contrast 0.5"),
    "grey": (grey, "grey"),
    "noise": (noise, "noise 15"),
}
"""Changes by name, with an example of each."""


def frame_change(change: str) -> Callable[[Frames], Frames]:
    """What a text such as "h264 33" does to frames (N, H, W, 3); "" leaves them as they are.

    One frame, of what stands still, stays one.

    Raises:
        ValueError: there is no such change, or it takes another number of values; the message has an example of each.
    """
    if not change:
        return lambda frames: frames
    name, *values = change.split()
    try:
        function = CHANGES[name][0]
        numbers = [float(value) for value in values[:1]]
        if not all(number >= 0 for number in numbers) or (values[1:] and not re.fullmatch(r"[0-9]+x[0-9]+", values[1])):
            raise ValueError
        signature(function).bind(None, *numbers, *values[1:])
    except (KeyError, ValueError, TypeError):
        examples = "; ".join(example for _, example in CHANGES.values())
        raise ValueError(f"no change of frames {change!r}; such are: {examples}") from None
    return lambda frames: function(frames, *numbers, *values[1:])
