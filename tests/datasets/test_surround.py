"""Surround sound for two ears, and the folder of real videos, of which one has it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.sources.surround import SPEAKERS, SurroundRenderer
from ccstereo.errors import DatasetError
from small import TRAIN_SMALL

TINY = [
    *TRAIN_SMALL,
    *("--trainer.accelerator", "cpu", "--trainer.max_steps", "2", "--trainer.default_root_dir", "out"),
    *("--data.batch_size", "2", "--data.workers", "0", "--data.epoch_size", "4", "--data.validation_size", "2"),
]


def click(layout: str, channel: int, length: int = 400) -> np.ndarray:
    sound = np.zeros((length, len(SPEAKERS[layout])), np.float32)
    sound[100, channel] = 1
    return sound


@pytest.mark.parametrize("layout", SPEAKERS)
def test_each_loudspeaker_is_on_its_side(layout: str) -> None:
    for channel, azimuth in enumerate(SPEAKERS[layout]):
        pair = SurroundRenderer(layout)(click(layout, channel))
        assert pair.shape == (400, 2)
        if azimuth is None:  # low frequencies
            assert not pair.any()
            continue
        energy, peak = np.square(pair).sum(0), np.abs(pair).argmax(0)
        if azimuth == 0:
            np.testing.assert_allclose(pair[:, 0], pair[:, 1], atol=1e-6)
        else:
            near, far = (0, 1) if azimuth > 0 else (1, 0)
            assert energy[near] > 1.2 * energy[far]
            assert peak[near] < peak[far]


def test_blocks_are_one_sound() -> None:
    sound = np.random.default_rng(0).standard_normal((1000, 6)).astype(np.float32)
    whole = SurroundRenderer("5.1")(sound)
    renderer = SurroundRenderer("5.1")
    parts = [renderer(sound[a:b]) for a, b in [(0, 400), (400, 400), (400, 430), (430, 1000)]]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def write_surround(path: Path, sound: np.ndarray) -> None:
    """A black video with sound (T, 6) at 16 kHz, as FLAC."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 96, 48, "yuv420p"
        audio = output.add_stream("flac", rate=16_000)
        audio.layout = "5.1"
        for _ in range(len(sound) // 1600):
            output.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 96, 3), np.uint8))))
        output.mux(video.encode(None))
        for start in range(0, len(sound), 1600):
            block = np.rint(sound[start : start + 1600] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), "s16", "5.1")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))


def test_through_the_command_line(tmp_path: Path, capsys) -> None:
    sound = np.zeros((32_000, 6), np.float32)
    sound[:, 0] = 0.1 * np.random.default_rng(0).standard_normal(32_000)
    sound[:, 3] = 0.2
    (tmp_path / "in").mkdir()
    write_surround(tmp_path / "in" / "film.mkv", sound)
    command = ["prepare", "folder", str(tmp_path / "in"), "--seconds", "1", "--jobs", "1", "-o"]
    assert main([*command, str(tmp_path / "without")]) == 1
    assert "6 channels, not 2; --surround renders them" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "set"), "--surround"]) == 0
    assert "split by time" in capsys.readouterr().err
    made = PreparedSet(tmp_path / "set")
    assert [row.tags["rendered"] for row in made.clips.values()] == ["5.1", "5.1"]
    assert all(row.tags["delayed"] > 0.9 for row in made.clips.values())
    joined = np.concatenate([made.sound(name) for name in made.clips], axis=1)
    np.testing.assert_allclose(joined, SurroundRenderer("5.1")(sound).T, atol=2e-4)
    assert [len(made.ids("default", part)) for part in ("train", "val", "test")] == [1, 1, 0]
    assert main(["prepare", "--check", str(tmp_path / "set")]) == 0
    with pytest.raises(DatasetError, match="no such SOFA file"):
        SurroundRenderer("5.1", tmp_path / "none.sofa")


@pytest.mark.parametrize("options", [[], ["--surround"]], ids=["stereo", "surround"])
def test_the_folder_of_real_videos_trains(shared: Path, tmp_path: Path, monkeypatch, capsys, options) -> None:
    """One ordinary stereo video of 13 s, split by time, is enough; with its 5.1 neighbour it is split by file."""
    pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for path in (*(shared / "media").glob("big_buck_bunny_30s.*"), *(shared / "media").glob("nasa_13013.*")):
        Path("in", path.name).symlink_to(path)
    assert main(["prepare", "folder", "in", "-o", "set", "--jobs", "1", *options]) == 0
    out, error = capsys.readouterr()
    made = PreparedSet("set")
    sources = {part: {made.clips[name].source for name in made.ids("default", part)} for part in ("train", "val")}
    if options:
        assert sources == {"train": {"big_buck_bunny_30s"}, "val": {"nasa_13013"}}
    else:
        assert "6 channels, not 2" in out
        assert "split by time" in error
        assert sources == {"train": {"nasa_13013"}, "val": {"nasa_13013"}}
    assert "ordinary stereo" in error
    assert main(["prepare", "--check", "set"]) == 0
    assert main(["train", "--config", "lite-stage", "--data.path", "set", *TINY]) == 0
    assert Path("out/weights/model.safetensors").is_file()
