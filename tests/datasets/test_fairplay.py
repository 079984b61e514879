"""FAIR-Play in small, in its raw layouts and with their quirks, through the real command line."""

import hashlib
import http.server
import io
import json
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.build import Source
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.sources import download
from ccstereo.datasets.sources.fairplay import CLIPS, fairplay_clip, fairplay_folds, fairplay_set, numbers_in
from ccstereo.errors import DatasetError


@pytest.fixture(scope="module")
def raw(fairplay_raw: Path) -> Path:
    return fairplay_raw


def prepare(raw: Path, output: Path, *more: str) -> int:
    return main(["prepare", "fairplay", str(raw), "-o", str(output), "--jobs", "1", *more])


@pytest.fixture(scope="module")
def prepared(raw: Path, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("prepared") / "set"
    assert prepare(raw, output) == 0
    return output


def test_what_is_used_and_what_is_not(prepared: Path) -> None:
    made = PreparedSet(prepared)
    assert list(made.clips) == ["000001", "000002", "000003", "000004"]
    assert {(row.samples, row.frames) for row in made.clips.values()} == {(19_200, 12)}
    lines = [json.loads(line) for line in (prepared / "unused.jsonl").read_text().splitlines()]
    reasons = {row["source"]: row["reason"] for row in lines}
    assert "Git LFS pointer" in reasons.pop("000005")
    assert "no video or frames" in reasons.pop("000006")
    assert "lasts 0.40 s, its sound 1.2 s" in reasons.pop("000007")
    assert "frame 5 is missing" in reasons.pop("000008")
    assert "1 channel, not 2" in reasons.pop("000009")
    assert "moov" in reasons.pop("000010") or "cut off" in reasons
    assert "Git LFS pointer" in reasons.pop("ten-split2")
    assert "names 000001 more than once" in reasons.pop("five-split4")
    assert not reasons


def test_sound_and_pictures_are_those_of_the_raw_files(raw: Path, prepared: Path) -> None:
    made = PreparedSet(prepared)
    for name in made.clips:
        source, _ = soundfile.read(raw / "binaural_audios" / f"{name}.wav", dtype="float32")
        spectra = [np.abs(np.fft.rfft(x, axis=0))[:6_000] for x in (source, made.sound(name).T * 3)]
        np.testing.assert_allclose(spectra[1], spectra[0], atol=0.02 * spectra[0].max())  # the same below 5 kHz
        levels = [float(made.frame(name, k).mean()) for k in range(12)]
        np.testing.assert_allclose(levels, 10 * np.arange(12) + 20, atol=3)


def test_frames_without_sound_are_reported(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "000001.wav").touch()
    for number in ("000001", "000002"):
        (tmp_path / "frames" / f"{number}.mp4").mkdir(parents=True)
    sources, unused, *_ = fairplay_set(tmp_path)
    assert [source.key for source in sources] == ["000001"]
    assert [(item.source, item.reason) for item in unused] == [("000002", f"{tmp_path}: has no sound of this number")]


def test_frames_with_words_in_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "000001"
    folder.mkdir()
    for k in range(12):
        Image.fromarray(np.full((9, 16, 3), 10 * k + 20, np.uint8)).save(folder / f"frame{k + 1:04d}.jpg")
    sound = tmp_path / "000001.wav"
    soundfile.write(sound, np.random.default_rng(0).uniform(-0.3, 0.3, (19_200, 2)), 16_000)
    (clip,) = fairplay_clip(Source("000001", (sound, folder)))
    assert len(clip.frames) == 12
    for path in folder.iterdir():
        path.rename(path.with_suffix(".gif"))
    with pytest.raises(DatasetError, match=r"holds 0 frames of the 12 .* expected 000001.png, 1.jpg, frame0001.jpg"):
        list(fairplay_clip(Source("000001", (sound, folder))))


def test_splits(prepared: Path) -> None:
    made = PreparedSet(prepared)
    assert made.folds() == ["five-split3", "ten-split1"]
    for name in made.folds():
        assert made.ids(name, "train") == ["000001", "000002"]  # 77 is not in the set
        assert (made.ids(name, "val"), made.ids(name, "test")) == (["000003"], ["000004"])
        assert "000077" in (prepared / "splits" / name / "train.txt").read_text()
    with pytest.raises(DatasetError, match="this set has five-split3, ten-split1"):
        made.ids("five-split9", "train")
    assert main(["prepare", "--check", str(prepared)]) == 0


def test_the_official_five_splits(shared: Path) -> None:
    splits, unused = fairplay_folds([shared / "splits" / "fairplay_five"])
    assert unused == []
    assert sorted(splits) == [f"five-split{n}" for n in range(1, 6)]
    for parts in splits.values():
        assert [len(parts[part]) for part in ("train", "val", "test")] == [1497, 187, 187]
        assert len({number for part in parts.values() for number in part}) == CLIPS
    tests = [set(parts["test"]) for parts in splits.values()]
    assert len(set.union(*tests)) == 585  # the tests overlap: five means are not of independent folds


def test_the_official_five_splits_through_the_command_line(shared: Path, raw: Path, tmp_path: Path, capsys) -> None:
    """Four clips of the set: what is there of a split is told next to what it names; its lists stay whole."""
    five = shared / "splits" / "fairplay_five"
    assert prepare(raw, tmp_path / "set", "--splits", str(five)) == 0
    out = capsys.readouterr().out
    made = PreparedSet(tmp_path / "set")
    assert made.folds() == [f"five-split{n}" for n in range(1, 6)]
    for name in made.folds():
        parts = [len(made.ids(name, part)) for part in ("train", "val", "test")]
        assert sum(parts) == 4
        assert f"fold {name}: train/val/test {'/'.join(map(str, parts))} of 1497/187/187, sha256 " in out
    assert main(["prepare", "--check", str(tmp_path / "set")]) == 0


def test_bad_split_files(tmp_path: Path) -> None:
    for name, content, words in [
        ("a.txt", b"000001.mp3\nabc.mp3\n", "found abc.mp3"),
        ("b.txt", b"000001.mp3\n000001.mp3\n", "000001 more than once"),
        ("c.txt", b"", "found nothing"),
        ("d.h5", b"nonsense", "not an HDF5 file"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=words):
            numbers_in(tmp_path / name)


class Server(http.server.BaseHTTPRequestHandler):
    """Serves files with ranges; breaks off after `quota` bytes of each answer while that is not None."""

    files: dict[str, bytes]
    quota: int | None = None
    ranges = True
    etag = '"one"'
    asked: list[str]

    def do_GET(self) -> None:
        data = self.files.get(self.path.rpartition("/")[2])
        if data is None:
            self.send_error(404)
            return
        asked = self.headers.get("Range") if self.ranges else None
        self.asked.append(self.headers.get("Range") or "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if asked and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked else 200)
        self.send_header("ETag", self.etag)
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(data[start:][: self.quota])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    handler = type("Handler", (Server,), {"files": {}, "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        handler.url = f"http://127.0.0.1:{running.server_port}/FAIR-Play/"
        yield handler
        running.shutdown()


class TestDownload:
    DATA = np.random.default_rng(0).bytes(3_000_000)

    def test_goes_on_where_it_stopped(self, server, tmp_path: Path) -> None:
        server.files["a.bin"], server.quota = self.DATA, 500_000
        with pytest.raises(DatasetError, match="the same command resumes"):
            download.download(server.url + "a.bin", tmp_path / "a.bin")
        assert (tmp_path / "a.bin.part").stat().st_size == 2_500_000
        assert not (tmp_path / "a.bin").exists()
        server.quota, seen = None, []
        digest = hashlib.sha256(self.DATA).hexdigest()
        url = server.url + "a.bin"
        download.download(url, tmp_path / "a.bin", digest, lambda done, total: seen.append((done, total)))
        assert (tmp_path / "a.bin").read_bytes() == self.DATA
        assert server.asked == ["", *(f"bytes={n * 500_000}-" for n in range(1, 6))]
        assert seen[-1] == (3_000_000, 3_000_000)

    def test_a_server_without_ranges_and_a_part_that_is_whole(self, server, tmp_path: Path) -> None:
        server.files["a.bin"] = self.DATA
        (tmp_path / "a.bin.part").write_bytes(self.DATA)
        download.download(server.url + "a.bin", tmp_path / "a.bin")
        server.ranges = False
        (tmp_path / "b.part").write_bytes(b"other")
        download.download(server.url + "a.bin", tmp_path / "b")
        assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b").read_bytes() == self.DATA

    def test_a_file_that_changed_on_the_server_is_fetched_anew(self, server, tmp_path: Path) -> None:
        server.files["a.bin"], server.quota = self.DATA, 500_000
        with pytest.raises(DatasetError, match="stopped"):
            download.download(server.url + "a.bin", tmp_path / "a.bin")
        other = np.random.default_rng(1).bytes(3_000_000)
        server.files["a.bin"], server.etag, server.quota = other, '"two"', None
        download.download(server.url + "a.bin", tmp_path / "a.bin")
        assert (tmp_path / "a.bin").read_bytes() == other
        assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]

    def test_python_without_filters_of_archives(self, server, tmp_path: Path, monkeypatch) -> None:
        """3.10.11, 3.11.3 and before: said before anything is downloaded."""
        monkeypatch.delattr(tarfile, "data_filter")
        with pytest.raises(DatasetError, match="cannot unpack archives safely; use 3"):
            download.fetch_archives((download.Archive("a.tar", 0.001),), server.url, tmp_path)
        assert server.asked == []

    def test_errors(self, server, tmp_path: Path) -> None:
        server.files["a.bin"] = self.DATA
        with pytest.raises(DatasetError, match="answers 404"):
            download.download(server.url + "none", tmp_path / "none")
        with pytest.raises(DatasetError, match="has the checksum"):
            download.download(server.url + "a.bin", tmp_path / "a.bin", "0" * 64)
        assert not list(tmp_path.iterdir())
        huge = (download.Archive("huge.tar", gigabytes=1e9),)
        with pytest.raises(DatasetError, match="needs 2000000000 GB"):
            download.fetch_archives(huge, server.url, tmp_path)
        (tmp_path / "x.tar.gz").write_bytes(b"no archive")
        with pytest.raises(DatasetError, match="cannot be unpacked"):
            download.unpack(tmp_path / "x.tar.gz", tmp_path)

    def test_nothing_is_unpacked_outside(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "bad.tar", "w") as archive:
            archive.addfile(tarfile.TarInfo("../outside.txt"), io.BytesIO())
        (tmp_path / "in").mkdir()
        with pytest.raises(DatasetError, match="cannot be unpacked"):
            download.unpack(tmp_path / "bad.tar", tmp_path / "in")
        assert not (tmp_path / "outside.txt").exists()

    def test_fairplay_from_the_server_to_the_set(
        self, server, raw: Path, prepared: Path, tmp_path: Path, capsys, monkeypatch
    ) -> None:
        """As the publisher's archives: fetched, unpacked, prepared; a second run asks for nothing."""
        small = tuple(download.Archive(f"{name}.tar.gz", 0.001) for name in ("splits", "audios", "videos"))
        monkeypatch.setattr("ccstereo.datasets.sources.fairplay.ARCHIVES", small)
        for archive, folder in [("splits", "splits"), ("audios", "binaural_audios"), ("videos", "videos")]:
            data = io.BytesIO()
            with tarfile.open(fileobj=data, mode="w:gz") as file:
                file.add(raw / folder, folder)
            server.files[f"{archive}.tar.gz"] = data.getvalue()
        arguments = ["--download", "--base-url", server.url]
        assert prepare(tmp_path / "raw", tmp_path / "set", *arguments) == 0
        assert "GB" in capsys.readouterr().out
        made = PreparedSet(tmp_path / "set")
        assert set(PreparedSet(prepared).clips) <= set(made.clips)
        assert made.folds() == PreparedSet(prepared).folds()
        assert not list((tmp_path / "raw").glob("[!.]*.tar.gz*"))
        digests = {name: hashlib.sha256(server.files[name]).hexdigest() for name in server.files if name.endswith("z")}
        assert download.read_checksums(tmp_path / "raw" / "SHA256SUMS") == digests
        server.asked.clear()
        assert prepare(tmp_path / "raw", tmp_path / "set", *arguments) == 0
        assert server.asked == []

    def test_what_a_list_of_checksums_says_must_hold(self, server, tmp_path: Path) -> None:
        server.files["a.tar"] = b"not what it was"
        (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  a.tar\n")
        with pytest.raises(DatasetError, match="has the checksum"):
            download.fetch_archives((download.Archive("a.tar", 0.001),), server.url, tmp_path)
        assert not (tmp_path / "a.tar").exists()
        (tmp_path / "SHA256SUMS").write_text("a.tar\n")
        with pytest.raises(DatasetError, match="line 1 is not a SHA-256"):
            download.fetch_archives((download.Archive("a.tar", 0.001),), server.url, tmp_path)


def test_errors_are_one_line(tmp_path: Path, capsys) -> None:
    for folder in (tmp_path / "none", tmp_path):
        assert prepare(folder, tmp_path / "set") == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "--download" in error
