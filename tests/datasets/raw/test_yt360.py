"""360 degree videos through the preparer: heard where they are seen, whatever their layout, codec and channels."""

import io

import numpy as np
import pytest
from PIL import Image

from ccstereo.datasets.prepared.build import prepare
from ccstereo.datasets.prepared.check import check_set
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.windows import read_sound
from ccstereo.datasets.sources.yt360 import Rendering, yt360_set
from ccstereo.datasets.sources.yt360_lists import yt360_folds
from ccstereo.scenes.acoustics.decoders import load_decoder

USED = ("plain", "flat", "eyes", "cube", "pair", "area")


def run(raw, output, **options):
    sources, unused, worker, info = yt360_set(raw.videos, raw.lists, ["yt-music"], Rendering(seconds=1, **options))
    folds = yt360_folds(raw.lists, ["yt-music"])
    return prepare(sources, worker, output, info, folds=folds, rejected=unused), PreparedSet(output)


@pytest.fixture(scope="module")
def prepared(yt360_raw, tmp_path_factory):
    return run(yt360_raw, tmp_path_factory.mktemp("out") / "set")


@pytest.fixture
def clips_of(prepared, yt360_raw):
    """Rows of the clips of a video, by what is odd about it."""
    return lambda name: [row for row in prepared[1].clips.values() if row.source == yt360_raw.names[name]]


@pytest.fixture
def source_of(yt360_raw):
    """A video's source and the worker, with a rendering."""

    def find(name, rendering):
        sources, _, worker, _ = yt360_set(yt360_raw.videos, yt360_raw.lists, ["yt-music"], rendering)
        return next(s for s in sources if s.key == yt360_raw.names[name]), worker

    return find


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
    @pytest.mark.parametrize("name", USED)
    def test_what_is_seen_on_the_left_is_heard_on_the_left(self, prepared, clips_of, yt360_raw, name):
        _, data = prepared
        rows = clips_of(name)
        assert [row.start for row in rows] == [0, 1, 2]
        assert all(row.samples == 16_000 and row.frames == 10 for row in rows[:-1])
        sound = data.sound(rows[1].id)
        louder, earlier = sides(sound)
        assert louder > 1
        assert earlier > 2
        assert abs(dot(data.frame(rows[1].id, 5)) - yt360_raw.azimuth) < 2

    def test_tags_tell_how_the_picture_was_understood(self, clips_of):
        kinds = {name: clips_of(name)[0].tags for name in USED}
        assert kinds["cube"]["projection"] == "eac"
        assert (kinds["cube"]["projection_from"], kinds["cube"]["projection_tagged"]) == ("frames", "equirectangular")
        assert (kinds["eyes"]["projection"], kinds["eyes"]["stereo"]) == ("equirectangular", "top-bottom")
        assert kinds["plain"]["projection_tagged"] is None
        assert (kinds["area"]["projection"], kinds["area"]["projection_from"]) == ("equal-area", "frames")
        assert [name for name in kinds if not kinds[name]["height"]] == ["flat"]

    def test_all_codecs_sound_alike(self, prepared, clips_of):
        _, data = prepared
        plain, *others = (data.sound(clips_of(name)[1].id) for name in ("plain", "eyes", "cube", "pair", "area"))
        for other in others:
            assert np.corrcoef(plain[0], other[0])[0, 1] > 0.9

    def test_clips_join_without_a_seam(self, prepared, clips_of, source_of, yt360_raw):
        _, data = prepared
        joined = np.concatenate([data.sound(row.id) for row in clips_of("flat")], axis=1)
        source, worker = source_of("flat", Rendering(seconds=10))
        (whole,) = list(worker(source))
        np.testing.assert_allclose(joined, whole.sound[:, : joined.shape[1]], atol=1e-4)
        assert abs(dot(whole.frames[0]) - yt360_raw.azimuth) < 2

    def test_what_cannot_be_used_is_told(self, prepared, clips_of, yt360_raw):
        report, data = prepared
        names = yt360_raw.names
        reasons = {(item.source, item.part): item.reason for item in report.unused}
        assert "incomplete" in reasons[names["cut"], ""]
        assert "2 channels" in reasons[names["stereo"], ""]
        assert "not in the folder" in reasons[names["absent"], ""]
        assert "silent" in reasons[names["quiet"], "1 s to 2 s"]
        assert "no direction" in reasons[names["quiet"], "2 s to 3 s"]
        (twin,) = ((part, reason) for (name, part), reason in reasons.items() if name == names["plain"])
        assert twin[0].endswith(f"more/{names['plain']}.mkv")
        assert "id of another source" in twin[1]
        assert len(clips_of("quiet")) == 1
        assert not any(row.source == "not_in_list" for row in data.clips.values())
        assert reasons["not_in_list", "not_in_list.mkv"] == "is in none of the lists"

    def test_splits_are_the_official_ones(self, prepared, yt360_raw):
        _, data = prepared
        names = yt360_raw.names
        assert len(data.folds()) == 6
        train = {data.clips[clip].source for clip in data.ids("yt-music-2", "train")}
        test = {data.clips[clip].source for clip in data.ids("yt-music-2", "test")}
        assert train == {names[name] for name in USED}
        assert test == {names["quiet"]}
        assert data.ids("yt-music-2", "val") == []
        held = {
            part: {data.clips[clip].source for clip in data.ids("yt-music-2-val", part)} for part in ("train", "val")
        }
        assert held["train"] | held["val"] == train
        assert len(held["val"]) == 1

    def test_yaw_turns_sound_and_picture_together(self, source_of, yt360_raw):
        source, worker = source_of("flat", Rendering(seconds=1, yaw=-120.0, decoder="magls"))
        clip = next(iter(worker(source)))
        louder, earlier = sides(clip.sound)
        assert louder < -3
        assert earlier < -2
        assert abs(dot(clip.frames[0]) - (yt360_raw.azimuth - 120)) < 2

    def test_a_list_of_projections_goes_before_what_is_seen(self, source_of, yt360_raw, tmp_path):
        """Told to be equal-area, an equirectangular picture is remapped: the dot stays on the horizon."""
        (tmp_path / "known.txt").write_text(f"{yt360_raw.names['flat']} 313 MONO equal-area\n")
        source, worker = source_of("flat", Rendering(seconds=1, projections=tmp_path / "known.txt"))
        clip = next(iter(worker(source)))
        assert (clip.tags["projection"], clip.tags["projection_from"]) == ("equal-area", "list")
        assert abs(dot(clip.frames[0]) - yt360_raw.azimuth) < 2

    def test_the_command_goes_on_where_it_was(self, prepared, yt360_raw, capsys):
        from ccstereo.cli.main import main

        report, data = prepared
        words = [
            "prepare",
            "yt360",
            str(yt360_raw.videos),
            "--lists",
            str(yt360_raw.lists / "subsets"),
            "--set",
            "yt-music",
        ]
        assert main([*words, "--seconds", "1", "--jobs", "1", "-o", str(data.folder)]) == 0
        out = capsys.readouterr().out
        assert f"{len(report.rows)} clips" in out
        assert "done before" in out
        assert main([*words, "--decoder", "magls", "--seconds", "1", "-o", str(data.folder)]) == 1


