"""Whole conversions of real and large videos, and of one that breaks off."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ccstereo.errors import MediaError
from ccstereo.media import AudioChunk, MediaReader, StereoWriter


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
    assert len(tools.read(target).sound) == samples
    if name.startswith("nasa"):
        lost = [note.split(" is ")[0] for note in writer.notes]
        assert lost == ["audio track 1 (aac, eng)"]
        if suffix == ".mp4":
            for which in (0, 1):
                assert tools.packets(target, "subtitle", which) == tools.packets(source, "subtitle", which)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc for the memory it uses")
@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_memory_stays_small(big, tools, tmp_path, suffix):
    used = []
    with StereoWriter(big, tmp_path / f"out{suffix}", sample_rate=8000) as writer:
        for _ in range(600):
            writer.write(np.zeros((2, 800), np.float32))
            used.append(tools.resident())
    assert max(used[60:]) - used[60] < 15e6
    assert len(tools.packets(tmp_path / f"out{suffix}")) == 1500


def test_input_that_breaks_off(make, tools, tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 255, (50, 64, 96, 3), np.uint8))
    source = make("in.mp4", noise, tools.clicks(96_000, 100), options={"movflags": "+faststart"})
    source.write_bytes(source.read_bytes()[:-100_000])
    with pytest.raises(MediaError, match=r"in\.mp4: is cut off"), MediaReader(source) as reader:
        tools.convert(source, tmp_path / "out.mp4", tools.clicks(96_000, 100), start=reader.audio_start)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_frames_before_an_edit_list_stay_hidden(make, tools, tmp_path):
    # Frames 0 to 6 are there only for the decoder: the edit list starts at frame 7.
    source = make("in.mp4", sound=tools.clicks(48_000, 100), times=range(-7, 13), video={"options": {"g": "100"}})
    tools.convert(source, tmp_path / "out.mp4", tools.clicks(48_000, 100))
    before, after = tools.read(source), tools.read(tmp_path / "out.mp4")
    levels = [[tools.level(p) for p in found.frames.values()] for found in (before, after)]
    assert levels[0] == levels[1] == [7, 9, 12, 14, 17, 19, 19, 19, 19, 19]
    assert tools.packets(tmp_path / "out.mp4") == tools.packets(source)
