"""Copies of unusual tracks: rare codecs, files without display or decoding times, edit lists, timecodes, metadata."""

import itertools
import random
import shutil
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

from ccstereo.errors import MediaError
from ccstereo.media import MediaReader, StereoWriter, check_output
from ccstereo.media.timing import DecodingTimes, Trim

# Codecs and the containers that `ffmpeg -c copy` writes them to, as tried with FFmpeg 5.1 and 8.1.
RARE = {
    "h263": (".mkv", ".mov"),
    "flv1": (".mkv", ".mov"),
    "wmv2": (".mkv", ".mov"),
    "msmpeg4v2": (".mkv", ".mov"),
    "msmpeg4": (".mkv", ".mov"),
    "mpeg2video": (".mp4", ".mkv", ".mov"),
    "mpeg1video": (".mp4", ".mkv", ".mov"),
    "mjpeg": (".mp4", ".mkv", ".mov"),
    "prores_ks": (".mkv", ".mov"),
    "dvvideo": (".mkv", ".mov"),
    "libvpx": (".mkv", ".webm"),
    "ffv1": (".mp4", ".mkv", ".mov"),
    "huffyuv": (".mkv", ".mov"),
    "dnxhd": (".mkv", ".mov"),
    "svq1": (".mkv", ".mov"),
}
SIZES = {"h263": (176, 144), "dvvideo": (720, 576), "dnxhd": (1280, 720)}
FORMATS = {
    "prores_ks": "yuv422p10le",
    "mjpeg": "yuvj420p",
    "huffyuv": "yuv422p",
    "dnxhd": "yuv422p",
    "svq1": "yuv410p",
}
HOLDERS = {
    "libvpx": "webm",
    "ffv1": "mkv",
    "wmv2": "asf",
    "msmpeg4": "avi",
    "msmpeg4v2": "avi",
    "huffyuv": "avi",
    "flv1": "flv",
}
SUFFIXES = {"asf": ".wmv"}


@pytest.fixture
def rare(make, tools):
    """A clip of half a second in a codec, in a file of a kind that usually holds it."""

    def build(codec):
        width, height = SIZES.get(codec, (96, 64))
        pictures = [np.full((height, width, 3), 20 + 15 * k, np.uint8) for k in range(12)]
        kind = HOLDERS.get(codec, "mov")
        name = {"flv1": "flv"}.get(codec, codec)
        video = {"codec": name, "pix_fmt": FORMATS.get(codec, "yuv420p")}
        if codec == "dnxhd":
            video["bit_rate"] = 120_000_000
        sound = {"codec": "libopus", "fmt": "flt"} if kind == "webm" else {"codec": "pcm_s16le", "fmt": "s16"}
        if kind in ("flv", "asf"):
            sound = {"codec": "libmp3lame", "fmt": "fltp", "rate": 44_100}
        return make(f"in.{kind}", pictures, tools.clicks(24_000, 100), video=video, audio=sound)

    return build


