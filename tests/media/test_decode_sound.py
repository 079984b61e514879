"""The sound of a video, sample by sample."""

import itertools
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from ccstereo.errors import MediaError
from ccstereo.media import AudioChunk, MediaReader, read_mono

T = 2 * 48_000 + 333
CLICKS = (100, T // 2, T - 100)
TRACKS = [  # container, codec, sample format
    ("a.mp4", "aac", None),
    ("a.m4v", "aac", None),
    ("a.mov", "alac", "s16p"),
    ("a.mov", "pcm_s16le", "s16"),
    ("a.mov", "pcm_s24le", "s32"),
    ("a.mp4", "libopus", "flt"),
    ("a.mp4", "flac", "s16"),
    ("a.mkv", "libopus", "flt"),
    ("a.mkv", "flac", "s32"),
    ("a.mkv", "pcm_s16le", "s16"),
    ("a.webm", "libopus", "flt"),
    ("a.avi", "pcm_s16le", "s16"),
]


@pytest.mark.parametrize(
    ("name", "codec", "fmt", "start"),
    [(*track, 0) for track in TRACKS] + [(*track, 12_345) for track in TRACKS if track[0] != "a.avi"],
)
def test_every_sample_is_in_its_place(make, tools, name, codec, fmt, start):
    path = make(
        name,
        sound=tools.clicks(T, *CLICKS),
        audio={"codec": codec, "fmt": fmt, "start": start, "step": 1024},
        video=tools.video_for(name),
        options={"movie_timescale": "48000"} if name[2:] in ("mp4", "mov", "m4v") else {},
    )
    with MediaReader(path) as reader:
        sound = np.concatenate([c.samples for c in reader if isinstance(c, AudioChunk)])
        found = [reader.audio_start + p / 48_000 for p in tools.peaks(sound, 3)]
    assert found == pytest.approx([(start + p) / 48_000 for p in CLICKS], abs=1e-3)
    late_aac = codec == "aac" and start  # FFmpeg's writer plays the priming then: 1024 samples more, before the start
    assert len(sound) == T + (1024 if late_aac else 0)
    if not late_aac:
        assert reader.audio_start == pytest.approx(start / 48_000, abs=1e-3)
        assert tools.peaks(sound, 3) == list(CLICKS)


def test_sound_is_the_mean_of_both_ears_at_full_scale(make, tools):
    rng = np.random.default_rng(0)
    stereo = rng.uniform(-1, 1, (2, 10_000)).astype(np.float32)
    path = make("a.mkv", sound=stereo, audio={"codec": "flac", "fmt": "s32", "rate": 44_100})
    sound, rate = read_mono(path)
    assert rate == 44_100
    assert sound.dtype == np.float32
    assert np.abs(sound - stereo.mean(0)).max() < 1e-6


@pytest.mark.parametrize("layout", ["5.1", "7.1"])
def test_surround_keeps_every_channel_but_lfe(make, tools, layout):
    names = [c.name for c in av.AudioLayout(layout).channels]
    sound = np.zeros((len(names), 48_000), np.float32)
    for channel in range(len(names)):  # one after the other, a click in each
        sound[channel, 4000 * (channel + 1)] = 0.9
    path = make("a.mkv", sound=sound, audio={"codec": "pcm_s16le", "fmt": "s16", "layout": layout})
    mono, _ = read_mono(path)
    found = {name for channel, name in enumerate(names) if mono[4000 * (channel + 1)] > 0.05}
    assert found == set(names) - {"LFE"}


def test_planar_sound_of_eight_channels(make, tools):
    path = make("a.mp4", sound=tools.clicks(20_000, 9_000, channels=8), audio={"layout": "7.1", "codec": "aac"})
    mono, _ = read_mono(path)
    assert tools.peaks(mono, 1) == [9_000]
    assert 0.5 < mono[9_000] < 1.0


def test_gap_in_the_sound_becomes_silence(make, tools):
    path = make(
        "a.mkv",
        sound=tools.clicks(48_000, 100, 30_000),
        audio={"codec": "pcm_s16le", "fmt": "s16", "gaps": [(24_000, 12_000)]},
    )
    mono, _ = read_mono(path)
    assert len(mono) == 60_000
    assert tools.peaks(mono, 2) == pytest.approx([100, 42_000], abs=48)
    assert not mono[25_000:35_000].any()


@pytest.mark.parametrize(
    ("name", "codec", "fmt", "rounding"), [("a.mp4", "aac", None, 0), ("a.mkv", "flac", "s16", 48)]
)
@pytest.mark.parametrize("begin", [1_024, 23_552, 46_080])
@pytest.mark.parametrize("jump", [600, -300])
def test_a_short_gap_between_frames_that_agree_is_one(make, tools, name, codec, fmt, rounding, begin, jump):
    """A webcam's first packet lasts 12 ms longer than its samples: all that follows is in time at once."""
    audio = {"codec": codec, "fmt": fmt, "step": 1024, "gaps": [(begin, jump)]}
    path = make(name, sound=tools.clicks(60_416, 500, 22_900, 47_700), audio=audio)
    mono, _ = read_mono(path)
    due = [at + jump * (at >= begin) for at in (500, 22_900, 47_700)]
    assert tools.peaks(mono, 3) == pytest.approx(due, abs=rounding)  # Matroska's milliseconds


def test_frames_that_wander_make_no_gaps(make, tools):
    """Timestamps that are wrong by up to 8 ms, each frame's by another: no sample is added, none taken away."""
    wrong = np.random.default_rng(0).integers(-384, 385, 46)
    gaps = [(1_024 * (k + 1), int(step)) for k, step in enumerate(np.diff(wrong, prepend=0))]
    path = make("a.mp4", sound=tools.clicks(48_128, 500, 30_000), audio={"step": 1024, "gaps": gaps})
    mono, _ = read_mono(path)
    assert tools.peaks(mono, 2) == [500, 30_000]


@pytest.mark.parametrize("most", [960, -960])
def test_frames_that_wander_far_and_back_make_no_holes(make, tools, most):
    """A telephone's timestamps, up to 20 ms late or early for a second: nothing becomes silent, nothing is cut."""
    late = [0, 0, 1, 2, *[2] * 12, 0, 1, 2, *[2] * 30, 0, 2, 2, 1, 0, *[2] * 20, *[0] * 30]
    gaps = [(1_024 * (k + 1), int(step) * most // 2) for k, step in enumerate(np.diff(late)) if step]
    tone = 0.5 * np.sin(np.arange(1_024 * 120) * (2 * np.pi * 440 / 48_000))
    path = make("a.mp4", sound=np.tile(tone, (2, 1)).astype(np.float32), audio={"step": 1024, "gaps": gaps})
    mono, _ = read_mono(path)
    assert len(mono) == pytest.approx(len(tone), abs=1_100)  # it is stretched a little
    inner = mono[4_800:-4_800]
    assert np.abs(np.diff(inner)).max() < 0.04  # of the tone itself 0.029
    loudness = np.sqrt((inner[: len(inner) // 240 * 240].reshape(-1, 240) ** 2).mean(1))
    assert loudness.min() > 0.25


@pytest.mark.parametrize("jump", [600, -300])
def test_a_last_frame_alone_makes_no_gap(make, tools, jump):
    """Whether its timestamp wanders nobody can say."""
    audio = {"codec": "flac", "fmt": "s16", "step": 4_608, "gaps": [(9 * 4_608, jump)]}
    path = make("a.mkv", sound=tools.clicks(10 * 4_608, 500, 9 * 4_608 + 2_000), audio=audio)
    mono, _ = read_mono(path)
    assert tools.peaks(mono, 2) == pytest.approx([500, 9 * 4_608 + 2_000], abs=96)  # it is stretched a little


def test_overlap_of_the_sound_is_cut(make, tools):
    path = make(
        "a.mkv",
        sound=tools.clicks(48_000, 100, 40_000),
        audio={"codec": "pcm_s16le", "fmt": "s16", "gaps": [(24_000, -2_000)], "step": 4_000},
    )
    mono, _ = read_mono(path)
    assert len(mono) == pytest.approx(46_000, abs=48)  # Matroska's milliseconds
    assert tools.peaks(mono, 2) == pytest.approx([100, 38_000], abs=48)


def test_clock_that_jumps_back(tools, tmp_path):
    with av.open(str(tmp_path / "half.ts"), "w", format="mpegts") as output:
        _, video = tools.add_video(output, tools.grays(20), range(20))
        _, sound = tools.add_audio(output, tools.clicks(96_000, 100), codec="mp2", fmt="s16", start=4800)
        for packet in itertools.chain(video, sound):
            output.mux(packet)
    path = tmp_path / "a.ts"
    path.write_bytes(2 * (tmp_path / "half.ts").read_bytes())
    with pytest.raises(MediaError, match=r"a\.ts: its timestamps are broken: the sound jumps from 2\.0\d s to 0\.00 s"):
        read_mono(path)


def test_clock_that_jumps_past_the_end(make, tools):
    path = make(
        "a.mkv",
        sound=tools.clicks(48_000, 100),
        audio={"codec": "pcm_s16le", "fmt": "s16", "gaps": [(24_000, 4_800_000)]},
    )
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88") + 3  # the element Duration, a double of milliseconds
    assert struct.unpack(">d", data[at : at + 8]) == (101_000,)
    path.write_bytes(data[:at] + struct.pack(">d", 1000) + data[at + 8 :])
    with pytest.raises(MediaError, match=r"its timestamps are broken: the sound jumps from 0\.50 s to 100\.50 s"):
        read_mono(path)


def test_clock_that_jumps_by_a_day(make, tools):
    """As one wrong timestamp of a transport stream does: the file declares the day, too."""
    path = make(
        "a.mkv",
        sound=tools.clicks(48_000, 100),
        audio={"codec": "pcm_s16le", "fmt": "s16", "gaps": [(24_000, 86_400 * 48_000)]},
    )
    with pytest.raises(MediaError, match=r"the sound jumps from 0\.50 s to 86400\.50 s; remux the file first"):
        read_mono(path)


def test_gap_at_the_decoder_where_a_packet_is_damaged(make, tools):
    path = make("a.mkv", sound=tools.clicks(96_000, 100, 90_000), audio={"codec": "flac", "fmt": "s16", "step": 4608})
    data = path.read_bytes()
    sound = tools.packets(path, "audio")
    broken = sound[8][3]
    at = data.index(broken)
    path.write_bytes(data[:at] + bytes(len(broken)) + data[at + len(broken) :])
    with MediaReader(path) as reader:
        mono = np.concatenate([c.samples for c in reader if isinstance(c, AudioChunk)])
        notes = reader.notes
    assert len(mono) == 96_000
    assert tools.peaks(mono, 2) == [100, pytest.approx(90_000, abs=48)]
    assert notes == ["1 damaged packets of sound from 0.77 s on were skipped"]


def test_rate_change_in_the_middle(make, tools, tmp_path):
    halves = []
    for rate in (48_000, 44_100):
        with av.open(str(tmp_path / f"{rate}.ts"), "w", format="mpegts") as output:
            _, frames = tools.add_video(output, tools.grays(13), range(13))
            _, packets = tools.add_audio(
                output, tools.clicks(rate // 2, rate // 4), codec="mp2", fmt="s16", rate=rate, start=4800
            )
            for packet in itertools.chain(frames, packets):
                ticks = round(Fraction(int(rate == 44_100), 2) / packet.time_base)
                packet.pts += ticks
                packet.dts += ticks
                output.mux(packet)
        halves.append((tmp_path / f"{rate}.ts").read_bytes())
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(halves))
    mono, rate = read_mono(path)
    assert rate == 48_000  # of the first part, whatever the last one's is
    first, second = tools.peaks(mono, 2)
    assert (second - first) / rate == pytest.approx(0.5 + 4800 / 44_100 - 4800 / 48_000, abs=1e-3)
