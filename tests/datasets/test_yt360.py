"""A raw folder with the quirks of the real one, made on the spot, and the official lists where they are."""

import io
import json
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from PIL import Image

from ccstereo.datasets.prepare import prepare
from ccstereo.datasets.prepared_set import PreparedSet
from ccstereo.datasets.yt360 import SETS, Rendering, channel_order, read_list, youtube_id, yt360_set, yt360_splits
from ccstereo.errors import DatasetError

RATE = 48_000
SECONDS = 3
AZIMUTH = 60.0  # of the dot and of the sound
NAMES = {
    "plain": "opus_wyzx_0",
    "flat": "missing_z_1",
    "eyes": "topbottom_2",
    "cube": "eac_as_er_3",
    "cut": "truncated_4",
    "stereo": "twochannel5",
    "quiet": "silent_mid6",
    "absent": "deleted_id7",
}


def world(seed):
    """A sphere painted with smooth noise, equirectangular, and a red dot on the left."""
    rng = np.random.default_rng(seed)
    azimuth = np.pi * (1 - 2 * (np.arange(480) + 0.5) / 480)
    elevation = np.pi * (0.5 - (np.arange(240) + 0.5) / 240)[:, None]
    axes = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation) + 0 * azimuth
    picture = np.zeros((240, 480, 3))
    for _ in range(12):
        phase = sum(w * axis for w, axis in zip(rng.normal(0, 3, 3), axes, strict=True))
        picture += np.cos(phase + rng.uniform(0, 6))[..., None] * rng.normal(0, 1, 3)
    picture = np.clip(110 + 18 * picture + 30 * axes[2][..., None], 0, 200).astype(np.uint8)
    column = round((0.5 - AZIMUTH / 360) * 480)
    picture[110:130, column - 10 : column + 10] = (255, 0, 0)
    return picture


def as_cubemap(picture):
    graph = Graph()
    source = graph.add_buffer(width=480, height=240, format=av.VideoFormat("gbrp"), time_base=Fraction(1))
    remap, sink = graph.add("v360", "input=e:output=eac:w=480:h=320"), graph.add("buffersink")
    source.link_to(remap)
    remap.link_to(sink)
    graph.configure()
    graph.push(av.VideoFrame.from_ndarray(picture).reformat(format="gbrp"))
    return graph.pull().to_ndarray(format="rgb24")


def field(azimuth=AZIMUTH, height=True):
    """W, Y, Z, X of noise from a side."""
    noise = np.random.default_rng(1).normal(0, 0.1, RATE * SECONDS).astype(np.float32)
    a, e = np.radians(azimuth), np.radians(20.0 if height else 0.0)
    gains = [1, np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)]
    return np.array(gains, np.float32)[:, None] * noise


def write(path, picture, sound, codec, layout, **options):
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=10, options={"preset": "ultrafast", "qp": "10"})
        video.height, video.width, video.pix_fmt = *picture.shape[:2], "yuv420p"
        audio = output.add_stream(codec, rate=RATE, options=options)
        audio.layout = layout
        if codec != "flac":
            audio.bit_rate = 128_000 * len(sound)
        for _ in range(10 * SECONDS):
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
        output.mux(video.encode(None))
        planar = codec == "aac"
        for start in range(0, sound.shape[1], 960):
            block = sound[:, start : start + 960]
            if codec == "flac":
                block = np.rint(block * 32767).astype(np.int16)
            data = np.ascontiguousarray(block if planar else block.T.reshape(1, -1))
            kind = {"flac": "s16", "aac": "fltp", "libopus": "flt"}[codec]
            frame = av.AudioFrame.from_ndarray(data, kind, layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))


def box(name, *content):
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), name) + data


