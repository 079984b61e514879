from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from ccstereo.errors import MediaError
from ccstereo.media import AudioChunk, MediaReader, StereoWriter, probe

T = 2 * 48_000 + 333
CLICKS = (100, T // 2, T - 100)
OUTPUTS = [
    (".mp4", "aac"),
    (".mp4", "opus"),
    (".mp4", "flac"),
    (".mp4", "alac"),
    (".m4v", "aac"),
    (".mov", "aac"),
    (".mov", "alac"),
    (".mkv", "aac"),
    (".mkv", "opus"),
    (".mkv", "flac"),
    (".mkv", "alac"),
    (".webm", "opus"),
]
STARTS = [(0, 0), (480, 0), (12_345, 0), (0, 13), (12_345, 13), (30_000, 3)]  # samples of sound, pictures of video


@pytest.fixture
def video(make, tools):
    """A 2.4 s video whose sound starts at sample `sound` and whose picture at picture `picture`."""

    def build(sound, picture, name="in.mp4", codec="libx264"):
        times = range(picture, picture + 20)
        return make(
            name,
            sound=tools.clicks(T, *CLICKS),
            times=times,
            audio={"codec": "flac", "fmt": "s16", "start": sound},
            video={"codec": codec},
            options={"movie_timescale": "48000"} if name.endswith("mp4") else {},
        )

    return build


@pytest.mark.parametrize(("suffix", "codec"), OUTPUTS)
@pytest.mark.parametrize(("sound", "picture"), STARTS)
def test_in_sync_at_both_ends(video, tools, tmp_path, suffix, codec, sound, picture):
    source = video(sound, picture, codec="libvpx-vp9" if suffix == ".webm" else "libx264")
    target = tmp_path / f"out{suffix}"
    tools.convert(source, target, tools.clicks(T, *CLICKS), codec=codec)

    heard = tools.hear(target)
    assert len(heard.sound) == T
    assert tools.peaks(heard.sound, 3) == list(CLICKS)
    shown = tools.packets(target)[0][0]
    exact = 1e-6 if suffix[:3] in (".mp", ".m4", ".mo") else 1e-3  # Matroska counts milliseconds
    assert heard.start == pytest.approx(sound / 48_000, abs=exact)
    assert float(shown) == pytest.approx(picture / 25, abs=exact)

    # The same without our reader. In MP4, FFmpeg's decoder gives the padding of the last frame, too, past the end that
    # the frame's duration and the edit list tell.
    first, raw, padding = tools.raw_sound(target)
    assert float(first) == pytest.approx(sound / 48_000, abs=exact)
    assert tools.peaks(raw[0], 3) == list(CLICKS)
    padded = suffix in (".mp4", ".m4v", ".mov") and codec in ("aac", "opus")
    assert raw.shape[1] - (padding if padded else 0) == T
    assert 0 <= padding < 1024 or not padded


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("length", [1, 500, 1024, 2048, 9216, 10_007])
def test_any_length_comes_back(video, tools, tmp_path, suffix, length):
    target = tmp_path / f"out{suffix}"
    tools.convert(video(12_345, 0), target, tools.clicks(length, 0), step=333)
    assert len(tools.hear(target).sound) == length


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_keeps_its_rate(video, tools, tmp_path, rate, suffix):
    target = tmp_path / f"out{suffix}"
    tools.convert(video(0, 0), target, tools.clicks(2 * rate + 77, 100, rate, 2 * rate - 100), rate=rate)
    heard = tools.hear(target)
    assert heard.rate == rate
    assert len(heard.sound) == 2 * rate + 77
    assert tools.peaks(heard.sound, 3) == [100, rate, 2 * rate - 100]


@pytest.mark.parametrize(
    ("codec", "rate", "kept"), [("opus", 44_100, 48_000), ("opus", 16_000, 48_000), ("aac", 50_000, 48_000)]
)
def test_other_rates_are_resampled_in_step(video, tools, tmp_path, codec, rate, kept):
    target = tmp_path / "out.mkv"
    length = 2 * rate + 77
    clicks = (1000, rate, length - 1000)
    tools.convert(video(12_345, 0), target, tools.clicks(length, *clicks), rate=rate, codec=codec)
    heard = tools.hear(target)
    assert heard.rate == kept
    assert len(heard.sound) == round(length * kept / rate)
    assert np.array(tools.peaks(heard.sound, 3)) / kept == pytest.approx(np.array(clicks) / rate, abs=1e-4)


def test_left_stays_left(video, tools, tmp_path):
    time = np.arange(48_000) / 48_000
    stereo = 0.5 * np.stack([np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 660 * time)]).astype(np.float32)
    for suffix, codec in OUTPUTS[:-1]:
        target = tmp_path / f"out{suffix}"
        tools.convert(video(0, 0), target, stereo, codec=codec)
        _, raw, _ = tools.raw_sound(target)
        raw = raw[:, :48_000]
        error = 1e-6 if codec in ("flac", "alac") else 0.02
        assert np.sqrt(np.mean((raw - stereo)[:, 2000:-2000] ** 2)) < error, (suffix, codec)


