"""How a 360 degree frame is laid out, recognised by where it goes on across its seams and where it does not."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
FLAT = 3.0  # gray levels between unrelated places below which a frame says nothing, as in a fade
_SAMPLES = 64  # compared along each seam


def unrelated(view: Pixels) -> float:
    """Mean difference between places of a view (H, W, 3) that are unrelated: what costs are measured by."""
    height, width = view.shape[:2]
    shifts = [(0, width // 2), (height // 3, width // 3), (height // 2, width // 4)]
    return float(np.mean([np.abs(view - np.roll(view, shift, (0, 1))).mean() for shift in shifts]))


def equirectangular_cost(view: Pixels) -> float:
    """Mean difference across what an equirectangular frame joins.

    Its left edge goes on at the right one, its top and its bottom row are one point each, and its middle is no seam. Of
    a view (H, W, 3) of one eye, in its units; near 0 if it is equirectangular.
    """
    middle = len(view) // 2
    wrap = np.abs(view[:, 0] - view[:, -1]).mean()
    poles = [np.abs(row - row.mean(0)).mean() for row in (view[0], view[-1])]
    return float(np.mean([wrap, *poles, np.abs(view[middle - 1] - view[middle]).mean()]))


def eac_cost(view: Pixels) -> float:
    """Mean difference across the eight edges of an equi-angular cubemap that its frame does not show side by side.

    The upper half shows left, front and right; the lower half is a strip of up, back (upright) and down, turned by a
    quarter clockwise. Of a view (H, W, 3) of one eye, in its units; near 0 if it is an equi-angular cubemap.
    """
    half, third = len(view) // 2, view.shape[1] // 3
    left, front, right = (view[:half, k * third : (k + 1) * third] for k in range(3))
    strip = np.rot90(view[half:])
    up, back, down = (strip[k * third : (k + 1) * third] for k in range(3))
    joined = [
        (left[:, 0], back[:, -1]),
        (right[:, -1], back[:, 0]),
        (front[0], up[0, ::-1]),
        (right[0], up[:, 0]),
        (left[0], up[::-1, -1]),
        (front[-1], down[-1, ::-1]),
        (right[-1], down[::-1, 0]),
        (left[-1], down[:, -1]),
    ]
    return float(np.mean([np.abs(_along(a) - _along(b)).mean() for a, b in joined]))


def halves_difference(first: Pixels, second: Pixels) -> float:
    """Difference of two halves of a frame over that of one of them shifted: near 0 where they show the two eyes."""
    first, second = _blurred(first), _blurred(second)
    shifted = [np.abs(first - np.roll(first, first.shape[1] // k, 1)).mean() for k in (2, 3)]
    return float(np.abs(first - second).mean() / max(np.mean(shifted), 1e-3))


def informative(frames: Sequence[Pixels]) -> list[Pixels]:
    """The frames that are not flat."""
    return [frame for frame in frames if unrelated(frame) > FLAT]


def _along(edge: Pixels) -> Pixels:
    """`_SAMPLES` places (n, 3) along an edge of any length: faces need not be square."""
    return np.asarray(edge[((np.arange(_SAMPLES) + 0.5) / _SAMPLES * len(edge)).astype(int)], np.float32)


def _blurred(view: Pixels, step: int = 6) -> Pixels:
    height, width = (length // step for length in view.shape[:2])
    blocks = view[: height * step, : width * step].reshape(height, step, width, step, 3)
    return np.asarray(blocks.mean((1, 3)), np.float32)
