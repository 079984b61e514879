import json
import subprocess
import time
import wave
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from ccstereo.datasets.prepared.build import Rejected, Source, prepare, without_copies
from ccstereo.datasets.prepared.check import check_row, check_set
from ccstereo.datasets.prepared.format import Clip, SetInfo, Unused, clip_id, encode_jpeg, safe_key, write_clip
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.errors import DatasetError

INFO = SetInfo("test")


def picture(index: int, size: tuple[int, int] = (240, 480)) -> np.ndarray:
    """A picture that tells its index by its grey."""
    return np.full((*size, 3), 2 * index + 20, np.uint8)


def make_clip(name: str, seconds: float = 2.0, seed: int = 0, gain: float = 0.3) -> Clip:
    sound = gain * np.random.default_rng(seed).standard_normal((2, round(16_000 * seconds))).astype(np.float32)
    return Clip(name, sound, [encode_jpeg(picture(k)) for k in range(-(-sound.shape[1] // 1600))], tags={"seed": seed})


def worker(source: Source):
    """Clips as the name of the source asks for."""
    if source.key == "broken":
        raise ValueError("a broken\nfile")
    if source.key == "empty":
        return
    yield make_clip(clip_id(source.key, 0), 1.0, len(source.key))
    if source.key == "half":
        yield Rejected("10 s to 20 s", "its channels are equal")
    if source.key == "late":
        raise DatasetError("breaks in the middle")


def sources(tmp_path, *names: str) -> list[Source]:
    found = []
    for name in names:
        path = tmp_path / name
        path.write_text(name)
        found.append(Source(name, (path,)))
    return found


@pytest.fixture
def one(tmp_path):
    """A set of one clip of 10 s, and its sound."""
    clip = make_clip("a", 10.0)

    def only(source: Source):
        yield clip

    prepare(sources(tmp_path, "a"), only, tmp_path / "set", INFO)
    return PreparedSet(tmp_path / "set"), clip.sound


class TestReading:
    def test_sound_is_kept_to_16_bits(self, one):
        prepared, sound = one
        error = np.abs(prepared.sound("a") - sound).max()
        assert error <= prepared.clips["a"].scale / 32768

    def test_sound_beyond_full_scale_is_not_clipped(self, tmp_path):
        clip = make_clip("loud", gain=1.0)
        prepare(sources(tmp_path, "loud"), lambda _: [clip], tmp_path / "set", INFO)
        read = PreparedSet(tmp_path / "set").sound("loud")
        np.testing.assert_allclose(read, clip.sound, atol=np.abs(clip.sound).max() / 32768)

    def test_16_bit_sound_is_kept_exactly(self, tmp_path):
        sound = np.random.default_rng(1).integers(-32768, 32767, (2, 1600)).astype(np.float32) / 32768
        clip = Clip("exact", sound, [encode_jpeg(picture(0))])
        prepare(sources(tmp_path, "exact"), lambda _: [clip], tmp_path / "set", INFO)
        np.testing.assert_array_equal(PreparedSet(tmp_path / "set").sound("exact"), sound)

    def test_windows_are_parts_of_the_whole(self, one):
        prepared, _ = one
        whole = prepared.sound("a")
        for start, length in [(0, 10_080), (1, 1), (149_920, 10_080), (160_000, 0)]:
            np.testing.assert_array_equal(prepared.sound("a", start, length), whole[:, start : start + length])
        for start, length in [(-1, 5), (159_999, 2), (0, -1)]:
            with pytest.raises(ValueError, match="160000 samples"):
                prepared.sound("a", start, length)

    def test_pictures(self, one):
        prepared, _ = one
        for index in (0, 57, 99):
            frame = prepared.frame("a", index)
            assert (frame.shape, frame.dtype) == ((240, 480, 3), np.uint8)
            assert abs(float(frame.mean()) - (2 * index + 20)) < 1
        assert prepared.jpegs("a")[57] == prepared.jpegs("a", 57, 58)[0]
        for first, last in [(-1, 1), (99, 101), (5, 5)]:
            with pytest.raises(ValueError, match="100 frames"):
                prepared.jpegs("a", first, last)

    def test_a_random_window_takes_less_than_a_millisecond(self, one):
        prepared, _ = one
        times = []
        for start in np.random.default_rng(0).integers(0, 149_920, 300):
            begin = time.perf_counter()
            prepared.sound("a", int(start), 10_080)
            times.append(time.perf_counter() - begin)
        assert np.median(times) < 1e-3

    def test_other_programs_play_the_files(self, one):
        prepared, _ = one
        with wave.open(str(Path(prepared.where("a", "sound")))) as file:
            assert file.getparams()[:4] == (2, 2, 16_000, 160_000)
            read = np.frombuffer(file.readframes(160_000), "<i2").reshape(-1, 2).T
        np.testing.assert_array_equal(read * np.float32(prepared.clips["a"].scale / 32768), prepared.sound("a"))
        with av.open(str(Path(prepared.where("a", "frames")))) as file:
            assert sum(1 for _ in file.decode(video=0)) == 100

    def test_the_table(self, one):
        prepared, sound = one
        row = prepared.clips["a"]
        assert (row.source, row.duration, row.samples, row.frames, row.tags) == ("a", 10.0, 160_000, 100, {"seed": 0})
        np.testing.assert_allclose(row.rms, np.sqrt((sound**2).mean(1)), rtol=1e-4)
        assert row.difference == pytest.approx(1, abs=0.02)
        command = ["sha256sum", Path(prepared.where("a", "sound")), Path(prepared.where("a", "frames"))]
        sums = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[::2]
        assert sums == [row.sound_sha256, row.frames_sha256]


class TestWriting:
    def test_wrong_clips_are_refused(self, tmp_path):
        clip = make_clip("a", 1.0)
        bad = [
            Clip("a", clip.sound[:1], clip.frames),
            Clip("a", clip.sound * np.nan, clip.frames),
            Clip("a", clip.sound, clip.frames[:-1]),
            Clip("a", clip.sound[:, :0], []),
        ]
        for wrong in bad:
            with pytest.raises(ValueError, match="clip a"):
                write_clip(tmp_path, wrong, "a", 1)
        assert not list(tmp_path.iterdir())

    def test_pictures_of_any_size_become_480x240(self):
        import io

        for size in [(480, 960), (100, 100), (240, 480)]:
            with Image.open(io.BytesIO(encode_jpeg(picture(50, size)))) as image:
                assert image.size == (480, 240)
                assert abs(np.asarray(image).mean() - 120) < 1

    def test_keys(self):
        assert safe_key("a-b_C9") == "a-b_C9"
        names = ["a b", "a.b", "a-b", "Ä", "x" * 100, "x" * 101, "日本", "a/b"]
        keys = [safe_key(name) for name in names]
        assert len(set(keys)) == len(names)
        assert all(len(key) < 90 and key.replace("-", "").replace("_", "").isascii() for key in keys)


class TestChecking:
    def test_every_length_is_good(self, one):
        """1.9 % of all lengths up to 10 s are not whole again when their seconds are multiplied by the rate."""
        prepared, _ = one
        row = prepared.clips["a"]
        odd = [n for n in range(1, 160_001) if n / 16_000 * 16_000 != n]
        assert len(odd) > 1000
        for samples in odd:
            other = replace(row, samples=samples, duration=samples / 16_000, frames=-(-samples // 1600))
            assert not check_row(other, "binaural"), samples
        for wrong in (replace(row, samples=159_999), replace(row, frames=99), replace(row, duration=9.99)):
            assert "do not agree" in check_row(wrong, "binaural")[0]

    def test_a_clip_of_an_odd_length(self, tmp_path):
        clip = make_clip("odd", 64_891 / 16_000)
        prepare(sources(tmp_path, "odd"), lambda _: [clip], tmp_path / "set", INFO)
        assert check_set(PreparedSet(tmp_path / "set")) == []


class TestVersions:
    def test_version_1_is_read_and_resumed(self, tmp_path):
        given = sources(tmp_path, "a", "b")
        prepare(given, worker, tmp_path / "set", INFO)
        path = tmp_path / "set" / "dataset.json"
        content = json.loads(path.read_text())
        path.write_text(json.dumps({k: v for k, v in content.items() if k not in ("sound", "folds")} | {"version": 1}))
        made = PreparedSet(tmp_path / "set")
        assert (made.info.sound, made.sound("a@0000").shape, check_set(made)) == ("binaural", (2, 16_000), [])
        assert prepare(given, worker, tmp_path / "set", INFO).done_before == 2

    def test_later_versions_are_refused(self, one):
        prepared, _ = one
        path = prepared.folder / "dataset.json"
        path.write_text(path.read_text().replace('"version": 2', '"version": 3'))
        with pytest.raises(DatasetError, match="not readable as ccstereo-prepared version 1 or 2"):
            PreparedSet(prepared.folder)


class TestPrepare:
    def test_the_broken_are_told_and_stop_nothing(self, tmp_path):
        given = sources(tmp_path, "z", "broken", "empty", "half", "late", "b")
        done = []
        report = prepare(given, worker, tmp_path / "set", INFO, progress=lambda n, total: done.append((n, total)))
        assert [row.id for row in report.rows] == ["b@0000", "half@0000", "z@0000"]
        reasons = {(item.source, item.part): item.reason for item in report.unused}
        assert reasons == {
            ("broken", ""): "ValueError: a broken file",
            ("empty", ""): "holds no clip",
            ("half", "10 s to 20 s"): "its channels are equal",
            ("late", ""): "breaks in the middle",
        }
        lines = (tmp_path / "set" / "unused.jsonl").read_text().splitlines()
        assert [Unused(**json.loads(line)) for line in lines] == report.unused
        assert done == [(n, 6) for n in range(1, 7)]
        assert sorted(p.name for p in (tmp_path / "set" / "sound").iterdir()) == [f"{r.id}.wav" for r in report.rows]

    def test_duplicates_are_told(self, tmp_path):
        given = sources(tmp_path, "a", "b")
        twin = Source("a", (tmp_path / "b",))
        for _ in range(2):
            report = prepare([*given, twin], worker, tmp_path / "set", INFO)
            assert [row.id for row in report.rows] == ["a@0000", "b@0000"]
            ((key, part),) = [(item.source, item.part) for item in report.unused]
            assert (key, part) == ("a", str(tmp_path / "b"))
        assert prepare(given, worker, tmp_path / "set", INFO).unused == []

    def test_goes_on_where_it_was(self, tmp_path, tree):
        given = sources(tmp_path, "a", "b", "c", "broken")
        seen = []

        def counting(source: Source):
            seen.append(source.key)
            if source.key == "c" and len(seen) == 4:
                raise KeyboardInterrupt
            return worker(source)

        with pytest.raises(KeyboardInterrupt):
            prepare(given, counting, tmp_path / "set", INFO)
        with pytest.raises(DatasetError, match="not finished"):
            PreparedSet(tmp_path / "set")
        with (tmp_path / "set" / "journal.jsonl").open("a") as file:
            file.write('{"source": "c", "byt')  # killed while it wrote
        (tmp_path / "set" / "sound" / ".c.1234.part").write_text("left")
        report = prepare(given, counting, tmp_path / "set", INFO)
        assert seen == ["a", "b", "broken", "c", "c"]
        assert report.done_before == 3
        prepare(given, worker, tmp_path / "other", INFO)
        assert tree(tmp_path / "set") == tree(tmp_path / "other")

    def test_a_finished_set_takes_new_and_changed_sources(self, tmp_path):
        given = sources(tmp_path, "a", "broken")
        prepare(given, worker, tmp_path / "set", INFO)
        seen = []

        def counting(source: Source):
            seen.append(source.key)
            return [make_clip(source.key, 0.5)]

        (tmp_path / "broken").write_text("mended now")
        report = prepare([*given, *sources(tmp_path, "d")], counting, tmp_path / "set", INFO)
        assert seen == ["broken", "d"]
        assert ([row.id for row in report.rows], report.unused) == (["a@0000", "broken", "d"], [])

    def test_nothing_else_is_overwritten(self, tmp_path):
        given = sources(tmp_path, "a", "b")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "thesis.txt").write_text("mine")
        with pytest.raises(DatasetError, match="no prepared set"):
            prepare(given, worker, tmp_path / "full", INFO)
        prepare(given, worker, tmp_path / "set", INFO)
        with pytest.raises(DatasetError, match="other sources, such as b"):
            prepare(given[:1], worker, tmp_path / "set", INFO)
        with pytest.raises(
            DatasetError, match="begun with other settings: seconds is None, not 5; choose another folder"
        ):
            prepare(given, worker, tmp_path / "set", SetInfo("test", {"seconds": 5}))
        assert len(PreparedSet(tmp_path / "set").clips) == 2

    def test_folds_of_an_earlier_run_are_replaced_and_a_users_stay(self, tmp_path):
        given = sources(tmp_path, "a", "b")
        mine = tmp_path / "set" / "splits" / "mine"

        def named(*names):
            return lambda rows: {name: {"train": [row.id for row in rows]} for name in names}

        prepare(given, worker, tmp_path / "set", INFO, folds=named("old", "kept"))
        mine.mkdir()
        for split in ("train", "val", "test"):
            (mine / f"{split}.txt").write_text("a@0000\n" if split == "train" else "")
        prepare(given, worker, tmp_path / "set", INFO, folds=named("kept", "new"))
        made = PreparedSet(tmp_path / "set")
        assert made.folds() == ["kept", "mine", "new"]
        assert set(made.info.folds) == {"kept", "new"}
        assert check_set(made) == []

    def test_copies_of_a_file_are_reported(self, tmp_path):
        given = sources(tmp_path, "a", "b", "c")
        (tmp_path / "b").write_bytes((tmp_path / "c").read_bytes())
        kept, copies = without_copies(given)
        assert [source.key for source in kept] == ["a", "b"]
        assert [(item.source, item.reason) for item in copies] == [
            ("c", f"is a copy of {tmp_path / 'b'}, which is used")
        ]
        prepare(given, worker, tmp_path / "set", INFO)  # as an earlier release did
        report = prepare(kept, worker, tmp_path / "set", INFO, rejected=copies)
        assert [row.source for row in report.rows] == ["a", "b"]
        assert report.unused == copies

    def test_no_clip_at_all_is_an_error(self, tmp_path):
        with pytest.raises(DatasetError, match="no clip could be made, such as broken: ValueError"):
            prepare(sources(tmp_path, "broken"), worker, tmp_path / "set", INFO)

    def test_an_output_that_cannot_be_written_stops(self, tmp_path):
        given = sources(tmp_path, "a", "b")
        with pytest.raises(DatasetError, match="cannot be written"):
            prepare(given, worker, given[0].paths[0] / "set", INFO)

        def blocking(source: Source):
            (tmp_path / "set" / "sound").write_text("in the way")
            return worker(source)

        with pytest.raises(DatasetError, match=r"cannot be written .*; what is done is kept"):
            prepare(given, blocking, tmp_path / "set", INFO)
