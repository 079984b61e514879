"""360 degree video: finding out how a file's frames are laid out.

What files and lists say about their projection is often wrong: the frames themselves decide first (see `seams.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import pi
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ccstereo.errors import MediaError
from ccstereo.media.probe import default_video, only, open_input
from ccstereo.media.spherical.metadata import tagged_projection
from ccstereo.media.spherical.projection import Projection, Stereo, left_eye
from ccstereo.media.spherical.seams import Pixels, eac_cost, equirectangular_cost, halves_difference, informative

_LOOK = (288, 384)  # frames are judged at this size: its halves and thirds are whole in every layout
_LOOKS = 8  # frames judged
_CLEAR = 0.6  # cost of the better projection over that of the other, below which the frames decide
_SAME, _OTHER = 0.4, 0.8  # `halves_difference` below which there are two eyes, and above which there is one
_LAMBERT = 0.06  # an eye's view this near to pi : 1 is Lambert's cylinder; the next shape, 4 : 1, is far


@dataclass(frozen=True)
class Detection:
    """What was found out about a file.

    Attributes:
        projection: to go by.
        tagged: what the container says, None if nothing.
        source: "frames" or "tags", whichever decided on the kind, "none" if neither could; "list" where somebody
            knew better.
    """

    projection: Projection
    tagged: Projection | None
    source: Literal["frames", "tags", "none", "list"]


def detect_projection(path: str | Path) -> Detection:
    """Find out how a 360 degree video is laid out: from its frames, else from its tags, else equirectangular mono.

    Args:
        path: a video. MP4 with `sv3d`/`st3d` boxes or the older XML, and WebM/Matroska with Projection elements are
            understood (github.com/google/spatial-media, Spherical Video V1 and V2).

    Raises:
        MediaError: the file cannot be read or has no frame that decodes.
    """
    path = Path(path)
    height, width = _LOOK
    frames: list[Pixels] = []
    tagged: Projection | None = None
    shape = 2.0
    with open_input(path) as container:
        stream = default_video(container)
        if stream is None:
            raise MediaError(f"{path}: has no video track; give a video")
        only(container, stream)
        for frame in _looks(container, stream):
            if not frames:
                tagged = tagged_projection(path, frame)
                shape = frame.width / frame.height * float(stream.sample_aspect_ratio or 1)
            frames.append(frame.reformat(width, height, "rgb24").to_ndarray().astype(np.float32))
    if not frames:
        raise MediaError(f"{path}: no frame decodes; get the file again")
    projection, decided = judge(frames, tagged, shape)
    source: Literal["frames", "tags", "none"] = "frames" if decided else ("tags" if tagged else "none")
    return Detection(projection, tagged, source)


def judge(frames: list[Pixels], tagged: Projection | None = None, shape: float = 2.0) -> tuple[Projection, bool]:
    """Decide on a projection from frames, with the container's word where they leave it open.

    The seams of an equal-area frame are those of an equirectangular one; only its shape, true at the equator, is its
    own. Where it was squeezed to 2 : 1 it cannot be recognised, and no container has a tag for it.

    Args:
        frames: (H, W, 3), of one size that need not be the file's.
        tagged: what the container says.
        shape: width over height, of the whole frame as shown.

    Returns:
        The projection, and whether the frames showed its kind.
    """
    given = tagged or Projection()
    frames = informative(frames)
    if not frames or given.kind in ("cubemap", "half-equirectangular"):
        return given, False
    stereo = _stereo(frames, given.stereo)
    eye = shape * {"mono": 1, "top-bottom": 2, "left-right": 0.5}[stereo]
    candidates = [Projection("equirectangular", stereo), Projection("eac", stereo)]
    if stereo == "left-right":
        candidates.append(Projection("eac", stereo, turned=True))
    costs: dict[Projection, float] = {}
    for candidate in candidates:
        cost = eac_cost if candidate.kind == "eac" else equirectangular_cost
        costs[candidate] = float(np.sum([cost(left_eye(frame, candidate)) for frame in frames]))
    first, *others = sorted(costs, key=lambda c: costs[c])
    if costs[first] < _CLEAR * min(costs[other] for other in others if other.kind != first.kind):
        lambert = first.kind == "equirectangular" and abs(eye / pi - 1) < _LAMBERT
        return (replace(first, kind="equal-area") if lambert else first), True
    return replace(given, stereo=stereo, turned=given.turned and stereo == "left-right"), False


def _stereo(frames: list[Pixels], given: Stereo) -> Stereo:
    height, width = frames[0].shape[0] // 2, frames[0].shape[1] // 2
    differences: dict[Stereo, float] = {
        "top-bottom": float(np.median([halves_difference(p[:height], p[height:]) for p in frames])),
        "left-right": float(np.median([halves_difference(p[:, :width], p[:, width:]) for p in frames])),
    }
    best = min(differences, key=lambda name: differences[name])
    if differences[best] < _SAME:
        return best
    return given if given != "mono" and differences[given] < _OTHER else "mono"


def _looks(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """A few frames from all over the file; fewer where it is damaged."""
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
