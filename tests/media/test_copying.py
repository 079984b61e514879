"""What a written video keeps of its input: packets, subtitles, chapters, marks."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from ccstereo.errors import MediaError
from ccstereo.media import check_output, probe

REORDERED = {"libx264": {"bf": "3", "qp": "5", "preset": "medium"}, "mpeg4": {"bf": "2"}}
HELD = {
    "libx264": (".mp4", ".mkv", ".mov"),
    "libx265": (".mp4", ".mkv", ".mov"),
    "mpeg4": (".mp4", ".mkv", ".mov"),
    "libvpx-vp9": (".mp4", ".mkv", ".webm"),
    "libsvtav1": (".mp4", ".mkv", ".webm"),
}


def test_a_copy_that_no_player_could_read_is_refused(make, tools, tmp_path):
    """Matroska's header has no place for the bits a pixel of QuickTime's Animation; QuickTime's has."""
    source = make("in.mov", sound=tools.clicks(48_000, 100), video={"codec": "qtrle", "pix_fmt": "rgb24"})
    with pytest.raises(MediaError, match=r"out\.mkv: qtrle video cannot be read from the \.mkv files .* --reencode"):
        check_output(source, tmp_path / "out.mkv")
    check_output(source, tmp_path / "out.mov")
    check_output(source, tmp_path / "out.mkv", reencode=True)


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
    assert tools.read(source).start == pytest.approx(5000, abs=1.5)
    tools.convert(source, tmp_path / "out.mp4", tools.clicks(48_000, 100))
    found = tools.read(tmp_path / "out.mp4")
    before, after = tools.packets(source), tools.packets(tmp_path / "out.mp4")
    assert found.start < 0.1
    assert float(after[0][0]) - found.start == pytest.approx(float(before[0][0]) - tools.read(source).start, abs=1e-4)


def test_hevc_opens_in_apples_players(make, tools, tmp_path):
    if "libx265" not in av.codecs_available:
        pytest.skip("this PyAV has no libx265 encoder")
    source = make("in.mkv", sound=tools.clicks(4800, 100), video={"codec": "libx265"})
    tools.convert(source, tmp_path / "out.mp4", tools.clicks(4800, 100))
    assert b"hvc1" in (tmp_path / "out.mp4").read_bytes()
    tools.convert(tmp_path / "out.mp4", tmp_path / "again.mov", tools.clicks(4800, 100))
    assert b"hvc1" in (tmp_path / "again.mov").read_bytes()


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


@pytest.mark.parametrize(
    ("name", "codec"),
    [("in.mkv", "subrip"), ("in.mkv", "ass"), ("in.mp4", "mov_text"), ("in.webm", "webvtt")],
)
def test_subtitles_are_copied(make, tools, subtitles, tmp_path, name, codec):
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


def test_tracks_that_do_not_fit_are_told(make, tools, subtitles, tmp_path):
    def more(output):
        sound, packets = tools.add_audio(output, tools.clicks(48_000, 100))
        sound.metadata["language"] = "fra"
        output.add_attachment("font.ttf", "font/ttf", b"font")
        return [*subtitles("subrip", ["one"], "deu")(output), packets]

    source = make("in.mkv", sound=tools.clicks(48_000, 100), extra=more)
    writer = tools.convert(source, tmp_path / "out.mp4", tools.clicks(48_000, 100))
    assert writer.notes == [
        "audio track 2 (aac, fra) is skipped: it is no part of the new sound",
        "attachment track 4 (font.ttf) is skipped: .mp4 cannot hold it",
    ]
    info = probe(tmp_path / "out.mp4")
    assert info.other_audios == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [s.type for s in container.streams] == ["video", "audio", "subtitle"]


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
    """Adds a light image as cover art."""

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
            (image,) = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
            assert next(container.decode(image)).to_ndarray(format="rgb24").mean() == pytest.approx(200, abs=3)
        info = probe(tmp_path / name)
        assert (info.video.width, info.other_videos) == (96, 0)
    assert tools.convert(steps[0], tmp_path / "out.mov", tools.clicks(48_000, 100)).notes == [
        f"video track 2 ({codec}) is skipped: .mov cannot hold it"
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
