"""How 360 degree frames are laid out, and what files say about it: MP4 boxes, their older XML, Matroska elements.

FFmpeg gives most of it; meshes, by which YouTube describes its cubemaps, it passes over, so they are looked for here
(Spherical Video V1 and V2, github.com/google/spatial-media; Matroska's Projection, RFC 9559, section 5.1.4.1.28).
"""

from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame

from ccstereo.media.boxes import walk
from ccstereo.media.spherical.projection import Kind, Projection, Stereo

_KINDS: dict[int, Kind] = {0: "equirectangular", 1: "cubemap", 2: "equirectangular", 3: "half-equirectangular"}
_TILE = 2  # an equirectangular frame of less than the sphere, as VR180 has; what is missing on its sides in 1 / 2^32
_HALF = 0.45 * 2**32
_SIDES: dict[int, Stereo] = {1: "left-right", 2: "top-bottom"}
_MESH = 3  # Matroska's ProjectionType


def tagged_projection(path: Path, frame: VideoFrame) -> Projection | None:
    """What a file says about the layout of its frames.

    Args:
        path: of the file.
        frame: a frame of it, with which FFmpeg gives the tags (libavutil/spherical.h, stereo3d.h).

    Returns:
        None where it says nothing.
    """
    side_data = cast("list[SideData]", frame.side_data)
    items = (side_data[k] for k in range(len(side_data)))
    data = {item.type.name: bytes(memoryview(cast(bytes, item))) for item in items}
    stereo: Stereo = "mono"
    if "STEREO3D" in data:
        stereo = _SIDES.get(int.from_bytes(data["STEREO3D"][:4], "little"), "mono")
    if "SPHERICAL" in data:
        number, _, _, _, left, _, right, *_ = np.frombuffer(data["SPHERICAL"], np.uint32, 9).tolist()
        kind = _KINDS.get(number)
        if kind is not None and number == _TILE and left + right >= _HALF:
            kind = "half-equirectangular"
        if kind is not None:
            return Projection(kind, stereo)
    if _has_mesh(path):
        return Projection("eac", stereo, turned=stereo == "left-right")
    return Projection(stereo=stereo) if stereo != "mono" else None


def _has_mesh(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(4)
        size = path.stat().st_size
        if begin == b"\x1aE\xdf\xa3":
            return _mesh_in_matroska(file, 0, size)
        return any(box.name in (b"mshp", b"ytmp") for box in walk(file, 0, size))


def _mesh_in_matroska(file: BinaryIO, position: int, end: int) -> bool:
    """Whether a track of a Matroska or WebM file is projected from a mesh; looks no further than the first cluster."""
    segment, cluster, tracks, entry, video, projection, kind = (
        *(0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE),
        *(0xE0, 0x7670, 0x7671),
    )
    while position < end:
        file.seek(position)
        header = file.read(12)
        name, taken = _number(header, keep_marker=True)
        length, more = _number(header[taken:], keep_marker=False)
        if not taken or not more or name == cluster:
            return False
        content = position + taken + more
        unknown = length == (1 << 7 * more) - 1  # of a file that was written while it was sent
        stop = end if unknown else min(end, content + length)
        if name == kind:
            file.seek(content)
            return int.from_bytes(file.read(stop - content), "big") == _MESH
        if name in (segment, tracks, entry, video, projection) and _mesh_in_matroska(file, content, stop):
            return True
        position = stop
    return False


def _number(data: bytes, *, keep_marker: bool) -> tuple[int, int]:
    """An EBML variable-size number and the bytes it takes, 0 where there is none (RFC 8794, section 4)."""
    size = 9 - data[0].bit_length() if data and data[0] else 0
    if not 0 < size <= len(data):
        return 0, 0
    value = int.from_bytes(data[:size], "big")
    return (value if keep_marker else value & ((1 << 7 * size) - 1)), size
