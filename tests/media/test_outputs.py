"""What can be written besides copies with stereo sound: video encoded anew, PCM, ambisonics."""

import itertools
import struct

import av
import numpy as np
import pytest
import soundfile

from ccstereo.errors import MediaError
from ccstereo.media import check_output, open_writer, probe
from ccstereo.media.sound import read_channels


def tones(length, channels=4, rate=48_000):
    """A tone in each channel, of its own loudness: 0.1, 0.2, ..."""
    time = np.arange(length) / rate
    return np.stack([0.1 * (k + 1) * np.sin(2 * np.pi * 440 * time) for k in range(channels)]).astype(np.float32)


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_pcm_keeps_24_bits(make, tools, tmp_path, suffix):
    source = make("in.mov", sound=tools.clicks(48_000, 100))
    stereo = np.random.default_rng(0).uniform(-1, 1, (2, 48_000)).astype(np.float32)
    target = tmp_path / f"out{suffix}"
    tools.convert(source, target, stereo, codec="pcm")
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == "pcm_s24le"
        assert container.duration / 1e6 == pytest.approx(1, abs=2e-3)
    back, _ = read_channels(target, 2)
    assert back.shape == (48_000, 2)
    assert np.abs(back.T - stereo).max() <= 2.0**-23


def test_pcm_in_a_wav(make, tools, tmp_path):
    source = make("in.mov", sound=tools.clicks(48_000, 100))
    tools.convert(source, tmp_path / "out.wav", tools.clicks(48_000, 100), codec="pcm")
    assert soundfile.info(tmp_path / "out.wav").subtype == "PCM_24"
    with pytest.raises(MediaError, match=r"\.mp4 cannot hold pcm sound; use aac or"):
        check_output(source, tmp_path / "out.mp4", codec="pcm")
    with pytest.raises(MediaError, match=r"pcm is lossless and has no bitrate"):
        check_output(source, tmp_path / "out.mov", codec="pcm", bitrate=100_000)


@pytest.mark.parametrize(("codec", "lossless"), [("pcm_s24le", True), ("flac", True), ("aac", False), ("ac3", False)])
def test_a_loss_that_nobody_chose_is_noted(make, tools, tmp_path, codec, lossless):
    fmt = {"pcm_s24le": "s32", "flac": "s32", "aac": "fltp", "ac3": "fltp"}[codec]
    source = make("in.mkv", sound=tools.clicks(48_000, 100), audio={"codec": codec, "fmt": fmt})
    found = tools.convert(source, tmp_path / "out.mkv", tools.clicks(48_000, 100)).notes
    note = f"its sound ({codec}) was lossless and is aac now; --codec flac or alac or pcm keeps it lossless"
    assert found == ([note] if lossless else [])
    assert tools.convert(source, tmp_path / "out.mkv", tools.clicks(48_000, 100), codec="aac").notes == []
    assert tools.convert(source, tmp_path / "out.mkv", tools.clicks(48_000, 100), codec="flac").notes == []


FOA = [
    (".mp4", None, "aac"),
    (".mp4", "alac", "alac"),
    (".mp4", "flac", "flac"),
    (".mp4", "opus", "opus"),
    (".mov", None, "aac"),
    (".mov", "pcm", "pcm_s24le"),
    (".mkv", None, "opus"),
    (".mkv", "flac", "flac"),
]