def tag_equirectangular(path):
    """Give an mp4, whose index is at its end, an sv3d box."""
    projection = box(b"proj", box(b"prhd", bytes(16)), box(b"equi", bytes(20)))
    extra = box(b"sv3d", box(b"svhd", bytes(4), b"test\0"), projection)
    chain = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1")

    def insert(data, names):
        out, position = b"", 0
        while position < len(data):
            size, name = struct.unpack(">I4s", data[position : position + 8])
            body = data[position + 8 : position + size]
            if name == names[0]:
                head = {b"stsd": 8, b"avc1": 78}.get(name, 0)
                body = body[:head] + (insert(body[head:], names[1:]) if names[1:] else body[head:] + extra)
            out += box(name, body)
            position += size
        return out

    path.write_bytes(insert(path.read_bytes(), chain))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    (folder / "more").mkdir()
    foa = field()
    picture = world(0)
    write(folder / f"{NAMES['plain']}.webm.mkv", picture, foa, "libopus", "4.0", mapping_family="255")
    (folder / f"{NAMES['plain']}.webm.mkv").rename(folder / f"A walk [{NAMES['plain']}].mkv")
    write(folder / "more" / f"{NAMES['flat']}.mkv", picture, field(height=False)[[0, 1, 3]], "flac", "3.0")
    aac = np.zeros((6, foa.shape[1]), np.float32)
    aac[[2, 1, 4, 0]] = foa  # as YouTube puts W, Y, Z, X into a 5.1 track
    write(folder / f"{NAMES['eyes']}.mp4", np.concatenate([picture, world(0)]), aac, "aac", "5.1")
    write(folder / f"{NAMES['cube']}.mp4", as_cubemap(picture), foa, "aac", "4.0")
    tag_equirectangular(folder / f"{NAMES['cube']}.mp4")
    cut = folder / f"{NAMES['cut']}.mp4"
    write(cut, picture, foa, "aac", "4.0")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    write(folder / f"{NAMES['stereo']}.mkv", picture, foa[:2], "flac", "stereo")
    quiet = foa.copy()
    quiet[:, RATE - 500 : 2 * RATE + 500] = 0  # the second second; resampling rings at the edges
    quiet[1:, 2 * RATE :] = 0  # the third: mono
    write(folder / f"{NAMES['quiet']}.mkv", picture, quiet, "flac", "4.0")
    write(folder / "not_in_list.mkv", picture, foa, "flac", "4.0")
    return folder


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    folder = tmp_path_factory.mktemp("meta")
    (folder / "subsets").mkdir()
    ids = list(NAMES.values())
    for number in (1, 2, 3):
        (folder / "subsets" / f"YT-Music.train.{number}.lst").write_text("\n".join(ids[:-4]))
        (folder / "subsets" / f"YT-Music.test.{number}.lst").write_text("\n".join(ids[-4:]))
    (folder / "subsets" / "YT-Music.lst").write_text("\n".join(ids))
    return folder


def run(raw, lists, output, **options):
    sources, unused, worker, info = yt360_set(raw, lists, ["yt-music"], Rendering(seconds=1, **options))
    splits = yt360_splits(lists, ["yt-music"])
    return prepare(sources, worker, output, info, splits=splits, rejected=unused), PreparedSet(output)


@pytest.fixture(scope="module")
def prepared(raw, lists, tmp_path_factory):
    return run(raw, lists, tmp_path_factory.mktemp("out") / "set")


def clips_of(data, name):
    return [row for row in data.clips.values() if row.source == NAMES[name]]


def sides(sound):
    """Decibels by which the left ear is louder, and samples by which it is earlier."""
    level = 10 * np.log10(np.square(sound).sum(1))
    spectrum = np.fft.rfft(sound, 1 << 15)
    spectrum[:, np.fft.rfftfreq(1 << 15, 1 / 16_000) > 1500] = 0
    correlation = np.roll(np.fft.irfft(spectrum[1] * spectrum[0].conj()), 1 << 14)
    return level[0] - level[1], int(correlation.argmax()) - (1 << 14)