def test_loud_sound_is_told(video, tools, tmp_path):
    stereo = np.zeros((2, 4800), np.float32)
    stereo[0, 10:15] = -1.5
    stereo[1, 20] = 1.0
    writer = tools.convert(video(0, 0), tmp_path / "out.mkv", stereo, codec="flac")
    assert (writer.peak, writer.clipped) == (1.5, 5)
    _, raw, _ = tools.raw_sound(tmp_path / "out.mkv")
    assert raw[0].min() == -1.0  # clipped, not wrapped around


@pytest.mark.parametrize("bitrate", [32_000, 256_000])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "opus")])
def test_bitrate(video, tools, tmp_path, suffix, codec, bitrate):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, T)).astype(np.float32)
    target = tmp_path / f"out{suffix}"
    tools.convert(video(0, 0), target, noise, codec=codec, bitrate=bitrate)
    size = 8 * sum(len(p[3]) for p in tools.packets(target, "audio"))
    assert size / (T / 48_000) == pytest.approx(bitrate, rel=0.2)


def test_video_longer_than_sound_is_copied_whole(make, tools, tmp_path):
    source = make("in.mp4", sound=tools.clicks(4800, 100))
    tools.convert(source, tmp_path / "out.mp4", tools.clicks(4800, 100))
    assert [p[3] for p in tools.packets(tmp_path / "out.mp4")] == [p[3] for p in tools.packets(source)]


REORDERED = {"libx264": {"bf": "3", "qp": "5", "preset": "medium"}, "mpeg4": {"bf": "2"}}
HELD = {
    "libx264": (".mp4", ".mkv", ".mov"),
    "libx265": (".mp4", ".mkv", ".mov"),
    "mpeg4": (".mp4", ".mkv", ".mov"),
    "libvpx-vp9": (".mp4", ".mkv", ".webm"),
    "libsvtav1": (".mp4", ".mkv", ".webm"),
}


@pytest.mark.parametrize("source_suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("video_codec", "suffix", "options"),
    [(codec, suffix, {}) for codec, suffixes in HELD.items() for suffix in suffixes]
    + [(codec, suffix, options) for codec, options in REORDERED.items() for suffix in HELD[codec]],
)
def test_video_packets_byte_for_byte(make, tools, tmp_path, video_codec, source_suffix, suffix, options):
    if video_codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {video_codec} encoder")
    source = make(
        f"in{source_suffix}",
        sound=tools.clicks(48_000, 100),
        times=range(3, 23),
        video={"codec": video_codec, "options": options},
    )
    target = tmp_path / f"out{suffix}"
    tools.convert(source, target, tools.clicks(48_000, 100))
    before, after = tools.packets(source), tools.packets(target)
    assert [p[3] for p in after] == [p[3] for p in before]
    assert [p[2] for p in after] == [p[2] for p in before]
    tolerance = Fraction(1, 1000) if ".mkv" in (source_suffix, suffix) or suffix == ".webm" else 0
    assert all(abs(a[0] - b[0]) <= tolerance for a, b in zip(after, before, strict=True))
    known = [(a[1], b[1]) for a, b in zip(after, before, strict=True) if a[1] is not None and b[1] is not None]
    assert all(abs(a - b) <= tolerance for a, b in known)