@pytest.mark.parametrize(("suffix", "codec", "kept"), FOA)
@pytest.mark.parametrize("rate", [48_000, 16_000])
def test_ambisonics(make, tools, tmp_path, suffix, codec, kept, rate):
    source = make("in.mp4", sound=tools.clicks(48_000, 100))
    target = tmp_path / f"out{suffix}"
    sound = tones(rate, rate=rate)
    with open_writer(source, target, sample_rate=rate, codec=codec, ambisonic=True) as writer:
        for at in range(0, rate, 999):
            writer.write(sound[:, at : at + 999])
    with av.open(str(target)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.codec.canonical_name == kept
        # FFmpeg knows ambisonics by the box, or by Opus's own mapping; its decoders of AAC and ALAC name the channels
        # by their own rule, and a .mkv has no place for it.
        named = kept == "opus" or (suffix != ".mkv" and kept in ("flac", "pcm_s24le"))
        assert stream.codec_context.layout.name == ("ambisonic 1" if named else "4.0")
        decoded = [
            f.to_ndarray() if f.format.is_planar else f.to_ndarray().reshape(-1, 4).T for f in container.decode(stream)
        ]
    data = np.concatenate(decoded, axis=1).astype(np.float64)[:, 2000:-2000]
    rms = np.sqrt((data**2).mean(1))
    assert rms / rms[0] == pytest.approx([1, 2, 3, 4], rel=0.05)  # each channel in its place
    if suffix != ".mkv":
        assert spatial_audio_box(target) == (0, 0, 1, 0, 0, 4, 0, 1, 2, 3)
    assert probe(target).audio.channels == 4


def spatial_audio_box(path):
    """The fields of the box by the spatial audio RFC, which must stand in the sound's sample entry."""
    data = path.read_bytes()
    assert data.count(b"SA3D") == 1
    at = data.index(b"SA3D")
    assert int.from_bytes(data[at - 4 : at], "big") == 36
    entry = data.rindex(b"stsd", 0, at)
    assert at < entry - 4 + int.from_bytes(data[entry - 4 : entry], "big")
    return struct.unpack(">BBIBBIIIII", data[at + 4 : at + 32])


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_ambisonic_sound_files(make, tools, tmp_path, suffix):
    source = make("in.mp4", sound=tools.clicks(48_000, 100))
    sound = tones(10_000)
    with open_writer(source, tmp_path / f"out{suffix}", sample_rate=48_000, ambisonic=True) as writer:
        writer.write(sound)
        with pytest.raises(ValueError, match=r"shape \(4, T\)"):
            writer.write(sound[:2])
    back, _ = soundfile.read(tmp_path / f"out{suffix}")
    assert np.abs(back.T - sound).max() <= 2.0**-23


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("kind", ["mkv", "avi", "mp4"])
def test_video_is_encoded_anew(make, tools, tmp_path, suffix, kind):
    times = range(20) if kind == "avi" else [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]
    video = {
        "mkv": {"codec": "mpeg4"},
        "avi": {"options": {"bf": "3", "preset": "medium", "qp": "5"}},
        "mp4": {"rotation": (90,)},
    }[kind]
    audio = {"codec": "pcm_s16le", "fmt": "s16"} if kind == "avi" else {}
    source = make(f"in.{kind}", sound=tools.clicks(57_600, 100), times=times, video=video, audio=audio)
    target = tmp_path / f"out{suffix}"
    tools.convert(source, target, tools.clicks(57_600, 100), reencode=True)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.codec.canonical_name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = list(container.decode(stream))
        assert [float(f.pts * stream.time_base) for f in frames] == pytest.approx([t / 25 for t in times], abs=6e-4)
        levels = [f.to_ndarray(format="gray").mean() for f in frames]
        assert all(b > a + 4 for a, b in itertools.pairwise(levels))
        assert frames[0].rotation == (90 if kind == "mp4" else 0)
    assert probe(target).duration == pytest.approx(max(1.2, (times[-1] + 1) / 25), abs=3e-3)


def test_what_cannot_be_encoded_anew_is_refused(make, tools, tmp_path):
    source = make("in.mkv", sound=tools.clicks(48_000, 100), video={"codec": "mpeg4"})
    with pytest.raises(MediaError, match=r"\.webm cannot hold H\.264, as which video is re-encoded; use \.mkv"):
        check_output(source, tmp_path / "out.webm", reencode=True)
    with pytest.raises(MediaError, match=r"\.webm cannot hold mpeg4 video; use \.mkv$"):
        check_output(source, tmp_path / "out.webm")