def dot(picture):
    """Azimuth of the red dot in a picture, or in JPEG bytes."""
    red = np.asarray(Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture).astype(int)
    x = np.argwhere((red[..., 0] > 180) & (red[..., 1:] < 80).all(-1))[:, 1]
    assert len(x) > 50
    return (0.5 - (x.mean() + 0.5) / 480) * 360


class TestPreparedVideos:
    @pytest.mark.parametrize("name", ["plain", "flat", "eyes", "cube"])
    def test_what_is_seen_on_the_left_is_heard_on_the_left(self, prepared, name):
        _, data = prepared
        rows = clips_of(data, name)
        assert [row.start for row in rows] == [0, 1, 2]
        assert all(row.samples == 16_000 and row.frames == 10 for row in rows[:-1])
        sound = data.sound(rows[1].id)
        louder, earlier = sides(sound)
        assert louder > 1
        assert earlier > 2
        assert abs(dot(data.frame(rows[1].id, 5)) - AZIMUTH) < 2

    def test_tags_tell_how_the_picture_was_understood(self, prepared):
        _, data = prepared
        kinds = {name: clips_of(data, name)[0].tags for name in ("plain", "flat", "eyes", "cube")}
        assert kinds["cube"]["projection"] == "eac"
        assert (kinds["cube"]["projection_from"], kinds["cube"]["projection_tagged"]) == ("picture", "equirectangular")
        assert (kinds["eyes"]["projection"], kinds["eyes"]["stereo"]) == ("equirectangular", "top-bottom")
        assert kinds["plain"]["projection_tagged"] is None
        assert [kinds[name]["height"] for name in kinds] == [True, False, True, True]

    def test_all_codecs_sound_alike(self, prepared):
        _, data = prepared
        plain, eyes, cube = (data.sound(clips_of(data, name)[1].id) for name in ("plain", "eyes", "cube"))
        for other in (eyes, cube):
            assert np.corrcoef(plain[0], other[0])[0, 1] > 0.9

    def test_clips_join_without_a_seam(self, prepared, raw, lists):
        _, data = prepared
        rows = clips_of(data, "flat")
        joined = np.concatenate([data.sound(row.id) for row in rows], axis=1)
        sources, _, worker, _ = yt360_set(raw, lists, ["yt-music"], Rendering(seconds=10))
        (source,) = (s for s in sources if s.key == NAMES["flat"])
        (whole,) = list(worker.func(source, Rendering(seconds=10)))
        np.testing.assert_allclose(joined, whole.sound[:, : joined.shape[1]], atol=1e-4)
        assert abs(dot(whole.pictures[0]) - AZIMUTH) < 2

    def test_what_cannot_be_used_is_told(self, prepared):
        report, data = prepared
        reasons = {(item.source, item.part): item.reason for item in report.unused}
        assert "incomplete" in reasons[NAMES["cut"], ""]
        assert "2 channels" in reasons[NAMES["stereo"], ""]
        assert "not in the folder" in reasons[NAMES["absent"], ""]
        assert "silent" in reasons[NAMES["quiet"], "1 s to 2 s"]
        assert "no direction" in reasons[NAMES["quiet"], "2 s to 3 s"]
        assert len(clips_of(data, "quiet")) == 1
        assert not any(row.source == "not_in_list" for row in data.clips.values())

    def test_splits_are_the_official_ones(self, prepared):
        _, data = prepared
        assert len(data.splits()) == 6
        train = {data.clips[clip].source for clip in data.part("yt-music-2", "train")}
        test = {data.clips[clip].source for clip in data.part("yt-music-2", "test")}
        assert train == {NAMES[name] for name in ("plain", "flat", "eyes", "cube")}
        assert test == {NAMES["quiet"]}
        assert data.part("yt-music-2", "val") == []

    def test_yaw_turns_sound_and_picture_together(self, raw, lists):
        sources, _, worker, _ = yt360_set(raw, lists, ["yt-music"], Rendering(seconds=1, yaw=-120.0, decoder="magls"))
        (source,) = (s for s in sources if s.key == NAMES["flat"])
        clip = next(iter(worker(source)))
        louder, earlier = sides(clip.sound)
        assert louder < -3
        assert earlier < -2
        assert abs(dot(clip.pictures[0]) - (AZIMUTH - 120)) < 2

    def test_the_command_goes_on_where_it_was(self, prepared, raw, lists, capsys):
        from ccstereo.cli.main import main

        report, data = prepared
        words = ["prepare", "yt360", str(raw), "--lists", str(lists / "subsets"), "--set", "yt-music"]
        assert main([*words, "--seconds", "1", "--jobs", "1", "-o", str(data.folder)]) == 0
        out = capsys.readouterr().out
        assert f"{len(report.rows)} clips" in out
        assert "done before" in out
        assert main([*words, "--decoder", "magls", "--seconds", "1", "-o", str(data.folder)]) == 1


