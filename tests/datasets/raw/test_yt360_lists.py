"""The official lists where they are, the names of files, and lists that are not as they should be."""

import json
from pathlib import Path

import pytest

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.sources.yt360 import Rendering, channel_order, yt360_set
from ccstereo.datasets.sources.yt360_lists import SETS, find_sources, read_list, read_projections, youtube_id
from ccstereo.errors import DatasetError
from ccstereo.media import Projection


class TestErrors:
    def test_folders(self, yt360_raw, tmp_path):
        raw, lists = yt360_raw.videos, yt360_raw.lists
        with pytest.raises(DatasetError, match="no such folder"):
            yt360_set(tmp_path / "none", lists)
        with pytest.raises(DatasetError, match="no such list"):
            yt360_set(raw, tmp_path)
        with pytest.raises(DatasetError, match="none of the 10 listed videos"):
            yt360_set(tmp_path, lists, ["yt-music"])
        with pytest.raises(DatasetError, match="SOFA"):
            yt360_set(raw, lists, ["yt-music"], Rendering(sofa=tmp_path / "none.sofa"))
        with pytest.raises(DatasetError, match="list of projections"):
            yt360_set(raw, lists, ["yt-music"], Rendering(projections=tmp_path / "none.txt"))

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


def test_files_that_belong_together(tmp_path):
    """As spatialaudiogen's scripts download them, and as they prepare them."""
    names = ["aaaaaaaaaa-.video.mp4", "aaaaaaaaaa-.audio.f338.webm", "bbbbbbbbbb--video.mp4", "bbbbbbbbbb--ambix.m4a"]
    for name in [*names, "ccccccccccc.audio.f327.m4a", "ddddddddddd.video.mp4", "notes.wav"]:
        (tmp_path / name).touch()
    wanted = ["aaaaaaaaaa-", "bbbbbbbbbb-", "ccccccccccc", "ddddddddddd", "eeeeeeeeeee"]
    sources, missing = find_sources(tmp_path, wanted)
    paths = [[path.name for path in source.paths] for source in sources]
    assert paths == [names[:2], names[2:], ["ddddddddddd.video.mp4"]]
    reasons = {item.source: item.reason for item in missing}
    assert reasons == {
        "ccccccccccc": "ccccccccccc.audio.f327.m4a is there, but no video",
        "eeeeeeeeeee": "is not in the folder",
    }


def test_lists_of_projections(tmp_path):
    path = tmp_path / "formats.txt"
    path.write_text(
        "aaa 313 MONO EAC\nbbb 138 STEREO EAC\nccc 138 STEREO ER\n\nddd equal-area\neee cubemap left-right\n"
    )
    assert read_projections(path) == {
        "aaa": Projection("eac"),
        "bbb": Projection("eac", "left-right", turned=True),
        "ccc": Projection("equirectangular", "top-bottom"),
        "ddd": Projection("equal-area"),
        "eee": Projection("cubemap", "left-right"),
    }
    for line in ("aaa", "aaa fisheye", "aaa ER EAC", "aaa ER both", "aaa ER mono stereo"):
        path.write_text(line)
        with pytest.raises(DatasetError, match="expected lines such as"):
            read_projections(path)


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

    def test_through_the_command_line(self, shared, yt360_raw, tmp_path, capsys):
        """One video of REC-STREET, all four lists: splits of the list it is in, and 1,188 videos that are missing."""
        lists = shared / "splits" / "yt360"
        video = read_list(lists, "rec-street")[0]
        source = yt360_raw.videos / "more" / f"{yt360_raw.names['flat']}.mkv"
        (tmp_path / f"{video}.mkv").symlink_to(source)
        assert main(["prepare", "yt360", str(tmp_path), "--lists", str(lists), "-o", str(tmp_path / "set")]) == 0
        out = capsys.readouterr().out
        assert "1188 could not be used" in out
        assert " and 1185 more: is not in the folder\n" in out
        assert out.count("\n") < 12
        made = PreparedSet(tmp_path / "set")
        assert {name.removesuffix("-val") for name in made.folds()} == {f"rec-street-{n}" for n in (1, 2, 3)}
        assert list(made.clips) == [f"{video}@0000"]
        assert main(["prepare", "--check", str(made.folder)]) == 0

    def test_json_of_a_rendering_is_plain(self, yt360_raw):
        *_, info = yt360_set(yt360_raw.videos, yt360_raw.lists, ["yt-music"])
        assert json.loads(json.dumps(info.options)) == info.options
