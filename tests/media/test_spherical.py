import struct
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.filter import Graph

from ccstereo.errors import MediaError
from ccstereo.media.spherical.detect import detect_projection, judge
from ccstereo.media.spherical.equirectangular import ToEquirectangular
from ccstereo.media.spherical.projection import Projection, left_eye

DOTS = {"red": (60, 0), "green": (-90, 30), "blue": (0, -60), "yellow": (150, -20)}  # azimuth left, elevation up
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
ER, EAC = Projection(), Projection("eac")


def world(seed=0, size=(240, 480), shift=0.0):
    """An equirectangular frame (H, W, 3) of a sphere painted with smooth noise, lighter above."""
    rng = np.random.default_rng(seed)
    azimuth = np.pi * (1 - 2 * (np.arange(size[1]) + 0.5) / size[1]) + shift
    elevation = np.pi * (0.5 - (np.arange(size[0]) + 0.5) / size[0])[:, None]
    x, y, z = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation) + 0 * azimuth
    frame = np.zeros((*size, 3))
    for _ in range(12):
        wave = rng.normal(0, 3, 3)
        frame += np.cos(wave[0] * x + wave[1] * y + wave[2] * z + rng.uniform(0, 6))[..., None] * rng.normal(0, 1, 3)
    return np.clip(110 + 18 * frame + 30 * z[..., None], 0, 255).astype(np.uint8)


def dotted():
    frame = np.full((240, 480, 3), 20, np.uint8)
    for name, (azimuth, elevation) in DOTS.items():
        x, y = round((0.5 - azimuth / 360) * 480), round((0.5 - elevation / 180) * 240)
        frame[y - 5 : y + 6, x - 5 : x + 6] = COLOURS[name]
    return frame


def v360(frame, options):
    graph = Graph()
    height, width = frame.shape[:2]
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("gbrp"), time_base=1)
    remap, sink = graph.add("v360", options), graph.add("buffersink")
    source.link_to(remap)
    remap.link_to(sink)
    graph.configure()
    graph.push(av.VideoFrame.from_ndarray(frame).reformat(format="gbrp"))
    return graph.pull().to_ndarray(format="rgb24")


def laid_out(frame, projection, other=None):
    """The equirectangular frame in another layout; `other` is the view of the right eye."""
    eyes = []
    for eye in (frame, frame if other is None else other):
        if projection.kind != "equirectangular":
            output, size = {
                "eac": ("eac", "w=480:h=320"),
                "cubemap": ("c3x2", "w=480:h=320"),
                "half-equirectangular": ("hequirect", "w=240:h=240"),
                "equal-area": ("cylindricalea", "w=480:h=152"),
            }[projection.kind]
            eye = v360(eye, f"input=e:output={output}:{size}")
        eyes.append(np.rot90(eye) if projection.turned else eye)
    if projection.stereo == "mono":
        return eyes[0]
    return np.concatenate(eyes, axis=0 if projection.stereo == "top-bottom" else 1)


def box(name, *content):
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), name) + data


def full(name, *content):
    return box(name, bytes(4), *content)


def sv3d(kind):
    projections = {
        "equirectangular": full(b"equi", bytes(16)),
        "cubemap": full(b"cbmp", bytes(8)),
        "mesh": full(b"mshp", b"\0\0\0\0raw ", bytes(8)),
    }
    return box(b"sv3d", full(b"svhd", b"test\0"), box(b"proj", full(b"prhd", bytes(12)), projections[kind]))


def st3d(mode):
    return full(b"st3d", bytes([mode]))


def insert(data, path, extra):
    """Put boxes at the end of the box at `path`; the index lies behind the media data, whose place stays."""
    out, position = b"", 0
    while position < len(data):
        size, name = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + size]
        if name == path[0]:
            head = {b"stsd": 8, b"avc1": 78}.get(name, 0)
            body = body[:head] + (insert(body[head:], path[1:], extra) if path[1:] else body[head:] + extra)
        out += box(name, body)
        position += size
    return out