@pytest.fixture(scope="module")
def kept(yt360_raw, tmp_path_factory):
    return run(yt360_raw, tmp_path_factory.mktemp("kept") / "set", sound="foa")[1]


class TestKeptAmbisonics:
    def test_rendering_what_was_kept_is_what_is_prepared_for_two_ears(self, prepared, kept, clips_of):
        _, ears = prepared
        assert kept.info.sound == "foa"
        assert list(kept.clips) == list(ears.clips)
        assert check_set(kept) == []
        clip = clips_of("plain")[1].id
        rendered = read_sound(kept, clip, load_decoder())[:, 300:]  # the filters reach into the clip before
        np.testing.assert_allclose(rendered.numpy(), ears.sound(clip)[:, 300:], atol=1e-3)

    def test_sound_without_heights_has_a_silent_z(self, kept, clips_of):
        assert not kept.sound(clips_of("flat")[0].id)[2].any()
        assert kept.sound(clips_of("plain")[0].id)[2].any()

    def test_the_command(self, yt360_raw, tmp_path, capsys):
        from ccstereo.cli.main import main

        words = ["prepare", "yt360", str(yt360_raw.videos), "--lists", str(yt360_raw.lists), "--set", "rec-street"]
        words += ["--jobs", "1", "--seconds", "1", "-o", str(tmp_path / "set"), "--sound", "foa"]
        assert main(words) == 0
        assert PreparedSet(tmp_path / "set").info.sound == "foa"
        assert main(["prepare", "--check", str(tmp_path / "set")]) == 0
        with pytest.raises(SystemExit) as stop:
            main([*words, "--decoder", "magls"])
        assert stop.value.code == 2
        assert "--decoder and --sofa go with --sound binaural" in capsys.readouterr().err
