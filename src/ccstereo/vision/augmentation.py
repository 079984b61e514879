"""Image augmentation: photos made as a video's frames are, out of focus and compressed."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from ccstereo.errors import DatasetError

BLURS = (0.5, 2.0)  # standard deviations of a blur in pixels, of a frame of 480x240
QUALITIES = (20, 90)  # of JPEG, whose blocks are coarsened as a video's key frames are


@dataclass(frozen=True)
class ImageAugmentation:
    """How often training's frames are degraded as a video's are, and not as clean as the photos that they are made of.

    Attributes:
        blur: fraction of the frames that are out of focus.
        compression: fraction of the frames that are compressed.

    Raises:
        DatasetError: a fraction is below 0 or above 1.
    """

    blur: float = 0.0
    compression: float = 0.0

    def __post_init__(self) -> None:
        for name in ("blur", "compression"):
            if not 0 <= getattr(self, name) <= 1:
                raise DatasetError(f"{name} is a fraction of the frames, 0 to 1, not {getattr(self, name):g}")


@dataclass(frozen=True)
class ImageEffect:
    """What is done to one frame; by default nothing.

    Attributes:
        blur: standard deviation in pixels; 0 is none.
        quality: of JPEG, 1 to 95; None is not compressed.
    """

    blur: float = 0.0
    quality: int | None = None


def sample_image_effect(augmentation: ImageAugmentation, rng: np.random.Generator) -> ImageEffect:
    """Draw what is done to a frame."""
    blur = float(rng.uniform(*BLURS)) if rng.random() < augmentation.blur else 0.0
    quality = int(rng.integers(*QUALITIES, endpoint=True)) if rng.random() < augmentation.compression else None
    return ImageEffect(blur, quality)


def apply_image_effect(frame: np.ndarray, effect: ImageEffect) -> np.ndarray:
    """Degrade a frame: first the lens, then the codec.

    Args:
        frame: (H, W, 3) uint8.
        effect: what to do to it.

    Returns:
        (H, W, 3) uint8; the same array where nothing is to be done.
    """
    if effect.blur:
        frame = np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(effect.blur)))
    if effect.quality is not None:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=effect.quality)
        frame = np.asarray(Image.open(file))
    return frame
