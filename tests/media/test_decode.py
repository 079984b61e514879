import itertools
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ccstereo.errors import MediaError
from ccstereo.media import AudioChunk, FrameChunk, MediaReader, read_mono

T = 2 * 48_000 + 333
CLICKS = (100, T // 2, T - 100)
TRACKS = [  # container, codec, sample format
    ("a.mp4", "aac", None),
    ("a.m4v", "aac", None),
    ("a.mov", "alac", "s16p"),
    ("a.mov", "pcm_s16le", "s16"),
    ("a.mov", "pcm_s24le", "s32"),
    ("a.mp4", "libopus", "flt"),
    ("a.mp4", "flac", "s16"),
    ("a.mkv", "libopus", "flt"),
    ("a.mkv", "flac", "s32"),
    ("a.mkv", "pcm_s16le", "s16"),
    ("a.webm", "libopus", "flt"),
    ("a.avi", "pcm_s16le", "s16"),
]


def video_for(name):
    codec = {"webm": "libvpx-vp9", "avi": "mpeg4"}.get(name.split(".")[1], "libx264")
    return {"codec": codec}


@pytest.mark.parametrize(
    ("name", "codec", "fmt", "start"),
    [(*track, 0) for track in TRACKS] + [(*track, 12_345) for track in TRACKS if track[0] != "a.avi"],
)
def test_every_sample_is_in_its_place(make, tools, name, codec, fmt, start):
    path = make(
        name,
        sound=tools.clicks(T, *CLICKS),
        audio={"codec": codec, "fmt": fmt, "start": start, "step": 1024},
        video=video_for(name),
        options={"movie_timescale": "48000"} if name[2:] in ("mp4", "mov", "m4v") else {},
    )
    with MediaReader(path) as reader:
        sound = np.concatenate([c.samples for c in reader if isinstance(c, AudioChunk)])
        heard = [reader.audio_start + p / 48_000 for p in tools.peaks(sound, 3)]
    assert heard == pytest.approx([(start + p) / 48_000 for p in CLICKS], abs=1e-3)
    late_aac = codec == "aac" and start  # FFmpeg's writer plays the priming then: 1024 samples more, before the start
    assert len(sound) == T + (1024 if late_aac else 0)
    if not late_aac:
        assert reader.audio_start == pytest.approx(start / 48_000, abs=1e-3)
        assert tools.peaks(sound, 3) == list(CLICKS)


def test_sound_is_the_mean_of_both_ears_at_full_scale(make, tools):
    rng = np.random.default_rng(0)
    stereo = rng.uniform(-1, 1, (2, 10_000)).astype(np.float32)
    path = make("a.mkv", sound=stereo, audio={"codec": "flac", "fmt": "s32", "rate": 44_100})
    sound, rate = read_mono(path)
    assert rate == 44_100
    assert sound.dtype == np.float32
    assert np.abs(sound - stereo.mean(0)).max() < 1e-6


@pytest.mark.parametrize("layout", ["5.1", "7.1"])
def test_surround_keeps_every_channel_but_lfe(make, tools, layout):
    names = [c.name for c in av.AudioLayout(layout).channels]
    sound = np.zeros((len(names), 48_000), np.float32)
    for channel in range(len(names)):  # one after the other, a click in each
        sound[channel, 4000 * (channel + 1)] = 0.9
    path = make("a.mkv", sound=sound, audio={"codec": "pcm_s16le", "fmt": "s16", "layout": layout})
    mono, _ = read_mono(path)
    heard = {name for channel, name in enumerate(names) if mono[4000 * (channel + 1)] > 0.05}
    assert heard == set(names) - {"LFE"}


def test_planar_sound_of_eight_channels(make, tools):
    path = make("a.mp4", sound=tools.clicks(20_000, 9_000, channels=8), audio={"layout": "7.1", "codec": "aac"})
    mono, _ = read_mono(path)
    assert tools.peaks(mono, 1) == [9_000]
    assert 0.5 < mono[9_000] < 1.0


def test_gap_in_the_sound_becomes_silence(make, tools):
    path = make(
        "a.mkv",
        sound=tools.clicks(48_000, 100, 30_000),
        audio={"codec": "pcm_s16le", "fmt": "s16", "gaps": [(24_000, 12_000)]},
    )
    mono, _ = read_mono(path)
    assert len(mono) == 60_000
    assert tools.peaks(mono, 2) == pytest.approx([100, 42_000], abs=48)
    assert not mono[25_000:35_000].any()


def test_overlap_of_the_sound_is_cut(make, tools):
    path = make(
        "a.mkv",
        sound=tools.clicks(48_000, 100, 40_000),
        audio={"codec": "pcm_s16le", "fmt": "s16", "gaps": [(24_000, -2_000)], "step": 4_000},
    )
    mono, _ = read_mono(path)
    assert len(mono) == pytest.approx(46_000, abs=48)  # Matroska's milliseconds
    assert tools.peaks(mono, 2) == pytest.approx([100, 38_000], abs=48)


def test_clock_that_jumps_back(tools, tmp_path):
    with av.open(str(tmp_path / "half.ts"), "w", format="mpegts") as output:
        _, video = tools.add_video(output, tools.grays(20), range(20))
        _, sound = tools.add_audio(output, tools.clicks(96_000, 100), codec="mp2", fmt="s16", start=4800)
        for packet in itertools.chain(video, sound):
            output.mux(packet)
    path = tmp_path / "a.ts"
    path.write_bytes(2 * (tmp_path / "half.ts").read_bytes())
    with pytest.raises(MediaError, match=r"a\.ts: its timestamps are broken: the sound jumps from 2\.0\d s to 0\.00 s"):
        read_mono(path)


def test_clock_that_jumps_past_the_end(make, tools):
    path = make(
        "a.mkv",
        sound=tools.clicks(48_000, 100),
        audio={"codec": "pcm_s16le", "fmt": "s16", "gaps": [(24_000, 4_800_000)]},
    )
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88") + 3  # the element Duration, a double of milliseconds
    assert struct.unpack(">d", data[at : at + 8]) == (101_000,)
    path.write_bytes(data[:at] + struct.pack(">d", 1000) + data[at + 8 :])
    with pytest.raises(MediaError, match=r"its timestamps are broken: the sound jumps from 0\.50 s to 100\.50 s"):
        read_mono(path)


def test_gap_at_the_decoder_where_a_packet_is_damaged(make, tools):
    path = make("a.mkv", sound=tools.clicks(96_000, 100, 90_000), audio={"codec": "flac", "fmt": "s16", "step": 4608})
    data = path.read_bytes()
    sound = tools.packets(path, "audio")
    broken = sound[8][3]
    at = data.index(broken)
    path.write_bytes(data[:at] + bytes(len(broken)) + data[at + len(broken) :])
    with MediaReader(path) as reader:
        mono = np.concatenate([c.samples for c in reader if isinstance(c, AudioChunk)])
        notes = reader.notes
    assert len(mono) == 96_000
    assert tools.peaks(mono, 2) == [100, pytest.approx(90_000, abs=48)]
    assert notes == ["1 damaged packets of sound from 0.77 s on were left out"]


def test_rate_change_in_the_middle(make, tools, tmp_path):
    halves = []
    for rate in (48_000, 44_100):
        with av.open(str(tmp_path / f"{rate}.ts"), "w", format="mpegts") as output:
            _, pictures = tools.add_video(output, tools.grays(13), range(13))
            _, packets = tools.add_audio(
                output, tools.clicks(rate // 2, rate // 4), codec="mp2", fmt="s16", rate=rate, start=4800
            )
            for packet in itertools.chain(pictures, packets):
                ticks = round(Fraction(int(rate == 44_100), 2) / packet.time_base)
                packet.pts += ticks
                packet.dts += ticks
                output.mux(packet)
        halves.append((tmp_path / f"{rate}.ts").read_bytes())
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(halves))
    mono, rate = read_mono(path)
    assert len(mono) / rate == pytest.approx(1.0, abs=0.03)  # MP2 frames of 24 ms
    first, second = tools.peaks(mono, 2)
    assert (second - first) / rate == pytest.approx(0.5, abs=0.01)


def test_frames_by_presentation_time(make, tools):
    # 25 pictures a second asked for 10 times a second: at 0.1 k the one that started last, 2.5 k rounded down.
    path = make("a.mp4", sound=tools.clicks(38_400, 100))
    with MediaReader(path) as reader:
        frames = [c for c in reader if isinstance(c, FrameChunk)]
    assert [c.index for c in frames] == list(range(8))
    assert [tools.level(c.picture) for c in frames] == [int(2.5 * k) for k in range(8)]
    assert all(c.picture.shape == (240, 480, 3) and c.picture.dtype == np.uint8 for c in frames)


def test_reordered_pictures(make, tools):
    path = make("a.mp4", sound=tools.clicks(38_400, 100), video={"options": {"bf": "3", "preset": "medium", "qp": "5"}})
    pts = [p[0] for p in tools.packets(path)]
    assert pts != sorted(pts)
    assert [tools.level(p) for p in tools.hear(path).pictures.values()] == [int(2.5 * k) for k in range(8)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_frame_rate(make, tools, name):
    times = [0, 1, 2, 17, 18, 40]
    path = make(name, tools.grays(6), tools.clicks(96_000, 100), times=times, audio={"codec": "flac", "fmt": "s16"})
    levels = [tools.level(p) for p in tools.hear(path).pictures.values()]
    assert levels == [max(i for i, t in enumerate(times) if t <= 2.5 * k) for k in range(20)]


def test_first_picture_before_the_video_starts_and_last_one_after_it_ends(make, tools):
    path = make("a.mkv", tools.grays(5), tools.clicks(96_000, 100), times=range(25, 30), audio={"codec": "libopus"})
    levels = [tools.level(p) for p in tools.hear(path).pictures.values()]
    assert levels == [0] * 10 + [0, 2] + [4] * 8


def test_clock_starts_with_the_sound(make, tools):
    # The sound starts 0.4 s late, when picture 10 is shown.
    path = make("a.mp4", sound=tools.clicks(14_400, 100), audio={"start": 19_200, "codec": "flac", "fmt": "s16"})
    heard = tools.hear(path)
    assert heard.start == pytest.approx(0.4, abs=1e-3)
    assert [tools.level(p) for p in heard.pictures.values()] == [10, 12, 15]


def test_pictures_before_the_sound_that_starts_with_them(make, tools):
    path = make("a.mp4", sound=tools.clicks(38_400, 100))
    samples = 0
    for chunk in tools.hear(path).chunks:
        if isinstance(chunk, FrameChunk):
            assert chunk.index / 10 <= (samples + 9600) / 48_000
            assert chunk.index / 10 > (samples - 9600) / 48_000
        else:
            assert len(chunk.samples) > 0
            samples += len(chunk.samples)
    assert samples == 38_400


@pytest.mark.parametrize("rate", [10.0, 29.97, 0.5, 60.0])
def test_grid_ends_with_the_sound(make, tools, rate):
    heard = tools.hear(make("a.mp4", sound=tools.clicks(48_000, 100)), frame_rate=rate)
    assert list(heard.pictures) == [k for k in range(100) if k / Fraction(str(rate)) < 1]


def test_a_picture_that_stays_is_the_same_array(make, tools):
    pictures = tools.hear(make("a.mkv", sound=tools.clicks(38_400, 100)), frame_rate=50).pictures
    assert pictures[0] is pictures[1]
    assert pictures[1] is not pictures[2]


def corners():
    """A picture that is red top left, green top right, blue bottom left, white bottom right."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48, 0] = picture[:32, 48:, 1] = picture[32:, :48, 2] = 255
    picture[32:, 48:] = 255
    return picture


def named(picture):
    """The letters of the corners' colours, top row first."""
    names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w"}
    height, width = picture.shape[:2]
    points = [(height // 4, width // 4), (height // 4, 3 * width // 4), (3 * height // 4, width // 4)]
    points.append((3 * height // 4, 3 * width // 4))
    return "".join(names.get(tuple(int(v > 128) for v in picture[p]), "?") for p in points)


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
def test_pictures_are_turned_as_the_file_says(make, tools, name, rotation, shown):
    path = make(name, [corners()] * 3, tools.clicks(4800, 100), video={"rotation": rotation} if rotation else {})
    picture = tools.hear(path, frame_size=(60, 120)).pictures[0]
    assert picture.shape == (60, 120, 3)
    assert named(picture) == shown


def test_shrinking_averages(make, tools):
    stripes = np.zeros((480, 960, 3), np.uint8)
    stripes[:, ::2] = 255  # one pixel wide: a filter that looks at two of them only would show bands
    path = make("a.mkv", [stripes] * 3, tools.clicks(4800, 100), video={"pix_fmt": "yuv444p"})
    picture = tools.hear(path, frame_size=(48, 96)).pictures[0]
    assert picture.astype(int).std() < 3
    assert abs(float(picture.mean()) - 127.5) < 6


def test_other_pixel_formats(make, tools):
    path = make("a.mp4", sound=tools.clicks(38_400, 100), video={"pix_fmt": "yuv422p10le"})
    assert [tools.level(p) for p in tools.hear(path).pictures.values()] == [int(2.5 * k) for k in range(8)]


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
    colour = tools.hear(path).pictures[0].mean((0, 1))
    assert colour == pytest.approx([200, 60, 30], abs=2)


def test_size_change_in_the_middle(tools, tmp_path):
    path = tmp_path / "a.ts"
    data = b""
    for k, size in enumerate([(64, 96), (96, 64)]):
        with av.open(str(tmp_path / "b.ts"), "w", format="mpegts") as output:
            pictures = [np.full((*size, 3), 20 + 100 * k, np.uint8)] * 10
            _, video = tools.add_video(
                output, pictures, range(10 * k, 10 * k + 10), codec="mpeg2video", options={"q": "2"}
            )
            _, sound = tools.add_audio(output, tools.clicks(19_200, 100), codec="mp2", fmt="s16", start=19_200 * k)
            for packet in itertools.chain(video, sound):
                output.mux(packet)
        data += (tmp_path / "b.ts").read_bytes()
    path.write_bytes(data)
    pictures = list(tools.hear(path).pictures.values())
    assert [round(float(p.mean()), -1) for p in (pictures[0], pictures[-1])] == [20, 120]
    assert {p.shape for p in pictures} == {(240, 480, 3)}


def test_arguments(make, tools):
    path = make("a.mp4", sound=tools.clicks(4800, 100))
    for options in ({"frame_rate": 0}, {"frame_rate": -1}, {"frame_size": (0, 10)}):
        with pytest.raises(ValueError, match="positive"):
            MediaReader(path, **options)


def test_needs_picture_and_sound(make, tools):
    with pytest.raises(MediaError, match="has no audio track"):
        MediaReader(make("a.mp4"))
    with pytest.raises(MediaError, match="has no video track"):
        MediaReader(make("b.mp4", [], tools.clicks(4800, 100)))


def noise(count):
    return list(np.random.default_rng(0).integers(0, 255, (count, 64, 96, 3), np.uint8))


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.avi"])
def test_cut_off(make, tools, name):
    path = make(
        name,
        noise(100),
        tools.clicks(192_000, 100),
        audio={"codec": "libopus", "fmt": "flt"} if name != "a.avi" else {"codec": "pcm_s16le", "fmt": "s16"},
        video=video_for(name),
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=r"is cut off: its \w+ ends after [123]\.\d\d s of the 4\.0\d s it declares"):
        tools.hear(path)


def test_cut_off_fragments(make, tools):
    path = make("a.mp4", noise(100), tools.clicks(192_000, 100), options={"movflags": "frag_keyframe+empty_moov"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=r"a\.mp4: (is cut off|no sound decodes)"):
        tools.hear(path)


def test_too_much_damage(make, tools):
    path = make(
        "a.mkv", sound=np.random.default_rng(0).uniform(-1, 1, (2, 192_000)), audio={"codec": "flac", "fmt": "s16"}
    )
    data = path.read_bytes()
    for packet in tools.packets(path, "audio")[10:30]:
        data = data.replace(packet[3], bytes(len(packet[3])))
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.mkv: 1\.92 s of its sound, from 0\.96 s on, do not decode"):
        tools.hear(path)


def test_nothing_decodes(make, tools):
    path = make(
        "a.mkv", sound=np.random.default_rng(0).uniform(-1, 1, (2, 48_000)), audio={"codec": "flac", "fmt": "s16"}
    )
    data = path.read_bytes()
    for packet in tools.packets(path, "audio"):
        data = data.replace(packet[3], bytes(len(packet[3])))
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.mkv: no sound decodes from its flac track"):
        MediaReader(path)


def resident():
    """Resident memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to tell its memory")
def test_memory_stays_small(big, tools):
    # 60 MB of pictures in front of all the sound: a reader that kept what it meets on the way would hold them all.
    seen = []
    with MediaReader(big) as reader:
        for chunk in reader:
            if isinstance(chunk, FrameChunk):
                seen.append(resident())
    assert len(seen) == 600
    assert max(seen[20:]) - seen[20] < 15e6
