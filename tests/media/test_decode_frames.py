"""The frames of a video, on the clock of its sound."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from ccstereo.media import FrameChunk, MediaReader


def test_frames_by_presentation_time(make, tools):
    # 25 frames a second asked for 10 times a second: at 0.1 k the one that started last, 2.5 k rounded down.
    path = make("a.mp4", sound=tools.clicks(38_400, 100))
    with MediaReader(path) as reader:
        frames = [c for c in reader if isinstance(c, FrameChunk)]
    assert [c.index for c in frames] == list(range(8))
    assert [tools.level(c.frame) for c in frames] == [int(2.5 * k) for k in range(8)]
    assert all(c.frame.shape == (240, 480, 3) and c.frame.dtype == np.uint8 for c in frames)


def test_reordered_frames(make, tools):
    path = make("a.mp4", sound=tools.clicks(38_400, 100), video={"options": {"bf": "3", "preset": "medium", "qp": "5"}})
    pts = [p[0] for p in tools.packets(path)]
    assert pts != sorted(pts)
    assert [tools.level(p) for p in tools.read(path).frames.values()] == [int(2.5 * k) for k in range(8)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_frame_rate(make, tools, name):
    times = [0, 1, 2, 17, 18, 40]
    path = make(name, tools.grays(6), tools.clicks(96_000, 100), times=times, audio={"codec": "flac", "fmt": "s16"})
    levels = [tools.level(p) for p in tools.read(path).frames.values()]
    assert levels == [max(i for i, t in enumerate(times) if t <= 2.5 * k) for k in range(20)]


def test_first_frame_before_the_video_starts_and_last_one_after_it_ends(make, tools):
    path = make("a.mkv", tools.grays(5), tools.clicks(96_000, 100), times=range(25, 30), audio={"codec": "libopus"})
    levels = [tools.level(p) for p in tools.read(path).frames.values()]
    assert levels == [0] * 10 + [0, 2] + [4] * 8


def test_clock_starts_with_the_sound(make, tools):
    # The sound starts 0.4 s late, when frame 10 is shown.
    path = make("a.mp4", sound=tools.clicks(14_400, 100), audio={"start": 19_200, "codec": "flac", "fmt": "s16"})
    found = tools.read(path)
    assert found.start == pytest.approx(0.4, abs=1e-3)
    assert [tools.level(p) for p in found.frames.values()] == [10, 12, 15]


def test_frames_before_the_sound_that_starts_with_them(make, tools):
    path = make("a.mp4", sound=tools.clicks(38_400, 100))
    samples = 0
    for chunk in tools.read(path).chunks:
        if isinstance(chunk, FrameChunk):
            assert chunk.index / 10 <= (samples + 9600) / 48_000
            assert chunk.index / 10 > (samples - 9600) / 48_000
        else:
            assert len(chunk.samples) > 0
            samples += len(chunk.samples)
    assert samples == 38_400


@pytest.mark.parametrize("rate", [10.0, 29.97, 0.5, 60.0])
def test_grid_ends_with_the_sound(make, tools, rate):
    found = tools.read(make("a.mp4", sound=tools.clicks(48_000, 100)), frame_rate=rate)
    assert list(found.frames) == [k for k in range(100) if k / Fraction(str(rate)) < 1]


def test_a_frame_that_stays_is_the_same_array(make, tools):
    frames = tools.read(make("a.mkv", sound=tools.clicks(38_400, 100)), frame_rate=50).frames
    assert frames[0] is frames[1]
    assert frames[1] is not frames[2]


@pytest.mark.parametrize("wanted", [{1, 2, 5}, {0, 7}, set()])
def test_frames_that_are_wanted_and_the_last_one(make, tools, wanted):
    path = make("a.mp4", sound=tools.clicks(38_400, 100))
    with MediaReader(path, wanted=wanted.__contains__) as reader:
        frames = [c for c in reader if isinstance(c, FrameChunk)]
    assert [c.index for c in frames] == sorted(wanted | {7})
    assert [tools.level(c.frame) for c in frames] == [int(2.5 * k) for k in sorted(wanted | {7})]


def corners():
    """A frame that is red top left, green top right, blue bottom left, white bottom right."""
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:32, :48, 0] = frame[:32, 48:, 1] = frame[32:, :48, 2] = 255
    frame[32:, 48:] = 255
    return frame


def named(frame):
    """The letters of the corners' colours, top row first."""
    names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w"}
    height, width = frame.shape[:2]
    points = [(height // 4, width // 4), (height // 4, 3 * width // 4), (3 * height // 4, width // 4)]
    points.append((3 * height // 4, 3 * width // 4))
    return "".join(names.get(tuple(int(v > 128) for v in frame[p]), "?") for p in points)


@pytest.mark.parametrize(
    ("rotation", "shown"),
    [
        (None, "rgbw"),
        ((90,), "gwrb"),  # counterclockwise
        ((180,), "wbgr"),
        ((270,), "brwg"),
        ((-90,), "brwg"),
        ((0, True, False), "grwb"),
        ((0, False, True), "bwrg"),
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_frames_are_turned_as_the_file_says(make, tools, name, rotation, shown):
    path = make(name, [corners()] * 3, tools.clicks(4800, 100), video={"rotation": rotation} if rotation else {})
    frame = tools.read(path, frame_size=(60, 120)).frames[0]
    assert frame.shape == (60, 120, 3)
    assert named(frame) == shown


def test_shrinking_averages(make, tools):
    stripes = np.zeros((480, 960, 3), np.uint8)
    stripes[:, ::2] = 255  # one pixel wide: a filter that looks at two of them only would show bands
    path = make("a.mkv", [stripes] * 3, tools.clicks(4800, 100), video={"pix_fmt": "yuv444p"})
    frame = tools.read(path, frame_size=(48, 96)).frames[0]
    assert frame.astype(int).std() < 3
    assert abs(float(frame.mean()) - 127.5) < 6


def test_other_pixel_formats(make, tools):
    path = make("a.mp4", sound=tools.clicks(38_400, 100), video={"pix_fmt": "yuv422p10le"})
    assert [tools.level(p) for p in tools.read(path).frames.values()] == [int(2.5 * k) for k in range(8)]


@pytest.mark.parametrize(("space", "red", "blue"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593)])
@pytest.mark.parametrize("full", [False, True])
def test_colours_follow_their_tags(tools, tmp_path, space, red, blue, full):
    path = tmp_path / "a.mkv"
    r, g, b = 200 / 255, 60 / 255, 30 / 255
    y = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)  # ITU-R BT.709, BT.601 and BT.2020
    values = [255 * y, 128 + 255 * cb, 128 + 255 * cr] if full else [16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr]
    with av.open(str(path), "w", format="matroska") as output:
        video = output.add_stream("ffv1", rate=25, width=96, height=64, pix_fmt="yuv444p")
        _, sound = tools.add_audio(output, tools.clicks(4800, 100), codec="flac", fmt="s16")
        video.codec_context.colorspace, video.codec_context.color_range = space, 1 + full
        frame = av.VideoFrame.from_ndarray(np.stack([np.full((64, 96), round(v), np.uint8) for v in values]), "yuv444p")
        frame.colorspace, frame.color_range = space, 1 + full
        for packet in itertools.chain(video.encode(frame), video.encode(None), sound):
            output.mux(packet)
    colour = tools.read(path).frames[0].mean((0, 1))
    assert colour == pytest.approx([200, 60, 30], abs=2)


def test_size_change_in_the_middle(tools, tmp_path):
    path = tmp_path / "a.ts"
    data = b""
    for k, size in enumerate([(64, 96), (96, 64)]):
        with av.open(str(tmp_path / "b.ts"), "w", format="mpegts") as output:
            frames = [np.full((*size, 3), 20 + 100 * k, np.uint8)] * 10
            _, video = tools.add_video(
                output, frames, range(10 * k, 10 * k + 10), codec="mpeg2video", options={"q": "2"}
            )
            _, sound = tools.add_audio(output, tools.clicks(19_200, 100), codec="mp2", fmt="s16", start=19_200 * k)
            for packet in itertools.chain(video, sound):
                output.mux(packet)
        data += (tmp_path / "b.ts").read_bytes()
    path.write_bytes(data)
    frames = list(tools.read(path).frames.values())
    assert [round(float(p.mean()), -1) for p in (frames[0], frames[-1])] == [20, 120]
    assert {p.shape for p in frames} == {(240, 480, 3)}