def test_broadcast_clock_starts_anew(make, tools, tmp_path):
    source = make("in.ts", sound=tools.clicks(48_000, 100), options={"output_ts_offset": "5000"})
    assert tools.hear(source).start == pytest.approx(5000, abs=1.5)
    tools.convert(source, tmp_path / "out.mp4", tools.clicks(48_000, 100))
    heard = tools.hear(tmp_path / "out.mp4")
    before, after = tools.packets(source), tools.packets(tmp_path / "out.mp4")
    assert heard.start < 0.1
    assert float(after[0][0]) - heard.start == pytest.approx(float(before[0][0]) - tools.hear(source).start, abs=1e-4)


def test_hevc_opens_in_apples_players(make, tools, tmp_path):
    if "libx265" not in av.codecs_available:
        pytest.skip("this PyAV has no libx265 encoder")
    source = make("in.mkv", sound=tools.clicks(4800, 100), video={"codec": "libx265"})
    tools.convert(source, tmp_path / "out.mp4", tools.clicks(4800, 100))
    assert b"hvc1" in (tmp_path / "out.mp4").read_bytes()
    tools.convert(tmp_path / "out.mp4", tmp_path / "again.mov", tools.clicks(4800, 100))
    assert b"hvc1" in (tmp_path / "again.mov").read_bytes()


def test_index_comes_first(video, tools, tmp_path):
    tools.convert(video(0, 0), tmp_path / "out.mp4", tools.clicks(4800, 100))
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("rotation", [(90,), (180,), (-90,), (0, True, False)])
def test_rotation_is_kept(make, tools, tmp_path, rotation, suffix):
    source = make("in.mp4", sound=tools.clicks(4800, 100), video={"rotation": rotation})
    tools.convert(source, tmp_path / f"out{suffix}", tools.clicks(4800, 100))
    with av.open(str(source)) as a, av.open(str(tmp_path / f"out{suffix}")) as b:
        before, after = next(a.decode(video=0)), next(b.decode(video=0))
    assert bytes(after.side_data["DISPLAYMATRIX"]) == bytes(before.side_data["DISPLAYMATRIX"])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pixel_shape_is_kept(make, tools, tmp_path, suffix):
    source = make("in.mp4", sound=tools.clicks(4800, 100), video={"sample_aspect_ratio": Fraction(4, 3)})
    tools.convert(source, tmp_path / f"out{suffix}", tools.clicks(4800, 100))
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert container.streams.video[0].average_rate == 25


ASS = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour
Style: Default,Arial,16,&Hffffff

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def subtitles(codec, texts, language="eng"):
    """Adds a subtitle track whose lines stand for 0.2 s each."""

    def add(output):
        stream = output.add_stream(codec)
        stream.time_base = Fraction(1, 1000)
        stream.metadata["language"] = language
        stream.codec_context.subtitle_header = ASS
        if codec == "ass":
            stream.codec_context.extradata = ASS

        def packets():
            for k, text in enumerate(texts):
                data = text.encode()
                packet = av.Packet(len(data).to_bytes(2, "big") + data if codec == "mov_text" else data)
                packet.stream = stream
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = 200 * k
                packet.duration = 200
                yield packet

        return [packets()]

    return add


