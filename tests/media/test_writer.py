import os
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from ccstereo.errors import MediaError
from ccstereo.media import SoundWriter, StereoWriter, check_output, default_output, open_writer, soundfiles, write_video


@pytest.fixture
def source(make, tools):
    return make("in.mp4", sound=tools.clicks(48_000, 100))


def test_the_suffix_chooses_the_writer(source, tmp_path):
    kinds = {"a.wav": SoundWriter, "a.FLAC": SoundWriter, "a.mp4": StereoWriter, "a.MKV": StereoWriter}
    for name, kind in kinds.items():
        with open_writer(source, tmp_path / name, sample_rate=48_000) as writer:
            assert type(writer) is kind
            writer.write(np.zeros((2, 480), np.float32))
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize(("suffix", "subtype", "error"), [(".wav", "FLOAT", 0), (".flac", "PCM_24", 2**-23)])
def test_sound_files(tmp_path, suffix, subtype, error):
    stereo = np.random.default_rng(0).uniform(-1, 1, (2, 10_000)).astype(np.float32)
    with SoundWriter(tmp_path / f"a{suffix}", sample_rate=44_100) as writer:
        for at in range(0, 10_000, 777):
            writer.write(stereo[:, at : at + 777])
    back, rate = soundfile.read(tmp_path / f"a{suffix}")
    assert rate == 44_100
    assert back.shape == (10_000, 2)
    assert np.abs(back.T - stereo).max() <= error
    assert soundfile.info(tmp_path / f"a{suffix}").subtype == subtype


def test_wav_keeps_what_is_beyond_full_scale(tmp_path):
    stereo = np.float32([[0.0, 1.5], [-2.0, 0.5]])
    for suffix, kept in ((".wav", [1.5, -2.0]), (".flac", [1.0, -1.0])):
        with SoundWriter(tmp_path / f"a{suffix}", sample_rate=48_000) as writer:
            writer.write(stereo)
        assert (writer.peak, writer.clipped) == (2.0, 2)
        back, _ = soundfile.read(tmp_path / f"a{suffix}")
        assert [back.max(), back.min()] == pytest.approx(kept, abs=1e-6)


def test_wav_stops_at_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(soundfiles, "_WAV_BYTES", 8 * 1000)
    message = r"a\.wav: grows past the 4 GiB that a \.wav can hold; write \.flac"
    with pytest.raises(MediaError, match=message), SoundWriter(tmp_path / "a.wav", sample_rate=48_000) as writer:
        writer.write(np.zeros((2, 1001), np.float32))
    assert list(tmp_path.iterdir()) == []


NAMES = ["out.mp4", "out.mov", "out.mkv", "out.wav", "out.flac"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [None, b"the old file"])
def test_nothing_half_written(source, tmp_path, name, error, old):
    target = tmp_path / name
    if old:
        target.write_bytes(old)
    before = sorted(p.name for p in tmp_path.iterdir())
    during = []

    def work(writer):
        for _ in range(20):
            writer.write(np.zeros((2, 2400), np.float32))
        during.extend(tmp_path.iterdir())
        raise error

    with pytest.raises(error), open_writer(source, target, sample_rate=48_000) as writer:
        work(writer)
    assert len(during) == len(before) + 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert not old or target.read_bytes() == old


@pytest.mark.parametrize("name", NAMES)
def test_name_appears_when_whole(source, tmp_path, name):
    target = tmp_path / name
    target.write_bytes(b"old")
    with open_writer(source, target, sample_rate=48_000) as writer:
        writer.write(np.zeros((2, 48_000), np.float32))
        (part,) = [p for p in tmp_path.iterdir() if p.name not in (name, "in.mp4")]
        assert part.name.startswith(".out.")
        assert part.suffix == target.suffix
        assert target.read_bytes() == b"old"
    assert target.stat().st_size > 3
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["in.mp4", name])


