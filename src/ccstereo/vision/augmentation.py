"""Pictures as a video has them: out of focus, and compressed."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from ccstereo.vision.fractions import check_fractions

BLURS = (0.5, 2.0)  # standard deviations of a blur in pixels, of a picture of 480x240
QUALITIES = (20, 90)  # of JPEG, whose blocks are coarsened as a video's key frames are


@dataclass(frozen=True)
class ImageAugmentation:
    """How often training's pictures look as a video's do, and not as the photos that they are made of.

    Attributes:
        blur: share of the pictures that are out of focus.
        compression: share of the pictures that are compressed.

    Raises:
        DatasetError: a share is none.
    """

    blur: float = 0.0
    compression: float = 0.0

    def __post_init__(self) -> None:
        check_fractions("pictures", blur=self.blur, compression=self.compression)


@dataclass(frozen=True)
class ImageEffect:
    """How one picture looks; by default as it is.

    Attributes:
        blur: standard deviation in pixels; 0 is none.
        quality: of JPEG, 1 to 95; None is not compressed.
    """

    blur: float = 0.0
    quality: int | None = None


def sample_image_effect(footage: ImageAugmentation, rng: np.random.Generator) -> ImageEffect:
    """Draw how a picture looks."""
    blur = float(rng.uniform(*BLURS)) if rng.random() < footage.blur else 0.0
    quality = int(rng.integers(*QUALITIES, endpoint=True)) if rng.random() < footage.compression else None
    return ImageEffect(blur, quality)


def apply_image_effect(picture: np.ndarray, look: ImageEffect) -> np.ndarray:
    """Give a picture a look: first the lens, then the codec.

    Args:
        picture: (H, W, 3) uint8.
        look: what to do to it.

    Returns:
        (H, W, 3) uint8; the same array where nothing is to be done.
    """
    if look.blur:
        picture = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(look.blur)))
    if look.quality is not None:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=look.quality)
        picture = np.asarray(Image.open(file))
    return picture
