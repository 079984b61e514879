"""Test-time dynamic scene simulation: each frame is seen through one of five crops, in turn (CCStereo, section 3.4).

Overlapping windows see neighbouring frames, hence different crops; averaging them costs no extra forward pass.
"""

from torch import Tensor

from ccstereo.vision.transforms import CROPS, crop, crop_corner, resize


def crop_of(frame_number: int) -> str:
    """Name of the crop through which a frame is seen.

    Args:
        frame_number: counted from 1, as in the released code.

    >>> [crop_of(number) for number in (1, 2, 3, 4, 5)]
    ['top-right', 'bottom-left', 'bottom-right', 'centre', 'top-left']
    """
    return CROPS[frame_number % 5]


def view_frame(
    picture: Tensor, index: int, outer: tuple[int, int], inner: tuple[int, int], tdss: bool = True
) -> Tensor:
    """Resize a picture to what the network sees of it.

    Args:
        picture: (3, H, W) uint8 of any size.
        index: of the frame, counted from 0.
        outer: (height, width) before the crop.
        inner: (height, width) the network sees.
        tdss: crop in turn; otherwise the whole picture is resized to `inner` (2.5D Visual Sound's way).

    Returns:
        (3, *inner) uint8.
    """
    if not tdss:
        return resize(picture[None], inner)[0]
    return crop(resize(picture[None], outer)[0], crop_corner(crop_of(index + 1), outer, inner), inner)