@pytest.mark.parametrize("name", NAMES)
def test_failure_at_the_end_leaves_nothing(source, tmp_path, name, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    target = tmp_path / name
    writer = open_writer(source, target, sample_rate=48_000)
    writer.write(np.zeros((2, 48_000), np.float32))
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(MediaError, match=r"cannot be replaced \(No space left on device\)"):
        writer.close()
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
    writer.close()  # nothing more to do
    with pytest.raises(ValueError, match="is closed"):
        writer.write(np.zeros((2, 10), np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_full_disk(source, tmp_path, name):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 48_000)).astype(np.float32)

    def work():
        with open_writer(source, tmp_path / name, sample_rate=48_000) as writer:
            for _ in range(10):
                writer.write(noise)

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # as much as a disk without space
    try:
        with pytest.raises(MediaError, match=rf"{name}: cannot be (continued|finished)"):
            work()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_a_track_that_the_index_cannot_describe(make, tools, tmp_path):
    """FFmpeg's writer of MP4 then ends without an index and reports success."""
    source = make("in.mp4", tools.grays(20), tools.clicks(38_400, 100), video={"codec": "libsvtav1"})
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    source.write_bytes(data)
    with (
        pytest.raises(MediaError, match=r"out\.mp4: cannot be finished: .*no index\); try --reencode"),
        open_writer(source, tmp_path / "out.mp4", sample_rate=48_000) as writer,
    ):
        writer.write(np.zeros((2, 38_400), np.float32))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_long_names(source, tmp_path):
    target = tmp_path / ("n" * 251 + ".mp4")
    with open_writer(source, target, sample_rate=48_000) as writer:
        writer.write(np.zeros((2, 4800), np.float32))
    assert target.exists()


def test_wrong_sound(source, tmp_path):
    with open_writer(source, tmp_path / "out.mp4", sample_rate=48_000) as writer:
        for wrong in (np.zeros(10), np.zeros((10, 2)), np.zeros((1, 10))):
            with pytest.raises(ValueError, match=r"shape \(2, T\)"):
                writer.write(wrong)
        with pytest.raises(ValueError, match="not finite"):
            writer.write(np.full((2, 10), np.nan))
        writer.write(np.zeros((2, 0)))
        writer.write(np.zeros((2, 4800)))  # doubles are taken, too
    assert writer.peak == 0


def test_output_is_the_input(source, tmp_path):
    (tmp_path / "soft.mp4").symlink_to(source)
    os.link(source, tmp_path / "hard.mp4")
    for name in ("in.mp4", "soft.mp4", "hard.mp4"):
        with pytest.raises(MediaError, match=rf"{name}: is the input itself; write to another file"):
            check_output(source, tmp_path / name)
        with pytest.raises(MediaError, match="is the input itself"):
            open_writer(source, tmp_path / name, sample_rate=48_000)
    with pytest.raises(MediaError, match="is the input itself"):
        check_output(str(source), os.path.relpath(source))
    assert source.stat().st_size > 0


def test_output_folder(source, tmp_path):
    with pytest.raises(MediaError, match=r"out\.mp4: its folder .*gone does not exist; create it first"):
        check_output(source, tmp_path / "gone" / "out.mp4")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(MediaError, match=r"folder\.mp4: is a folder; name a file in it"):
        check_output(source, tmp_path / "folder.mp4")
    with pytest.raises(MediaError, match=r"x\.mp4: its name is too long for a file"):
        check_output(source, tmp_path / f"{'x' * 300}.mp4")


def test_output_folder_that_is_closed(source, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(MediaError, match=r"out\.mp4: its folder .* cannot be written to; choose another"):
        check_output(source, tmp_path / "out.mp4")


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.mp3", "out.avi"])
def test_unknown_suffix(source, tmp_path, name):
    with pytest.raises(MediaError, match=r"cannot write .*; name it one of \.mp4, \.m4v, .*, \.wav, \.flac"):
        check_output(source, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [
        ("out.webm", "aac", r"out\.webm: \.webm cannot hold aac sound; use opus"),
        ("out.mov", "opus", r"out\.mov: \.mov cannot hold opus sound; use aac or alac"),
        ("out.mp4", "mp3", r"out\.mp4: unknown sound codec 'mp3'; use one of aac, alac, flac, opus"),
        ("out.wav", "aac", r"out\.wav: \.wav cannot hold aac sound; leave the codec out"),
    ],
)
def test_codec_that_does_not_fit(source, tmp_path, name, codec, message):
    with pytest.raises(MediaError, match=message):
        check_output(source, tmp_path / name, codec=codec)
    with pytest.raises(MediaError, match=message):
        open_writer(source, tmp_path / name, sample_rate=48_000, codec=codec)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(("name", "codec"), [("out.webm", "h264"), ("out.mov", "vp9")])
def test_frame_that_does_not_fit(make, tools, tmp_path, name, codec):
    encoder = {"h264": "libx264", "vp9": "libvpx-vp9"}[codec]
    source = make("in.mkv", sound=tools.clicks(48_000, 100), video={"codec": encoder})
    with pytest.raises(MediaError, match=rf"{name}: \.\w+ cannot hold {codec} video; use \.mkv"):
        check_output(source, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]


def test_input_that_cannot_be_read(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.mp4: no such file"):
        check_output(tmp_path / "gone.mp4", tmp_path / "out.mp4")


def test_fine_outputs_pass(source, tmp_path):
    for name in ("out.mp4", "out.M4V", "out.mov", "out.mkv", "out.wav", "out.flac"):
        check_output(source, tmp_path / name)
    (tmp_path / "there.mp4").write_bytes(b"an earlier result")
    check_output(source, tmp_path / "there.mp4")
    assert (tmp_path / "there.mp4").read_bytes() == b"an earlier result"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "suffix", [".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv", ".mts", ""]
)
def test_the_default_output_of_what_cannot_be_written_is_mkv(suffix):
    assert default_output(Path(f"a/clip{suffix}")) == Path("a/clip.binaural.mkv")


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".MOV"])
def test_the_default_output_is_of_the_inputs_kind(suffix):
    assert default_output(Path(f"a/clip{suffix}")) == Path(f"a/clip.binaural{suffix}")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_input_gives_the_same_bytes(source, tmp_path, name, tools):
    """Neither random ids, as Matroska has, nor the time of day, as a .wav of floats has in its PEAK chunk."""
    found = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        with open_writer(source, tmp_path / folder / name, sample_rate=48_000) as writer:
            writer.write(tools.clicks(48_000, 100))
        found.append((tmp_path / folder / name).read_bytes())
    assert found[0] == found[1]
    at = found[0].find(b"PEAK")
    if name == "out.wav":
        assert found[0][at + 12 : at + 16] == bytes(4)


def test_a_made_video_has_the_same_bytes_each_time(tmp_path):
    """Left to turn colours itself, PyAV's encoder gave other bytes at the third time."""
    picture = np.random.default_rng(0).integers(0, 255, (280, 480, 3), dtype=np.uint8)
    frames = np.stack([np.roll(picture, 3 * k, 1) // 2 + np.uint8(k) for k in range(60)])
    made = set()
    for _ in range(4):
        write_video(tmp_path / "a.mp4", frames, np.zeros((1, 16_000), np.float32))
        made.add((tmp_path / "a.mp4").read_bytes())
    assert len(made) == 1