@pytest.mark.parametrize(
    ("name", "codec"),
    [("in.mkv", "subrip"), ("in.mkv", "ass"), ("in.mp4", "mov_text"), ("in.webm", "webvtt")],
)
def test_subtitles_are_copied(make, tools, tmp_path, name, codec):
    texts = ["0,0,Default,,0,0,0,,one", "1,0,Default,,0,0,0,,two"] if codec == "ass" else ["one", "two"]
    source = make(
        name,
        sound=tools.clicks(48_000, 100),
        audio={"codec": "libopus", "fmt": "flt"} if name == "in.webm" else {},
        video={"codec": "libvpx-vp9"} if name == "in.webm" else {},
        extra=subtitles(codec, texts),
    )
    target = tmp_path / f"out{source.suffix}"
    writer = tools.convert(source, target, tools.clicks(48_000, 100))
    assert writer.notes == []
    # The MP4 writer puts an empty line where one ends.
    before, after = ([p for p in tools.packets(f, "subtitle") if len(p[3]) > 2] for f in (source, target))
    assert [float(p[0]) for p in before] == [0, 0.2]
    assert [(p[0], p[3]) for p in after] == [(p[0], p[3]) for p in before]
    with av.open(str(target)) as container:
        assert container.streams.subtitles[0].metadata["language"] == "eng"


def test_tracks_that_do_not_fit_are_told(make, tools, tmp_path):
    def more(output):
        sound, packets = tools.add_audio(output, tools.clicks(48_000, 100))
        sound.metadata["language"] = "fra"
        output.add_attachment("font.ttf", "font/ttf", b"font")
        return [*subtitles("subrip", ["one"], "deu")(output), packets]

    source = make("in.mkv", sound=tools.clicks(48_000, 100), extra=more)
    writer = tools.convert(source, tmp_path / "out.mp4", tools.clicks(48_000, 100))
    assert writer.notes == [
        "audio track 2 (aac, fra) was left out: only the default sound is made stereo",
        "subtitle track 3 (subrip, deu) was left out: .mp4 cannot hold it",
        "attachment track 4 (font.ttf) was left out: .mp4 cannot hold it",
    ]
    info = probe(tmp_path / "out.mp4")
    assert info.other_audios == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [s.type for s in container.streams] == ["video", "audio"]


def test_attachments_are_kept(make, tools, tmp_path):
    def more(output):
        output.add_attachment("font.ttf", "font/ttf", b"the font")
        return []

    source = make("in.mkv", sound=tools.clicks(48_000, 100), extra=more)
    writer = tools.convert(source, tmp_path / "out.mkv", tools.clicks(48_000, 100))
    assert writer.notes == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        (attachment,) = container.streams.attachments
        assert (attachment.name, attachment.mimetype, attachment.data) == ("font.ttf", "font/ttf", b"the font")


@pytest.mark.parametrize("source_suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_chapters_and_metadata_are_kept(make, tools, tmp_path, source_suffix, suffix):
    def more(output):
        output.metadata.update(title="Rain", artist="Weather")
        second = Fraction(1, 1000)
        output.set_chapters(
            [
                {"id": 1, "start": 0, "end": 400, "time_base": second, "metadata": {"title": "Drops"}},
                {"id": 2, "start": 400, "end": 1000, "time_base": second, "metadata": {"title": "Sun"}},
            ]
        )
        for stream, language in zip(output.streams, ("jpn", "ita"), strict=True):
            stream.metadata["language"] = language
        return []

    source = make(f"in{source_suffix}", sound=tools.clicks(48_000, 100), extra=more)
    target = tmp_path / f"out{suffix}"
    writer = tools.convert(source, target, tools.clicks(48_000, 100))
    assert writer.notes == []
    with av.open(str(target)) as container:
        metadata = {key.lower(): value for key, value in container.metadata.items()}
        assert (metadata["title"], metadata["artist"]) == ("Rain", "Weather")
        found = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
            for c in container.chapters()
        ]
        assert found == [(0, Fraction(2, 5), "Drops"), (Fraction(2, 5), 1, "Sun")]
        assert container.streams.video[0].metadata["language"] == "jpn"
        assert container.streams.audio[0].metadata["language"] == "ita"


