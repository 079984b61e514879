"""The walker over an MP4's boxes, on bytes made by hand."""

import io
import struct

import pytest

from ccstereo.media.boxes import walk


def box(name, *content, size=None):
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data) if size is None else size, name) + data


def names(data):
    return [found.name.decode() for found in walk(io.BytesIO(data), 0, len(data))]


def test_boxes_within_boxes_and_after_fields():
    entry = box(b"avc1", bytes(78), box(b"sv3d", box(b"proj", box(b"mshp"))))
    data = box(b"ftyp", b"isom") + box(b"moov", box(b"trak", box(b"mdia", box(b"stbl", b"")))) + box(b"free")
    assert names(data) == ["ftyp", "moov", "trak", "mdia", "stbl", "free"]
    assert names(box(b"stsd", bytes(8), entry)) == ["stsd", "avc1", "sv3d", "proj", "mshp"]


def test_contents_are_where_the_box_says():
    data = box(b"free") + box(b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"mdat", 16 + 3) + b"abc"
    spans = {found.name: data[found.start : found.end] for found in walk(io.BytesIO(data), 0, len(data))}
    assert spans == {b"free": b"", b"ftyp": b"isom", b"mdat": b"abc"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (box(b"mdat", b"abc", size=0), ["mdat"]),  # to the end
        (box(b"moov", box(b"trak", b"", size=10**6), size=2000), ["moov", "trak"]),  # cut off
        (box(b"free") + box(b"moov", b"", size=4) + box(b"free"), ["free"]),  # shorter than its header
        (struct.pack(">I4sQ", 1, b"mdat", 3), []),
        (b"abc", []),
    ],
)
def test_odd_sizes_end_the_walk(data, expected):
    assert names(data) == expected
