"""Test-time dynamic scene simulation: each frame is cropped in one of five places, in turn (CCStereo, section 3.4).

Overlapping windows go by neighbouring frames, hence by different crops; averaging them costs no extra forward pass.
"""

CROPS = ("top-left", "top-right", "bottom-left", "bottom-right", "centre")


def crop_of(frame_number: int) -> str:
    """Name of the crop of a frame.

    Args:
        frame_number: counted from 1, as in the released code.

    >>> [crop_of(number) for number in (1, 2, 3, 4, 5)]
    ['top-right', 'bottom-left', 'bottom-right', 'centre', 'top-left']
    """
    return CROPS[frame_number % 5]


def crop_corner(crop: str, outer: tuple[int, int], inner: tuple[int, int]) -> tuple[int, int]:
    """Top-left corner of one of the five crops of test-time dynamic scene simulation (CCStereo, section 3.4).

    Args:
        crop: one of `CROPS`.
        outer: (height, width) of the frame.
        inner: (height, width) of the crop.

    Returns:
        (top, left) in pixels.

    Raises:
        ValueError: the crop has another name or does not fit in the frame.

    >>> crop_corner("bottom-right", (240, 480), (224, 448)), crop_corner("centre", (240, 480), (224, 448))
    ((16, 32), (8, 16))
    """
    height, width = outer[0] - inner[0], outer[1] - inner[1]
    if height < 0 or width < 0:
        raise ValueError(f"a crop of {inner} does not fit in a frame of {outer}")
    if crop == "centre":
        return height // 2, width // 2
    if crop not in CROPS:
        raise ValueError(f"no crop named {crop!r}; there are {', '.join(CROPS)}")
    vertical, horizontal = crop.split("-")
    return (height if vertical == "bottom" else 0), (width if horizontal == "right" else 0)