def test_dispositions_and_order_are_kept(make, tools, tmp_path):
    def more(output):
        second, packets = tools.add_video(output, tools.grays(20), range(20))
        second.disposition = Disposition.default | Disposition.original
        sound, sounds = tools.add_audio(output, tools.clicks(48_000, 100))
        sound.disposition = Disposition.default | Disposition.comment
        for stream in list(output.streams)[:2]:
            stream.disposition = Disposition(0)
        return [packets, sounds]

    source = make("in.mkv", sound=tools.clicks(48_000, 100), extra=more)
    tools.convert(source, tmp_path / "out.mkv", tools.clicks(48_000, 100))
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [(s.type, s.disposition) for s in container.streams] == [
            ("video", Disposition(0)),
            ("video", Disposition.default | Disposition.original),
            ("audio", Disposition.default | Disposition.comment),
        ]
    for which in (0, 1):
        before, after = tools.packets(source, which=which), tools.packets(tmp_path / "out.mkv", which=which)
        assert [p[3] for p in after] == [p[3] for p in before]


def cover(codec):
    """Adds a light picture as cover art."""

    def add(output):
        stream = output.add_stream(codec, rate=1)
        stream.width = stream.height = 16
        stream.pix_fmt = {"png": "rgb24"}.get(codec, "yuvj420p")
        stream.disposition = Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 200, np.uint8))
        return [stream.encode(frame) + stream.encode(None)]

    return add


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_cover_art_is_kept(make, tools, tmp_path, codec):
    steps = [make("in.mp4", sound=tools.clicks(48_000, 100), extra=cover(codec))]
    for name in ("out.mp4", "out.mkv", "again.mkv", "again.mp4"):
        writer = tools.convert(steps[-1], tmp_path / name, tools.clicks(48_000, 100))
        steps.append(tmp_path / name)
        assert writer.notes == []
        with av.open(str(tmp_path / name)) as container:
            (picture,) = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
            assert next(container.decode(picture)).to_ndarray(format="rgb24").mean() == pytest.approx(200, abs=3)
        info = probe(tmp_path / name)
        assert (info.video.width, info.other_videos) == (96, 0)
    assert tools.convert(steps[0], tmp_path / "out.mov", tools.clicks(48_000, 100)).notes == [
        f"video track 2 ({codec}) was left out: .mov cannot hold it"
    ]


def box(name, *content):
    data = b"".join(content)
    return (8 + len(data)).to_bytes(4, "big") + name + data


def insert(data, path, addition):
    """Put a box at the end of the box at `path` (names, the first of each) of an MP4 whose index comes last."""
    at, spans = 0, []
    for name in path:
        while data[at + 4 : at + 8] != name:
            at += int.from_bytes(data[at : at + 4], "big")
        spans.append(at)
        at += 8
    end = spans[-1] + int.from_bytes(data[spans[-1] : spans[-1] + 4], "big")
    data = bytearray(data[:end] + addition + data[end:])
    for start in spans:
        size = int.from_bytes(data[start : start + 4], "big") + len(addition)
        data[start : start + 4] = size.to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_what_makes_a_video_spherical_is_kept(make, tools, tmp_path, suffix):
    source = make("in.mp4", sound=tools.clicks(48_000, 100))
    tags = {"Spherical": "true", "Stitched": "true", "StitchingSoftware": "x", "ProjectionType": "equirectangular"}
    text = "".join(f"<GSpherical:{key}>{value}</GSpherical:{key}>" for key, value in tags.items()).encode()
    marker = box(b"uuid", bytes.fromhex("ffcc8263f8554a938814587a02521fdd"), b"<rdf:SphericalVideo>", text, b"</rdf>")
    source.write_bytes(insert(source.read_bytes(), [b"moov", b"trak"], marker))
    tools.convert(source, tmp_path / f"out{suffix}", tools.clicks(48_000, 100))
    with av.open(str(source)) as a, av.open(str(tmp_path / f"out{suffix}")) as b:
        before, after = next(a.decode(video=0)), next(b.decode(video=0))
    assert bytes(after.side_data["SPHERICAL"]) == bytes(before.side_data["SPHERICAL"])


