"""How the frames of a 360 degree video are laid out."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["equirectangular", "eac", "cubemap", "half-equirectangular", "equal-area"]
Stereo = Literal["mono", "top-bottom", "left-right"]


@dataclass(frozen=True)
class Projection:
    """How a frame shows the sphere.

    Attributes:
        kind: "equirectangular"; "eac", YouTube's equi-angular cubemap; "cubemap", right, left, up over down, front,
            back; "half-equirectangular", the front 180 degrees; or "equal-area", Lambert's cylinder, whose rows are
            even in the sine of the elevation.
        stereo: where the two eyes are; the left one is at the top or on the left.
        turned: the eye's view lies on its side, a quarter counterclockwise, as in YouTube's stereo cubemaps.
    """

    kind: Kind = "equirectangular"
    stereo: Stereo = "mono"
    turned: bool = False


def left_eye(frame: NDArray[Any], projection: Projection) -> NDArray[Any]:
    """The left eye's part (h, w, 3) of a frame (H, W, 3), upright."""
    height, width = frame.shape[:2]
    if projection.stereo == "top-bottom":
        frame = frame[: height // 2]
    elif projection.stereo == "left-right":
        frame = frame[:, : width // 2]
    return np.rot90(frame, -1) if projection.turned else frame
