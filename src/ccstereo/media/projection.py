"""360 degree video: how a file's picture is laid out, and the picture as an equirectangular one.

What files and lists say about their projection is often wrong, so the picture itself is asked first (see `seams.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ccstereo.errors import MediaError
from ccstereo.media.probe import default_video, only, open_input
from ccstereo.media.seams import (
    Picture,
    eac_cost,
    equirectangular_cost,
    halves_difference,
    telling,
)

Kind = Literal["equirectangular", "eac", "cubemap", "half-equirectangular"]
Stereo = Literal["mono", "top-bottom", "left-right"]
_V360: dict[Kind, str] = {"eac": "eac", "cubemap": "c3x2", "half-equirectangular": "hequirect"}
_LOOK = (288, 384)  # pictures are judged at this size: its halves and thirds are whole in every layout
_LOOKS = 8  # pictures judged
_CLEAR = 0.6  # cost of the better projection over that of the other, below which the picture has spoken
_SAME, _OTHER = 0.4, 0.8  # `halves_difference` below which there are two eyes, and above which there is one


@dataclass(frozen=True)
class Projection:
    """How a picture shows the sphere.

    Attributes:
        kind: "equirectangular"; "eac", YouTube's equi-angular cubemap; "cubemap", right, left, up over down, front,
            back; or "half-equirectangular", the front 180 degrees.
        stereo: where the two eyes are; the left one is at the top or on the left.
        turned: the eye's picture lies on its side, a quarter counterclockwise, as in YouTube's stereo cubemaps.
    """

    kind: Kind = "equirectangular"
    stereo: Stereo = "mono"
    turned: bool = False


@dataclass(frozen=True)
class Detection:
    """What was found out about a file.

    Attributes:
        projection: to go by.
        tagged: what the container says, None if nothing.
        source: "picture" or "tags", whichever decided on the kind, "none" if neither could.
    """

    projection: Projection
    tagged: Projection | None
    source: Literal["picture", "tags", "none"]


def detect_projection(path: str | Path) -> Detection:
    """Find out how a 360 degree video is laid out: from its picture, else from its tags, else equirectangular mono.

    Args:
        path: a video. MP4 with `sv3d`/`st3d` boxes or the older XML, and WebM/Matroska with Projection elements are
            understood (github.com/google/spatial-media, Spherical Video V1 and V2).

    Raises:
        MediaError: the file cannot be read or has no picture that decodes.
    """
    path = Path(path)
    height, width = _LOOK
    pictures: list[Picture] = []
    tagged: Projection | None = None
    with open_input(path) as container:
        stream = default_video(container)
        if stream is None:
            raise MediaError(f"{path}: has no video track; give a file with a picture")
        only(container, stream)
        for frame in _looks(container, stream):
            if not pictures:
                tagged = _tags(path, frame)
            pictures.append(frame.reformat(width, height, "rgb24").to_ndarray().astype(np.float32))
    if not pictures:
        raise MediaError(f"{path}: no picture decodes; get the file again")
    seen, decided = judge(pictures, tagged)
    source: Literal["picture", "tags", "none"] = "picture" if decided else ("tags" if tagged else "none")
    return Detection(seen, tagged, source)


def judge(pictures: list[Picture], tagged: Projection | None = None) -> tuple[Projection, bool]:
    """Decide on a projection from pictures (H, W, 3), with the container's word where they leave it open.

    Returns:
        The projection, and whether the pictures told its kind.
    """
    given = tagged or Projection()
    pictures = telling(pictures)
    if not pictures or given.kind in ("cubemap", "half-equirectangular"):
        return given, False
    stereo = _stereo(pictures, given.stereo)
    candidates = [Projection("equirectangular", stereo), Projection("eac", stereo)]
    if stereo == "left-right":
        candidates.append(Projection("eac", stereo, turned=True))
    costs: dict[Projection, float] = {}
    for candidate in candidates:
        cost = eac_cost if candidate.kind == "eac" else equirectangular_cost
        costs[candidate] = float(np.sum([cost(left_eye(picture, candidate)) for picture in pictures]))
    first, *others = sorted(costs, key=lambda c: costs[c])
    if costs[first] < _CLEAR * min(costs[other] for other in others if other.kind != first.kind):
        return first, True
    return replace(given, stereo=stereo, turned=given.turned and stereo == "left-right"), False


def left_eye(picture: NDArray[Any], projection: Projection) -> NDArray[Any]:
    """The left eye's part (h, w, 3) of a picture (H, W, 3), upright."""
    height, width = picture.shape[:2]
    if projection.stereo == "top-bottom":
        picture = picture[: height // 2]
    elif projection.stereo == "left-right":
        picture = picture[:, : width // 2]
    return np.rot90(picture, -1) if projection.turned else picture


class ToEquirectangular:
    """Remaps pictures of a projection to equirectangular ones, with FFmpeg's v360 filter.

    The picture's centre is the front; azimuth a (degrees, positive to the left) and elevation e are at
    x = (0.5 - a / 360) * width, y = (0.5 - e / 180) * height.

    Attributes:
        source_size: (height, width) at which the file's pictures are to be handed in.
    """

    def __init__(self, projection: Projection, size: tuple[int, int] = (240, 480)) -> None:
        """Prepare the maps.

        Args:
            projection: of the pictures to come.
            size: (height, width) of the result.
        """
        self._projection = projection
        self._size = size
        height, width = size
        if projection.kind in ("eac", "cubemap"):  # faces with twice the pixels of a quarter of the equator
            height, width = width, width * 3 // 2
        elif projection.kind == "half-equirectangular":
            width //= 2
        if projection.turned:
            height, width = width, height
        down, across = {"mono": (1, 1), "top-bottom": (2, 1), "left-right": (1, 2)}[projection.stereo]
        self.source_size = (height * down, width * across)
        self._graph: Graph | None = None
        if projection.kind != "equirectangular":
            eye = left_eye(np.empty((*self.source_size, 3), np.uint8), projection)
            self._graph = self._filter(eye.shape[1], eye.shape[0])

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Remap a picture of `source_size`.

        Args:
            picture: (H, W, 3) RGB.

        Returns:
            (*size, 3) RGB, of the left eye.
        """
        if picture.shape[:2] != self.source_size:
            raise ValueError(f"expected a picture of {self.source_size}, got {picture.shape[:2]}")
        eye = np.ascontiguousarray(left_eye(picture, self._projection), dtype=np.uint8)
        if self._graph is None:
            return eye
        frame = VideoFrame.from_ndarray(eye, "rgb24").reformat(format="gbrp")
        self._graph.push(frame)
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


def _stereo(pictures: list[Picture], given: Stereo) -> Stereo:
    height, width = pictures[0].shape[0] // 2, pictures[0].shape[1] // 2
    differences: dict[Stereo, float] = {
        "top-bottom": float(np.median([halves_difference(p[:height], p[height:]) for p in pictures])),
        "left-right": float(np.median([halves_difference(p[:, :width], p[:, width:]) for p in pictures])),
    }
    best = min(differences, key=lambda name: differences[name])
    if differences[best] < _SAME:
        return best
    return given if given != "mono" and differences[given] < _OTHER else "mono"


def _looks(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """A few pictures from all over the file; fewer where it is damaged."""
    begin = (container.start_time or 0) / av.time_base
    length = (container.duration or 0) / av.time_base
    for k in range(_LOOKS):
        try:
            if k and length:
                container.seek(int((begin + length * k / _LOOKS) * av.time_base))
            frame = next(container.decode(stream), None)
        except (av.FFmpegError, ValueError):
            continue
        if isinstance(frame, VideoFrame):
            yield frame


def _tags(path: Path, frame: VideoFrame) -> Projection | None:
    """What the container says, as FFmpeg exports it (libavutil/spherical.h, stereo3d.h)."""
    data = {item.type.name: bytes(memoryview(cast(bytes, item))) for item in _side_data(frame)}
    stereo: Stereo = "mono"
    if "STEREO3D" in data:
        sides: dict[int, Stereo] = {1: "left-right", 2: "top-bottom"}
        stereo = sides.get(int.from_bytes(data["STEREO3D"][:4], "little"), "mono")
    if "SPHERICAL" in data:
        kinds: dict[int, Kind] = {1: "cubemap", 3: "half-equirectangular"}
        return Projection(kinds.get(int.from_bytes(data["SPHERICAL"][:4], "little"), "equirectangular"), stereo)
    if _has_mesh(path):  # FFmpeg passes these over; YouTube describes its cubemaps by them
        return Projection("eac", stereo, turned=stereo == "left-right")
    return Projection(stereo=stereo) if stereo != "mono" else None


def _side_data(frame: VideoFrame) -> list[SideData]:
    side_data = cast("list[SideData]", frame.side_data)
    return [side_data[k] for k in range(len(side_data))]


def _has_mesh(path: Path) -> bool:
    """Whether an MP4's sv3d box holds a mesh: walks the boxes to it, without reading what lies between."""
    into = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"stsd": 8, b"sv3d": 0, b"proj": 0}
    entries = (b"avc1", b"avc3", b"hev1", b"hvc1", b"vp09", b"av01", b"encv")  # VisualSampleEntry: 78 bytes of fields
    into |= dict.fromkeys(entries, 78)
    with path.open("rb") as file:
        spans = [(0, path.stat().st_size)]
        while spans:
            position, end = spans.pop()
            while position + 8 <= end:
                file.seek(position)
                header = file.read(16)
                size, name = int.from_bytes(header[:4], "big"), header[4:8]
                if size == 1:
                    size = int.from_bytes(header[8:16], "big")
                if name in (b"mshp", b"ytmp"):
                    return True
                if size < 8:
                    break
                if name in into:
                    spans.append((position + 8 + into[name], min(end, position + size)))
                position += size
    return False