def shown(path):
    """Mean level and time of every frame, by PyAV alone, in the order in which they are shown."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(f.to_ndarray(format="rgb24").mean(), f.pts * stream.time_base) for f in container.decode(stream)]


@pytest.mark.parametrize("codec", RARE)
def test_what_ffmpeg_copies_is_copied(rare, tools, tmp_path, codec):
    if (codec if codec != "flv1" else "flv") not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec} encoder")
    source = rare(codec)
    before = tools.packets(source)
    for suffix in (".mp4", ".mov", ".mkv", ".webm"):
        target = tmp_path / f"out{suffix}"
        if suffix not in RARE[codec]:
            way = r"\.mkv( and --reencode)?" if suffix == ".webm" else r"(\.mkv or )?--reencode"
            with pytest.raises(MediaError, match=rf"cannot hold \w+ video; use {way}$"):
                check_output(source, target)
            continue
        tools.convert(source, target, tools.clicks(24_000, 100))
        after = tools.packets(target)
        assert [p[3] for p in after] == [p[3] for p in before]
        start = before[0][0]
        assert all(
            abs((a[0] - after[0][0]) - (b[0] - start)) <= Fraction(1, 999) for a, b in zip(after, before, strict=True)
        )
        assert len(shown(target)) == len(before)


def pyramid(count, depth=3, seed=0):
    """Display times of frames in decoding order: groups of up to 8, each reordered as a pyramid of B-frames is."""
    chance, times = random.Random(seed), [0]
    while len(times) < count:
        size, at = chance.choice([1, 2, 4, 8]), len(times)
        order = sorted(range(size), key=lambda k: (-_twos(k + 1), k))
        times += [at + k for k in order]
    return times[:count]


def _twos(number):
    return (number & -number).bit_length()


def packets_at(times, dts=None, base=Fraction(1, 1000), step=40):
    for k, time in enumerate(times):
        packet = av.Packet(bytes([k % 256]))
        packet.time_base, packet.pts, packet.duration = base, time * step, step
        packet.dts = None if dts is None or dts[k] is None else dts[k]
        packet.is_keyframe = k == 0
        yield packet


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("known", ["none", "some", "late"])
def test_decoding_times_are_found(seed, known):
    times = pyramid(100, seed=seed)
    dts = {
        "none": None,
        "some": [None if k % 3 else 40 * k - 400 for k in range(100)],
        "late": [40 * k for k in range(100)],  # no delay: later than frames are shown
    }[known]
    if known == "late" and times == sorted(times):
        pytest.skip("nothing is out of order")
    stage = DecodingTimes(strict=True)
    out = [ready for packet in packets_at(times, dts) for ready in stage.push(packet)] + stage.finish()
    assert [p.pts for p in out] == [40 * t for t in times]  # display times stay as they are
    assert all(p.dts <= p.pts for p in out)
    assert all(b.dts > a.dts for a, b in itertools.pairwise(out))


def test_right_decoding_times_stay():
    times = pyramid(100)
    dts = [40 * k - 400 for k in range(100)]
    stage = DecodingTimes(strict=True)
    out = [ready for packet in packets_at(times, dts) for ready in stage.push(packet)] + stage.finish()
    assert [(p.pts, p.dts) for p in out] == [(40 * t, d) for t, d in zip(times, dts, strict=True)]


def test_a_cut_keeps_what_is_shown_and_what_it_needs():
    times = pyramid(40)
    packets = list(packets_at(times, base=Fraction(1, 25), step=1))
    for k in (0, 10, 20, 30):
        at = times.index(k)
        packets[at].is_keyframe = all(t > k for t in times[at + 1 :])
    keys = sorted(p.pts for p in packets if p.is_keyframe)
    stage = Trim(Fraction(13, 25), Fraction(25, 25), hides=True)
    out = [p.pts for packet in packets for p in stage.push(packet)] + [p.pts for p in stage.finish()]
    first = max(k for k in keys if k <= 13)
    assert min(out) == first
    assert set(range(13, 25)) <= set(out)
    last = max(times.index(t) for t in range(13, 25))
    assert set(out) == {t for t in times[: last + 1] if t >= first}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(("codec", "options"), [("libx264", {"bf": "3"}), ("mpeg4", {"bf": "2"}), ("mpeg4", {})])
def test_avi_in_display_order(make, tools, tmp_path, suffix, codec, options):
    video = {"codec": codec, "options": options | ({"preset": "medium", "qp": "5"} if codec == "libx264" else {})}
    source = make("in.avi", sound=tools.clicks(48_000, 100), video=video, audio={"codec": "pcm_s16le", "fmt": "s16"})
    tools.convert(source, tmp_path / f"out{suffix}", tools.clicks(48_000, 100))
    found = shown(tmp_path / f"out{suffix}")
    assert len(found) == 20
    assert all(b >= a for (a, _), (b, _) in itertools.pairwise(found))  # none is darker than the one before
    assert [float(time) for _, time in found] == pytest.approx([k / 25 for k in range(20)], abs=6e-4)


def edit(path, which, *, media_time=None, length=None):
    """Change the edit list of a track of an MP4 that PyAV wrote, as an editor that trims without loss does."""
    data = bytearray(path.read_bytes())
    at = -1
    for _ in range(which + 1):
        at = data.index(b"elst", at + 1)
    count = int.from_bytes(data[at + 8 : at + 12], "big")
    assert (data[at + 4], count) == (0, 1)
    if length is not None:
        data[at + 12 : at + 16] = length.to_bytes(4, "big")
    if media_time is not None:
        data[at + 16 : at + 20] = media_time.to_bytes(4, "big")
    path.write_bytes(data)


@pytest.fixture
def trimmed(make, tools):
    """2 s of frames at 25 a second, B-frames among them, of which an edit list shows some; the sound is the whole."""

    def build(start, end):
        video = {"options": {"bf": "3", "preset": "medium", "qp": "5", "g": "12"}}
        source = make("in.mp4", tools.grays(20), tools.clicks(48_000, 100), video=video)
        with av.open(str(source), options={"ignore_editlist": "1"}) as container:
            stream = container.streams.video[0]
            first, scale = next(container.demux(stream)).pts, stream.time_base.denominator
        edit(source, 0, media_time=first + round(start * scale), length=round((end - start) * 1000))
        return source

    return build


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(("start", "end"), [(0, 0.48), (0.28, 0.8), (0.3, 0.8), (0.48, 0.8), (0.3, 0.5)])
def test_trimmed_as_a_player_shows_it(trimmed, tools, tmp_path, start, end, suffix):
    source = trimmed(start, end)
    writer = StereoWriter(source, tmp_path / f"out{suffix}", sample_rate=48_000)
    with writer:
        writer.write(tools.clicks(round(48_000 * (end - start)), 100))
    # By the rule of ISO/IEC 14496-12, 8.6.6: frame k, shown from k / 25 on, comes k / 25 - start seconds in, and the
    # one that the start cuts in two comes at 0. Another reader than ours: PyAV, which knows no other rule here than
    # "the last frame not after a time is shown".
    with av.open(str(tmp_path / f"out{suffix}"), options={"ignore_editlist": "1"} if suffix != ".mkv" else {}) as found:
        stream = found.streams.video[0]
        offset = 0 if suffix == ".mkv" else edited(tmp_path / f"out{suffix}", stream.time_base)
        frames = [
            (f.pts * stream.time_base + offset, tools.level(f.to_ndarray(format="rgb24"))) for f in found.decode(stream)
        ]
    frames.sort(key=lambda pair: pair[0])
    for probe in np.arange(0.01, end - start, 0.02):
        expected = int((start + probe) * 25)
        at = [level for time, level in frames if time <= probe + 6e-4]
        assert at[-1] == expected, (probe, frames)
    if suffix == ".mkv":  # nothing of what was cut away takes any time
        assert max(time for time, _ in frames) <= end - start + 1e-3
    else:
        assert len(frames) == 20  # all packets stay, and the edit list hides some
        info = av.open(str(tmp_path / f"out{suffix}"))
        assert info.duration == pytest.approx(1e6 * (end - start), abs=1e3)
        info.close()


def edited(path, time_base):
    """Seconds to add to the media times of the first track, by its edit list of version 1."""
    data = path.read_bytes()
    at = data.index(b"elst")
    count = int.from_bytes(data[at + 8 : at + 12], "big")
    assert (data[at + 4], count) == (1, 1)
    return -int.from_bytes(data[at + 20 : at + 28], "big") * time_base


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_variable_frame_rate_keeps_its_length(make, tools, tmp_path, suffix):
    times = [0, 1, 2, 3, 20, 21, 22, 23, 24, 25, 26, 40, 41, 42, 43, 44, 45, 46, 60, 61]
    video = {"options": {"bf": "3", "preset": "medium", "qp": "5"}}
    source = make("in.mp4", sound=tools.clicks(119_040, 100), times=times, video=video)
    tools.convert(source, tmp_path / f"out{suffix}", tools.clicks(119_040, 100))
    with av.open(str(source)) as a, av.open(str(tmp_path / f"out{suffix}")) as b:
        end = (b.duration + min(0, b.start_time)) / 1e6  # Matroska counts from the sound's priming on
        assert a.duration / 1e6 == pytest.approx(2.48, abs=1e-3)
        assert end == pytest.approx(2.48, abs=2e-3)
    assert [float(t) for _, t in shown(tmp_path / f"out{suffix}")] == pytest.approx([t / 25 for t in times], abs=6e-4)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("in_header", [True, False])
def test_hevc_is_hvc1_where_its_header_allows_it(make, tools, tmp_path, suffix, in_header):
    if "libx265" not in av.codecs_available:
        pytest.skip("this PyAV has no libx265 encoder")
    source = make("in.mp4", sound=tools.clicks(48_000, 100), video={"codec": "libx265"})
    assert b"hev1" in source.read_bytes()
    if not in_header:  # as encoders do that send the sets with each key frame: the header lists none
        source = without_parameter_sets(source, tmp_path / "none.mp4")
    target = tmp_path / f"out{suffix}"
    tools.convert(source, target, tools.clicks(48_000, 100))
    assert len(shown(target)) == 20  # readable
    assert [p[3] for p in tools.packets(target)] == [p[3] for p in tools.packets(source)]
    if suffix != ".mkv":
        assert ((b"hvc1" in target.read_bytes()), (b"hev1" in target.read_bytes())) == (in_header, not in_header)


def without_parameter_sets(source, target):
    """Move the parameter sets of an HEVC file from its header in front of its first frame."""
    with av.open(str(source)) as a, av.open(str(target), "w", format="mp4") as b:
        video = a.streams.video[0]
        header = video.codec_context.extradata
        sets, at = b"", 23
        for _ in range(header[22]):
            kind, count = header[at] & 63, int.from_bytes(header[at + 1 : at + 3], "big")
            at += 3
            for _ in range(count):
                size = int.from_bytes(header[at : at + 2], "big")
                if kind in (32, 33, 34):
                    sets += size.to_bytes(4, "big") + header[at + 2 : at + 2 + size]
                at += 2 + size
        copy = b.add_stream_from_template(video, opaque=True)
        copy.codec_context.extradata = header[:22] + b"\0"
        sound = b.add_stream_from_template(a.streams.audio[0], opaque=True)
        for packet in a.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video" and packet.is_keyframe:
                whole = av.Packet(sets + bytes(packet))
                whole.pts, whole.dts, whole.time_base = packet.pts, packet.dts, packet.time_base
                whole.duration, whole.is_keyframe = packet.duration, True
                packet, stream = whole, copy
            else:
                stream = copy if packet.stream.type == "video" else sound
            packet.stream = stream
            b.mux(packet)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_timecode(make, tools, tmp_path, suffix):
    def timecode(output):
        output.streams.video[0].metadata["timecode"] = "01:02:03:04"
        return []

    source = make("in.mov", sound=tools.clicks(48_000, 100), extra=timecode)
    with av.open(str(source)) as container:
        assert [s.type for s in container.streams] == ["video", "audio", "data"]
    writer = tools.convert(source, tmp_path / f"out{suffix}", tools.clicks(48_000, 100))
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert {k.lower(): v for k, v in container.streams.video[0].metadata.items()}["timecode"] == "01:02:03:04"
        kept = [s.type for s in container.streams][2:] == ["data"]
    assert kept == (suffix != ".mkv")
    assert writer.notes == (
        [] if kept else ["data track 2 (eng) is kept as metadata of the video alone: timecode 01:02:03:04"]
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_metadata_that_is_not_of_the_standard_is_kept(make, tools, tmp_path, suffix):
    keys = {
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.location.ISO6709": "+52.5163+013.3777+036.000/",
        "title": "Gate",
    }

    def tag(output):
        output.metadata.update(keys)
        return []

    options = {"movflags": "use_metadata_tags"}
    source = make("in.mov", sound=tools.clicks(48_000, 100), extra=tag, options=options)
    writer = tools.convert(source, tmp_path / f"out{suffix}", tools.clicks(48_000, 100))
    with av.open(str(source)) as a, av.open(str(tmp_path / f"out{suffix}")) as b:
        before, after = ({k.lower(): v for k, v in c.metadata.items()} for c in (a, b))
    assert {k.lower() for k in keys} <= set(before)
    assert {k.lower(): v for k, v in keys.items()}.items() <= after.items()
    assert writer.notes == []


TEXTS = {"mov_text": "in.mp4", "subrip": "in.mkv", "ass": "in.mkv", "webvtt": "in.webm"}
FORMS = {".mp4": "mov_text", ".mov": "mov_text", ".mkv": None}


@pytest.mark.parametrize("codec", TEXTS)
@pytest.mark.parametrize("suffix", FORMS)
def test_text_subtitles_are_converted(make, tools, subtitles, tmp_path, codec, suffix):
    texts = ["0,0,Default,,0,0,0,,one", "1,0,Default,,0,0,0,,two"] if codec == "ass" else ["one", "two"]
    web = TEXTS[codec] == "in.webm"
    source = make(
        TEXTS[codec],
        sound=tools.clicks(48_000, 100),
        audio={"codec": "libopus", "fmt": "flt"} if web else {},
        video={"codec": "libvpx-vp9"} if web else {},
        extra=subtitles(codec, texts),
    )
    if web and suffix == ".mov":
        pytest.skip(".mov holds no VP9")
    writer = tools.convert(source, tmp_path / f"out{suffix}", tools.clicks(48_000, 100))
    assert writer.notes == []
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        (stream,) = container.streams.subtitles
        kept = {"mov_text": "subrip"}.get(codec, codec)
        assert stream.codec_context.codec.canonical_name == (FORMS[suffix] or kept)
        assert stream.language == "eng"
        found = []
        for packet in container.demux(stream):
            texts = stream.decode2(packet) if packet.size else None
            found += [(float(packet.pts * packet.time_base), text.dialogue) for text in texts or ()]
    assert found == [(0.0, b"one"), (pytest.approx(0.2, abs=1e-3), b"two")]


def test_cut_begins_at_its_key_frame(make, tools, tmp_path):
    video = {"options": {"g": "5", "bf": "0"}}
    source = make("in.mp4", tools.grays(20), tools.clicks(48_000, 100), video=video)
    for suffix in (".mp4", ".mkv"):
        target = tmp_path / f"out{suffix}"
        cut = (Fraction(5, 25), Fraction(15, 25))
        with StereoWriter(source, target, sample_rate=48_000, audio_start=0.2, cut=cut) as writer:
            writer.write(tools.clicks(19_200, 100))
        before, after = tools.packets(source), tools.packets(target)
        assert [p[3] for p in after] == [p[3] for p in before[5:15]]
        assert [float(p[0]) for p in after] == pytest.approx([k / 25 for k in range(10)], abs=6e-4)
        with MediaReader(target) as reader:
            assert reader.audio_start == pytest.approx(0, abs=1e-3)


def test_a_link_stays_a_link(make, tools, tmp_path):
    source = make("in.mp4", sound=tools.clicks(48_000, 100))
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.mp4"
    link.symlink_to(tmp_path / "real" / "there.mp4")
    tools.convert(source, link, tools.clicks(48_000, 100))
    assert link.is_symlink()
    assert len(tools.packets(tmp_path / "real" / "there.mp4")) == 20
    assert [p.name for p in (tmp_path / "real").iterdir()] == ["there.mp4"]


def put_box(data, path, addition):
    """Put a box at the end of the one at `path` of an MP4 whose index comes last; a box's own fields stand before."""
    data, at, starts = bytearray(data), 0, []
    for name, fields in path:
        while data[at + 4 : at + 8] != name:
            at += int.from_bytes(data[at : at + 4], "big")
        starts.append(at)
        at += 8 + fields
    end = starts[-1] + int.from_bytes(data[starts[-1] : starts[-1] + 4], "big")
    data[end:end] = addition
    for start in starts:
        size = int.from_bytes(data[start : start + 4], "big") + len(addition)
        data[start : start + 4] = size.to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_dolby_vision_is_kept(make, tools, tmp_path, suffix):
    if "libx265" not in av.codecs_available:
        pytest.skip("this PyAV has no libx265 encoder")
    source = make("in.mp4", sound=tools.clicks(48_000, 100), video={"codec": "libx265"})
    # Version 1.0, profile 8, level 4, with a base layer and metadata, compatible with HLG (4), as telephones write it.
    record = bytes.fromhex("0100 1025 40") + bytes(19)
    path = [(name, 0) for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl")] + [(b"stsd", 8), (b"hev1", 78)]
    source.write_bytes(put_box(source.read_bytes(), path, b"\0\0\0\x20dvvC" + record))
    target = tmp_path / f"out{suffix}"
    tools.convert(source, target, tools.clicks(48_000, 100))
    assert target.read_bytes().count(b"dvvC") == 1
    assert record in target.read_bytes()
    assert len(shown(target)) == 20


def test_of_two_programmes_one_is_copied(make, tools, tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("PyAV writes no programmes; needs ffmpeg")
    source = make("in.mp4", sound=tools.clicks(48_000, 100))
    programs = ["-program", "title=a:st=0:st=1", "-program", "title=b:st=2:st=3"]
    command = ["ffmpeg", "-v", "error", "-i", source, "-i", source, "-map", "0", "-map", "1", "-c", "copy", *programs]
    subprocess.run([*command, tmp_path / "two.ts"], check=True)
    with av.open(str(tmp_path / "two.ts")) as container:
        assert sorted(stream.type for stream in container.streams) == ["audio", "audio", "video", "video"]
    writer = tools.convert(tmp_path / "two.ts", tmp_path / "out.mp4", tools.clicks(48_000, 100))
    assert [note.split(" is ")[1] for note in writer.notes] == ["skipped: it belongs to another programme"] * 2
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