@pytest.fixture
def film(tmp_path, tools):
    """Write an mp4 of frames and tag it: `film([frame, ...], boxes)`."""

    def write(frames, boxes=b"", name="film.mp4"):
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            _, packets = tools.add_video(output, frames, range(len(frames)), rate=2, options={"qp": "12"})
            for packet in packets:
                output.mux(packet)
        path.write_bytes(
            insert(path.read_bytes(), [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"], boxes)
        )
        return path

    return write


def copied(source, target):
    """The same packets in another container; as 8 bit H.264 is not for WebM, Matroska's writer takes that name, too."""
    with av.open(str(source)) as before, av.open(str(target), "w", format="matroska") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(before.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                after.mux(packet)
    return target


def found(path):
    detection = detect_projection(path)
    return SimpleNamespace(**vars(detection), kind=detection.projection.kind, stereo=detection.projection.stereo)


LAYOUTS = [
    ER,
    EAC,
    Projection(stereo="top-bottom"),
    Projection(stereo="left-right"),
    Projection("eac", "top-bottom"),
    Projection("eac", "left-right", turned=True),
]


class TestFrames:
    @pytest.mark.parametrize("layout", LAYOUTS, ids=str)
    def test_the_layout_is_recognised(self, layout):
        frames = [laid_out(world(seed), layout, world(seed, shift=0.02)).astype(np.float32) for seed in range(4)]
        projection, decided = judge(frames)
        assert decided
        assert projection == layout

    @pytest.mark.parametrize("stereo", ["mono", "top-bottom"])
    def test_an_equal_area_frame_is_recognised_by_its_shape(self, stereo):
        layout = Projection("equal-area", stereo)
        frames = [laid_out(world(seed), layout, world(seed, shift=0.02)) for seed in range(3)]
        height, width, _ = frames[0].shape
        frames = [np.asarray(v360(p, "e:e:w=384:h=288"), np.float32) for p in frames]  # only resized
        assert judge(frames, shape=width / height) == (layout, True)
        assert judge(frames, ER, shape=width / height) == (layout, True)
        assert judge(frames, shape=2.0 if stereo == "mono" else 1.0) == (Projection(stereo=stereo), True)

    def test_flat_frames_say_nothing(self):
        flat = [np.full((288, 384, 3), level, np.float32) for level in (0, 128)]
        assert judge(flat) == (ER, False)
        assert judge(flat, EAC) == (EAC, False)
        assert judge([], EAC) == (EAC, False)

    def test_an_ordinary_frame_is_left_to_the_tags(self):
        rng = np.random.default_rng(0)
        noise = [rng.uniform(0, 255, (288, 384, 3)).astype(np.float32) for _ in range(3)]
        assert judge(noise) == (ER, False)
        assert judge(noise, EAC) == (EAC, False)


class TestFiles:
    def test_no_tags(self, film):
        detection = found(film([laid_out(world(s), EAC) for s in range(2)]))
        assert detection.projection == EAC
        assert (detection.tagged, detection.source) == (None, "frames")

    def test_cubemap_tagged_equirectangular(self, film):
        detection = found(film([laid_out(world(s), EAC) for s in range(2)], sv3d("equirectangular")))
        assert (detection.kind, detection.source) == ("eac", "frames")
        assert detection.tagged == ER

    def test_equirectangular_tagged_cubemap(self, film):
        detection = found(film([world(s) for s in range(2)], sv3d("mesh")))
        assert (detection.kind, detection.source) == ("equirectangular", "frames")
        assert detection.tagged == EAC

    def test_stereo_with_tags(self, film):
        layout = Projection(stereo="top-bottom")
        frames = [laid_out(world(s), layout, world(s, shift=0.02)) for s in range(2)]
        detection = found(film(frames, st3d(1) + sv3d("equirectangular")))
        assert detection.projection == detection.tagged == layout

    def test_tags_decide_where_the_frame_is_black(self, film):
        black = [np.zeros((96, 192, 3), np.uint8)] * 2
        detection = found(film(black, st3d(2) + sv3d("mesh")))
        assert detection.projection == Projection("eac", "left-right", turned=True)
        assert detection.source == "tags"
        assert found(film(black, sv3d("cubemap"), "cube.mp4")).kind == "cubemap"
        assert found(film(black, st3d(1), "eyes.mp4")).stereo == "top-bottom"

    @pytest.mark.parametrize("suffix", [".mkv", ".webm"])
    @pytest.mark.parametrize("kind", ["equirectangular", "cubemap", "mesh"])
    def test_matroska_elements(self, film, tmp_path, suffix, kind):
        """A copy by FFmpeg has its Projection and StereoMode; a mesh is YouTube's way to describe a cubemap."""
        black = [np.zeros((96, 192, 3), np.uint8)] * 2
        source = film(black, st3d(1) + sv3d("equirectangular" if kind == "mesh" else kind))
        path = copied(source, tmp_path / f"film{suffix}")
        if kind == "mesh":  # FFmpeg writes none: turn the type of its ProjectionType into 3
            data = path.read_bytes()
            assert data.count(b"\x76\x71\x81\x01") == 1
            path.write_bytes(data.replace(b"\x76\x71\x81\x01", b"\x76\x71\x81\x03"))
        detection = found(path)
        assert detection.projection == Projection("eac" if kind == "mesh" else kind, "top-bottom")
        assert detection.source == "tags"

    @pytest.mark.parametrize("bounds", [0, 1 << 30])
    def test_bounds_of_half_a_sphere(self, film, bounds):
        """VR180: an equirectangular frame of which a quarter is missing on each side."""
        equi = full(b"equi", struct.pack(">4I", 0, 0, bounds, bounds))
        boxes = box(b"sv3d", full(b"svhd", b"test\0"), box(b"proj", full(b"prhd", bytes(12)), equi))
        detection = found(film([np.zeros((96, 192, 3), np.uint8)] * 2, boxes))
        assert detection.kind == ("half-equirectangular" if bounds else "equirectangular")

    def test_older_xml(self, film):
        path = film([np.zeros((96, 192, 3), np.uint8)] * 2)
        tags = ["Spherical", "Stitched", "StitchingSoftware", "ProjectionType", "StereoMode"]
        values = ["true", "true", "test", "equirectangular", "top-bottom"]
        xml = "".join(f"<GSpherical:{t}>{v}</GSpherical:{t}>" for t, v in zip(tags, values, strict=True)).encode()
        uuid = box(b"uuid", bytes.fromhex("ffcc8263f8554a938814587a02521fdd"), xml)
        path.write_bytes(insert(path.read_bytes(), [b"moov", b"trak"], uuid))
        assert found(path).tagged == Projection(stereo="top-bottom")

    def test_nothing_known(self, film, tmp_path):
        source = film([np.zeros((96, 192, 3), np.uint8)] * 2)
        for path in (source, copied(source, tmp_path / "film.mkv")):
            assert (found(path).projection, found(path).tagged, found(path).source) == (ER, None, "none")

    def test_errors(self, tmp_path, make, tools):
        with pytest.raises(MediaError, match="no such file"):
            detect_projection(tmp_path / "none.mp4")
        with pytest.raises(MediaError, match="no video track"):
            detect_projection(make("sound.mp4", [], tools.clicks(8000, 100)))


class TestRemap:
    @pytest.mark.parametrize(
        "layout",
        [
            *LAYOUTS,
            Projection("cubemap"),
            Projection("half-equirectangular", "left-right"),
            Projection("equal-area"),
            Projection("equal-area", "top-bottom"),
        ],
        ids=str,
    )
    def test_dots_are_at_their_azimuth_and_elevation(self, layout):
        remap = ToEquirectangular(layout)
        height, width = remap.source_size
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(laid_out(dotted(), layout)))
        frame = frame.reformat(width, height, "rgb24").to_ndarray()
        for _ in range(2):  # the filter is used again
            result = remap(frame).astype(int)
        assert result.shape == (240, 480, 3)
        for name, (azimuth, elevation) in DOTS.items():
            if abs(azimuth) > 85 and layout.kind == "half-equirectangular":
                continue
            y, x = np.argwhere((abs(result - COLOURS[name]) < 70).all(-1)).mean(0)
            assert abs((0.5 - x / 480) * 360 - azimuth) < 2, name
            assert abs((0.5 - y / 240) * 180 - elevation) < 2, name

    def test_equirectangular_passes_through(self):
        frame = dotted()
        assert np.array_equal(ToEquirectangular(ER)(frame), frame)

    def test_the_left_eye_is_taken(self):
        eyes = np.stack([np.full((4, 12, 3), 1), np.full((4, 12, 3), 2)])
        assert (left_eye(np.concatenate(eyes, 0), Projection(stereo="top-bottom")) == 1).all()
        assert (left_eye(np.concatenate(eyes, 1), Projection(stereo="left-right")) == 1).all()

    def test_wrong_size(self):
        with pytest.raises(ValueError, match="expected a frame"):
            ToEquirectangular(EAC)(np.zeros((240, 480, 3), np.uint8))
