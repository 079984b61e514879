"""Frames of any 360 degree layout as equirectangular ones, remapped by FFmpeg."""

from fractions import Fraction
from typing import cast

import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ccstereo.media.spherical.projection import Kind, Projection, left_eye

_V360: dict[Kind, str] = {
    "eac": "eac",
    "cubemap": "c3x2",
    "half-equirectangular": "hequirect",
    "equal-area": "cylindricalea",
}


class ToEquirectangular:
    """Remaps frames of a projection to equirectangular ones, with FFmpeg's v360 filter.

    The frame's centre is the front; azimuth a (degrees, positive to the left) and elevation e are at
    x = (0.5 - a / 360) * width, y = (0.5 - e / 180) * height.

    Attributes:
        source_size: (height, width) at which the file's frames are to be handed in.
    """

    def __init__(self, projection: Projection, size: tuple[int, int] = (240, 480)) -> None:
        """Prepare the maps of frames of this projection to frames of `size` (height, width)."""
        self._projection = projection
        self._size = size
        height, width = size
        if projection.kind in ("eac", "cubemap"):  # faces with twice the pixels of a quarter of the equator
            height, width = width, width * 3 // 2
        elif projection.kind == "half-equirectangular":
            width //= 2
        elif projection.kind == "equal-area":  # a row by the poles holds many degrees
            height *= 2
        if projection.turned:
            height, width = width, height
        down, across = {"mono": (1, 1), "top-bottom": (2, 1), "left-right": (1, 2)}[projection.stereo]
        self.source_size = (height * down, width * across)
        self._graph: Graph | None = None
        if projection.kind != "equirectangular":
            eye = left_eye(np.empty((*self.source_size, 3), np.uint8), projection)
            self._graph = self._filter(eye.shape[1], eye.shape[0])

    def __call__(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Remap an RGB frame (*source_size, 3) to one (*size, 3), of the left eye."""
        if frame.shape[:2] != self.source_size:
            raise ValueError(f"expected a frame of {self.source_size}, got {frame.shape[:2]}")
        eye = np.ascontiguousarray(left_eye(frame, self._projection), dtype=np.uint8)
        if self._graph is None:
            return eye
        faces = VideoFrame.from_ndarray(eye, "rgb24").reformat(format="gbrp")
        self._graph.push(faces)
        result = cast(VideoFrame, self._graph.pull())
        return np.asarray(result.to_ndarray(format="rgb24"), np.uint8)

    def _filter(self, width: int, height: int) -> Graph:
        graph = Graph()
        source = graph.add_buffer(width=width, height=height, format=VideoFormat("gbrp"), time_base=Fraction(1, 1000))
        options = f"input={_V360[self._projection.kind]}:output=e:w={self._size[1]}:h={self._size[0]}"
        remap, sink = graph.add("v360", options), graph.add("buffersink")
        source.link_to(remap)
        remap.link_to(sink)
        graph.configure()
        return graph
