"""Image augmentation: photos made as a video's frames are, out of focus, dark, grey, noisy and compressed."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from ccstereo.errors import DatasetError

BLURS = (0.5, 2.0)  # standard deviations of a blur in pixels, of a frame of 480x240
BRIGHTNESSES = (0.35, 0.8)  # factors that make a frame dark
NOISES = (3.0, 20.0)  # standard deviations of noise, in steps of 255
QUALITIES = (20, 90)  # of JPEG, whose blocks are coarsened as a video's key frames are


@dataclass(frozen=True)
class ImageAugmentation:
    """How often training's frames are degraded as a video's are, and not as clean as the photos that they are made of.

    Attributes:
        blur: fraction of the frames that are out of focus.
        compression: fraction of the frames that are compressed.
        dark: fraction of the frames that are dark.
        grey: fraction of the frames that have no colour.
        noise: fraction of the frames that are noisy.

    Raises:
        DatasetError: a fraction is below 0 or above 1.
    """

    blur: float = 0.0
    compression: float = 0.0
    dark: float = 0.0
    grey: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name, fraction in vars(self).items():
            if not 0 <= fraction <= 1:
                raise DatasetError(f"{name} is a fraction of the frames, 0 to 1, not {fraction:g}")


@dataclass(frozen=True)
class ImageEffect:
    """What is done to one frame; by default nothing.

    Attributes:
        blur: standard deviation in pixels; 0 is none.
        quality: of JPEG, 1 to 95; None is not compressed.
        brightness: factor; 1 is as bright as before.
        grey: whether the colour is taken away.
        noise: standard deviation of noise in steps of 255; 0 is none.
        seed: of the noise.
    """

    blur: float = 0.0
    quality: int | None = None
    brightness: float = 1.0
    grey: bool = False
    noise: float = 0.0
    seed: int = 0


def sample_image_effect(augmentation: ImageAugmentation, rng: np.random.Generator) -> ImageEffect:
    """Choose what is done to a frame."""
    blur = float(rng.uniform(*BLURS)) if rng.random() < augmentation.blur else 0.0
    quality = int(rng.integers(*QUALITIES, endpoint=True)) if rng.random() < augmentation.compression else None
    brightness = float(rng.uniform(*BRIGHTNESSES)) if rng.random() < augmentation.dark else 1.0
    grey = bool(rng.random() < augmentation.grey)
    noise = float(rng.uniform(*NOISES)) if rng.random() < augmentation.noise else 0.0
    return ImageEffect(blur, quality, brightness, grey, noise, int(rng.integers(2**31)) if noise else 0)


def apply_image_effect(frame: np.ndarray, effect: ImageEffect) -> np.ndarray:
    """Degrade a frame: first the light and the lens, then the sensor, then the codec.

    Args:
        frame: (H, W, 3) uint8.
        effect: what to do to it.

    Returns:
        (H, W, 3) uint8; the same array where nothing is to be done.
    """
    if effect.brightness != 1.0:
        frame = (frame * np.float32(effect.brightness)).clip(0, 255).astype(np.uint8)
    if effect.grey:
        frame = np.asarray(Image.fromarray(frame).convert("L").convert("RGB"))
    if effect.blur:
        frame = np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(effect.blur)))
    if effect.noise:
        noise = np.random.default_rng(effect.seed).standard_normal(frame.shape, dtype=np.float32)
        frame = (frame + effect.noise * noise).clip(0, 255).astype(np.uint8)
    if effect.quality is not None:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=effect.quality)
        frame = np.asarray(Image.open(file))
    return frame