def test_pictures_before_an_edit_list_stay_hidden(make, tools, tmp_path):
    # Pictures 0 to 6 are there only for the decoder: the edit list starts at picture 7.
    source = make("in.mp4", sound=tools.clicks(48_000, 100), times=range(-7, 13), video={"options": {"g": "100"}})
    tools.convert(source, tmp_path / "out.mp4", tools.clicks(48_000, 100))
    before, after = tools.hear(source), tools.hear(tmp_path / "out.mp4")
    levels = [[tools.level(p) for p in heard.pictures.values()] for heard in (before, after)]
    assert levels[0] == levels[1] == [7, 9, 12, 14, 17, 19, 19, 19, 19, 19]
    assert tools.packets(tmp_path / "out.mp4") == tools.packets(source)


@pytest.mark.parametrize(
    ("name", "shape", "videos"),
    [("nasa_13013.mp4", (480, 270), 2), ("big_buck_bunny_30s.mp4", (854, 480), 1)],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_real_videos(real, tools, tmp_path, name, shape, videos, suffix):
    source, target = real(name), tmp_path / f"out{suffix}"
    with (
        MediaReader(source) as reader,
        StereoWriter(source, target, sample_rate=reader.sample_rate, audio_start=reader.audio_start) as writer,
    ):
        assert (reader.info.video.width, reader.info.video.height) == shape
        samples = 0
        for chunk in reader:
            if isinstance(chunk, AudioChunk):
                samples += len(chunk.samples)
                writer.write(np.stack([chunk.samples, chunk.samples / 2]))
    assert reader.notes == []
    assert samples / reader.sample_rate == pytest.approx(reader.info.audio.duration, abs=1e-6)
    for which in range(videos):
        before, after = tools.packets(source, which=which), tools.packets(target, which=which)
        assert [p[3] for p in after] == [p[3] for p in before]
        tolerance = 0 if suffix == ".mp4" else Fraction(1, 1000)
        assert all(abs(a[0] - b[0]) <= tolerance for a, b in zip(after, before, strict=True))
    assert len(tools.hear(target).sound) == samples
    if name.startswith("nasa"):
        lost = [note.split(" was")[0] for note in writer.notes]
        texts = ["subtitle track 2 (mov_text, eng)", "subtitle track 5 (mov_text, eng)"]
        assert lost == ["audio track 1 (aac, eng)", *(texts if suffix == ".mkv" else [])]
        if suffix == ".mp4":
            for which in (0, 1):
                assert tools.packets(target, "subtitle", which) == tools.packets(source, "subtitle", which)


def resident():
    """Resident memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to tell its memory")
@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_memory_stays_small(big, tools, tmp_path, suffix):
    seen = []
    with StereoWriter(big, tmp_path / f"out{suffix}", sample_rate=8000) as writer:
        for _ in range(600):
            writer.write(np.zeros((2, 800), np.float32))
            seen.append(resident())
    assert max(seen[60:]) - seen[60] < 15e6
    assert len(tools.packets(tmp_path / f"out{suffix}")) == 1500


def test_input_that_breaks_off(make, tools, tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 255, (50, 64, 96, 3), np.uint8))
    source = make("in.mp4", noise, tools.clicks(96_000, 100), options={"movflags": "+faststart"})
    source.write_bytes(source.read_bytes()[:-100_000])
    with pytest.raises(MediaError, match=r"in\.mp4: is cut off"):
        StereoWriter(source, tmp_path / "out.mp4", sample_rate=48_000)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
