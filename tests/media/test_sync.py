"""Written sound is in step with the frame, to the sample, whatever the codec and container."""

import numpy as np
import pytest

T = 2 * 48_000 + 333
CLICKS = (100, T // 2, T - 100)
OUTPUTS = [
    (".mp4", "aac"),
    (".mp4", "opus"),
    (".mp4", "flac"),
    (".mp4", "alac"),
    (".m4v", "aac"),
    (".mov", "aac"),
    (".mov", "alac"),
    (".mkv", "aac"),
    (".mkv", "opus"),
    (".mkv", "flac"),
    (".mkv", "alac"),
    (".webm", "opus"),
]
STARTS = [(0, 0), (480, 0), (12_345, 0), (0, 13), (12_345, 13), (30_000, 3)]  # samples of sound, frames of video


@pytest.fixture
def video(make, tools):
    """A 2.4 s video whose sound starts at sample `sound` and whose frame at frame `frame`."""

    def build(sound, frame, name="in.mp4", codec="libx264"):
        times = range(frame, frame + 20)
        return make(
            name,
            sound=tools.clicks(T, *CLICKS),
            times=times,
            audio={"codec": "flac", "fmt": "s16", "start": sound},
            video={"codec": codec},
            options={"movie_timescale": "48000"} if name.endswith("mp4") else {},
        )

    return build


@pytest.mark.parametrize(("suffix", "codec"), OUTPUTS)
@pytest.mark.parametrize(("sound", "frame"), STARTS)
def test_in_sync_at_both_ends(video, tools, tmp_path, suffix, codec, sound, frame):
    source = video(sound, frame, codec="libvpx-vp9" if suffix == ".webm" else "libx264")
    target = tmp_path / f"out{suffix}"
    tools.convert(source, target, tools.clicks(T, *CLICKS), codec=codec)

    found = tools.read(target)
    assert len(found.sound) == T
    assert tools.peaks(found.sound, 3) == list(CLICKS)
    shown = tools.packets(target)[0][0]
    exact = 1e-6 if suffix[:3] in (".mp", ".m4", ".mo") else 1e-3  # Matroska counts milliseconds
    assert found.start == pytest.approx(sound / 48_000, abs=exact)
    assert float(shown) == pytest.approx(frame / 25, abs=exact)

    # The same without our reader. In MP4, FFmpeg's decoder gives the padding of the last frame, too, past the end that
    # the frame's duration and the edit list say.
    first, raw, padding = tools.raw_sound(target)
    assert float(first) == pytest.approx(sound / 48_000, abs=exact)
    assert tools.peaks(raw[0], 3) == list(CLICKS)
    padded = suffix in (".mp4", ".m4v", ".mov") and codec in ("aac", "opus")
    assert raw.shape[1] - (padding if padded else 0) == T
    assert 0 <= padding < 1024 or not padded


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("length", [1, 500, 1024, 2048, 9216, 10_007])
def test_any_length_comes_back(video, tools, tmp_path, suffix, length):
    target = tmp_path / f"out{suffix}"
    tools.convert(video(12_345, 0), target, tools.clicks(length, 0), step=333)
    assert len(tools.read(target).sound) == length


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_keeps_its_rate(video, tools, tmp_path, rate, suffix):
    target = tmp_path / f"out{suffix}"
    tools.convert(video(0, 0), target, tools.clicks(2 * rate + 77, 100, rate, 2 * rate - 100), rate=rate)
    found = tools.read(target)
    assert found.rate == rate
    assert len(found.sound) == 2 * rate + 77
    assert tools.peaks(found.sound, 3) == [100, rate, 2 * rate - 100]


@pytest.mark.parametrize(
    ("codec", "rate", "kept"), [("opus", 44_100, 48_000), ("opus", 16_000, 48_000), ("aac", 50_000, 48_000)]
)
def test_other_rates_are_resampled_in_step(video, tools, tmp_path, codec, rate, kept):
    target = tmp_path / "out.mkv"
    length = 2 * rate + 77
    clicks = (1000, rate, length - 1000)
    tools.convert(video(12_345, 0), target, tools.clicks(length, *clicks), rate=rate, codec=codec)
    found = tools.read(target)
    assert found.rate == kept
    assert len(found.sound) == round(length * kept / rate)
    assert np.array(tools.peaks(found.sound, 3)) / kept == pytest.approx(np.array(clicks) / rate, abs=1e-4)


def test_left_stays_left(video, tools, tmp_path):
    time = np.arange(48_000) / 48_000
    stereo = 0.5 * np.stack([np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 660 * time)]).astype(np.float32)
    for suffix, codec in OUTPUTS[:-1]:
        target = tmp_path / f"out{suffix}"
        tools.convert(video(0, 0), target, stereo, codec=codec)
        _, raw, _ = tools.raw_sound(target)
        raw = raw[:, :48_000]
        error = 1e-6 if codec in ("flac", "alac") else 0.02
        assert np.sqrt(np.mean((raw - stereo)[:, 2000:-2000] ** 2)) < error, (suffix, codec)


def test_loud_sound_is_told(video, tools, tmp_path):
    stereo = np.zeros((2, 4800), np.float32)
    stereo[0, 10:15] = -1.5
    stereo[1, 20] = 1.0
    writer = tools.convert(video(0, 0), tmp_path / "out.mkv", stereo, codec="flac")
    assert (writer.peak, writer.clipped) == (1.5, 5)
    _, raw, _ = tools.raw_sound(tmp_path / "out.mkv")
    assert raw[0].min() == -1.0  # clipped, not wrapped around


@pytest.mark.parametrize("bitrate", [32_000, 256_000])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "opus")])
def test_bitrate(video, tools, tmp_path, suffix, codec, bitrate):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, T)).astype(np.float32)
    target = tmp_path / f"out{suffix}"
    tools.convert(video(0, 0), target, noise, codec=codec, bitrate=bitrate)
    size = 8 * sum(len(p[3]) for p in tools.packets(target, "audio"))
    assert size / (T / 48_000) == pytest.approx(bitrate, rel=0.2)


def test_video_longer_than_sound_is_copied_whole(make, tools, tmp_path):
    source = make("in.mp4", sound=tools.clicks(4800, 100))
    tools.convert(source, tmp_path / "out.mp4", tools.clicks(4800, 100))
    assert [p[3] for p in tools.packets(tmp_path / "out.mp4")] == [p[3] for p in tools.packets(source)]


def test_index_comes_first(video, tools, tmp_path):
    tools.convert(video(0, 0), tmp_path / "out.mp4", tools.clicks(4800, 100))
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