class TestErrors:
    def test_folders(self, raw, lists, tmp_path):
        with pytest.raises(DatasetError, match="no such folder"):
            yt360_set(tmp_path / "none", lists)
        with pytest.raises(DatasetError, match="no such list"):
            yt360_set(raw, tmp_path)
        with pytest.raises(DatasetError, match="none of the 8 listed videos"):
            yt360_set(tmp_path, lists, ["yt-music"])
        with pytest.raises(DatasetError, match="SOFA"):
            yt360_set(raw, lists, ["yt-music"], Rendering(sofa=tmp_path / "none.sofa"))

    def test_damaged_list(self, tmp_path):
        (tmp_path / "YT-Music.lst").write_text("<html>\n")
        with pytest.raises(DatasetError, match="expected YouTube ids"):
            read_list(tmp_path, "yt-music")

    def test_renderings_that_do_not_exist(self):
        for options in ({"decoder": "allrad"}, {"channel_order": "wxyz"}, {"seconds": 0}):
            with pytest.raises(ValueError, match="no such rendering"):
                Rendering(**options)


def test_channel_orders():
    path = Path("x.mp4")
    assert channel_order(path, "aac", 6) == "aac-5.1"
    assert channel_order(path, "aac", 4) == channel_order(path, "opus", 4) == channel_order(path, "opus", 6) == "acn"
    assert channel_order(path, "vorbis", 3) == "acn"
    with pytest.raises(DatasetError, match="1 channel,"):
        channel_order(path, "aac", 1)


def test_ids_in_names():
    assert youtube_id(Path("-a.b_cdefgh.mp4")) == "-a.b_cdefgh"
    assert youtube_id(Path("x [0123456789_].webm")) == "0123456789_"


COUNTS = {
    "rec-street": (43, (33, 10), (32, 11), (32, 11)),
    "yt-all": (1146, (860, 286), (859, 287), (860, 286)),
    "yt-clean": (496, *[(372, 124)] * 3),
    "yt-music": (397, *[(298, 99)] * 3),
}


class TestOfficialLists:
    """Counts of docs/data/yt360.md."""

    @pytest.mark.parametrize("name", SETS)
    def test_counts(self, shared, name):
        lists = shared / "splits" / "yt360"
        everything = read_list(lists, name)
        total, *splits = COUNTS[name]
        assert len(everything) == total
        for number, (train, test) in enumerate(splits, 1):
            parts = [read_list(lists, name, f"{part}.{number}") for part in ("train", "test")]
            assert tuple(map(len, parts)) == (train, test)
            assert sorted(parts[0] + parts[1]) == sorted(everything)

    def test_subsets(self, shared):
        sets = {name: set(read_list(shared / "splits" / "yt360", name)) for name in SETS}
        assert sets["yt-clean"] | sets["yt-music"] <= sets["yt-all"]
        assert len(sets["yt-clean"] & sets["yt-music"]) == 78
        assert not sets["rec-street"] & sets["yt-all"]

    def test_json_of_a_rendering_is_plain(self, raw, lists):
        *_, info = yt360_set(raw, lists, ["yt-music"])
        assert json.loads(json.dumps(info.options)) == info.options
