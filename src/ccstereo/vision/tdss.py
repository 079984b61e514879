"""Test-time dynamic scene simulation: each frame is cropped in one of five places, in turn (CCStereo, section 3.4).

Overlapping windows go by neighbouring frames, hence by different crops; averaging them costs no extra forward pass.
"""

from torch import Tensor

from ccstereo.vision.transforms import CROPS, crop, crop_corner, resize


def crop_of(frame_number: int) -> str:
    """Name of the crop of a frame.

    Args:
        frame_number: counted from 1, as in the released code.

    >>> [crop_of(number) for number in (1, 2, 3, 4, 5)]
    ['top-right', 'bottom-left', 'bottom-right', 'centre', 'top-left']
    """
    return CROPS[frame_number % 5]


def view_frame(frame: Tensor, index: int, outer: tuple[int, int], inner: tuple[int, int], tdss: bool = True) -> Tensor:
    """Bring a frame to the size that enters the network.

    Args:
        frame: (3, H, W) uint8 of any size.
        index: of the frame, counted from 0: decides the crop.
        outer: (height, width) before the crop.
        inner: (height, width) that enters the network.
        tdss: crop in turn; otherwise the whole frame is resized to `inner` (2.5D Visual Sound's way).

    Returns:
        (3, *inner) uint8.
    """
    if not tdss:
        return resize(frame[None], inner)[0]
    return crop(resize(frame[None], outer)[0], crop_corner(crop_of(index + 1), outer, inner), inner)
