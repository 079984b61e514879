"""Pipes, addresses and parts of a file through the real command line, and how loud the result is."""

import io
import os
import shutil
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from ccstereo.binauralizer import Binauralizer
from ccstereo.cli.main import main
from ccstereo.mastering import BlockPowers
from ccstereo.media import read_mono, write_video
from ccstereo.models import save_model


@pytest.fixture(scope="session")
def weights(lite, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("weights")
    save_model(lite, folder)
    return str(folder)


@pytest.fixture
def convert(weights):
    """Run the command with quick settings; returns its status."""
    return lambda *arguments: main(["binauralize", *map(str, arguments), "--weights", weights, "--hop", "0.6"])


class Pipe:
    """A stream of text with a stream of bytes below, as standard input and output are."""

    def __init__(self, content: bytes = b"") -> None:
        self.buffer = io.BytesIO(content)

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        return self.buffer.write(text.encode())

    def flush(self) -> None:
        pass


def kind(content: bytes) -> str:
    with av.open(io.BytesIO(content)) as container:
        return container.format.name


def test_standard_input_to_standard_output(clip: Path, convert, capsys, monkeypatch) -> None:
    out = Pipe()
    monkeypatch.setattr(sys, "stdin", Pipe(clip.read_bytes()))
    monkeypatch.setattr(sys, "stdout", out)
    assert convert("-") == 0
    assert kind(out.buffer.getvalue()) == "matroska,webm"
    assert capsys.readouterr().err.startswith("-: 2.0 s in")  # the report is not among the bytes
    monkeypatch.setattr(sys, "stdout", out := Pipe())
    assert convert(clip, "-o", "-", "-q") == 0
    assert kind(out.buffer.getvalue()).startswith("mov")


def test_standard_input_that_is_no_video(convert, capsys, monkeypatch, tmp_path: Path) -> None:
    for content, reason in [(b"", "is empty"), (b"hello\n", "is a text file")]:
        monkeypatch.setattr(sys, "stdin", Pipe(content))
        assert convert("-", "-o", tmp_path / "a.mp4") == 1
        assert capsys.readouterr().err.startswith(f"ccstereo: error: standard input: {reason}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe(clip: Path, convert, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(clip.read_bytes()))
    writer.start()
    assert convert(pipe, "-o", tmp_path / "a.wav", "-q") == 0
    writer.join()
    assert soundfile.info(tmp_path / "a.wav").frames == 32_000


def test_an_address(clip: Path, convert, tmp_path: Path, capsys, monkeypatch) -> None:
    """From a server that cannot give parts of a file; the default output goes into the current folder."""
    (tmp_path / "served").mkdir()
    shutil.copy(clip, tmp_path / "served" / "a film.mp4")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "served"))

        def log_message(self, *arguments) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            monkeypatch.chdir(tmp_path)
            address = f"http://127.0.0.1:{server.server_port}"
            assert convert(f"{address}/a%20film.mp4?key=1") == 0
            assert (tmp_path / "a film.binaural.mp4").is_file()
            capsys.readouterr()
            assert convert(f"{address}/none.mp4") == 1
            error = capsys.readouterr().err
            assert error.startswith(f"ccstereo: error: {address}/none.mp4: cannot be read from there (HTTP Error 404")
        finally:
            server.shutdown()
            thread.join()


def test_names_as_long_as_a_file_may_have(clip: Path, convert, tmp_path: Path, capsys) -> None:
    source = tmp_path / f"{'x' * 251}.mp4"
    shutil.copy(clip, source)
    assert convert(source, "-q") == 0
    (out,) = (path for path in tmp_path.iterdir() if path != source)
    assert out.name == f"{'x' * 242}.binaural.mp4"
    longer = "y" * 300
    for arguments in ((f"{longer}.mp4",), (clip, "-o", tmp_path / f"{longer}.mp4")):
        assert convert(*arguments) == 1
        error = capsys.readouterr().err
        assert error.startswith("ccstereo: error: ")
        assert error.count("\n") == 1
        assert "Error:" not in error.removeprefix("ccstereo: error: ")


def test_a_part_of_a_file(clip: Path, convert, tmp_path: Path, capsys) -> None:
    assert convert(clip, "-o", tmp_path / "a.wav", "--start", "0.5", "--duration", "1") == 0
    assert "1.0 s, from 0.50 s on," in capsys.readouterr().out
    assert soundfile.info(tmp_path / "a.wav").frames == 16_000
    assert convert(clip, "-o", tmp_path / "a.mp4", "--start", "1.5") == 0
    out = capsys.readouterr().out
    assert "note: begins at 0.00 s, where the last key frame before 1.50 s is: the video is copied" in out
    assert convert(clip, "-o", tmp_path / "b.wav", "--start", "2.5") == 1
    assert "a start at 2.50 s is past its end" in capsys.readouterr().err


def test_a_part_behind_the_end_of_the_sound(convert, tmp_path: Path, capsys) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 32_000)).astype(np.float32)
    write_video(tmp_path / "longer.mp4", np.zeros((40, 48, 96, 3), np.uint8), noise)
    assert convert(tmp_path / "longer.mp4", "-o", tmp_path / "c.wav", "--start", "3") == 1
    assert capsys.readouterr().err.endswith("longer.mp4: its sound ends before --start 3; begin earlier\n")
    assert not (tmp_path / "c.wav").exists()


def test_the_output_is_as_loud_as_the_input_and_below_the_ceiling(clip: Path, lite, tmp_path: Path) -> None:
    def loudness(sound: np.ndarray, rate: int) -> float:
        meter = BlockPowers(rate)
        meter.push(sound.astype(np.float32))
        meter.finish()
        return meter.integrated

    mono, rate = read_mono(clip)
    binauralizer = Binauralizer(lite, hop=0.6)
    done = []
    for options in ({}, {"gain": -6.0}, {"true_peak": -12.0, "gain": 6.0}):
        out = tmp_path / "a.wav"
        report = binauralizer.convert(clip, out, progress=lambda *state: done.append(state), **options)
        sound = soundfile.read(out)[0].T
        assert report.input_loudness == pytest.approx(loudness(np.stack([mono, mono]), rate), abs=0.01)
        assert report.output_loudness == pytest.approx(loudness(sound, rate), abs=0.01)
        if "true_peak" in options:
            assert np.abs(sound).max() <= 10 ** (-12 / 20) + 1e-4
            assert report.true_peak == pytest.approx(-12, abs=0.1)
            assert any("as peaks leave no room below -12 dBTP" in note for note in report.notes)
        else:
            assert report.output_loudness == pytest.approx(report.input_loudness + options.get("gain", 0), abs=0.5)
        assert done[-1] == (report.duration, report.duration)
