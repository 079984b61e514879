"""Inputs that are broken, cut off or odd: what is there is read, and what is said of the rest is true."""

import itertools
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from ccstereo.errors import MediaError
from ccstereo.media import AudioChunk, MediaReader, Mixdown, Selection, probe, read_mono

FLOAT = {"codec": "pcm_f32le", "fmt": "flt", "rate": 8000}


def noise(count):
    return list(np.random.default_rng(0).integers(0, 255, (count, 64, 96, 3), np.uint8))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_what_is_there_of_a_file_that_is_cut_off(make, tools, name):
    sound = tools.clicks(192_000, 48_000)
    audio = {"codec": "pcm_s16le", "fmt": "s16"} if name == "a.avi" else {}
    faststart = {"movflags": "+faststart"} if name == "a.mp4" else {}
    path = make(name, noise(100), sound, audio=audio, video=tools.video_for(name), options=faststart)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(MediaError, match=r"is cut off: its \w+ ends after .*--allow-truncated"):
        tools.read(path)
    selection = Selection(allow_truncated=True)
    with MediaReader(path, selection=selection, mixdown=Mixdown()) as reader:
        mono = np.concatenate([c.samples for c in reader if isinstance(c, AudioChunk)])
    assert 1.8 < len(mono) / 48_000 < 2.8
    assert tools.peaks(mono, 1) == pytest.approx([48_000], abs=48)
    assert any(note.startswith("the last 1.") and "are missing" in note for note in reader.notes)


def test_an_end_that_is_missing_by_less_than_a_second_is_noted(make, tools):
    path = make("a.mkv", noise(100), tools.clicks(192_000, 100), audio={"codec": "pcm_s16le", "fmt": "s16"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 86 // 100])
    with MediaReader(path) as reader:
        length = sum(len(c.samples) for c in reader if isinstance(c, AudioChunk)) / 48_000
    (note,) = reader.notes
    missing = float(note.removeprefix("the last ").split(" s")[0])
    assert 0.3 < missing < 1
    assert missing == pytest.approx(4 - length, abs=0.1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi", "a.mov"])
def test_a_whole_file_has_no_notes(make, tools, name):
    audio = {"a.avi": {"codec": "pcm_s16le", "fmt": "s16"}, "a.webm": {"codec": "libopus", "fmt": "flt"}}.get(name, {})
    path = make(name, sound=tools.clicks(38_400, 100), audio=audio, video=tools.video_for(name))
    with MediaReader(path) as reader:
        list(reader)
    assert reader.notes == []


def test_a_codec_without_a_decoder_is_named(make, tools):
    path = make("a.mov", sound=tools.clicks(48_000, 100))
    data = path.read_bytes()
    assert data.count(b"mp4a") >= 1
    path.write_bytes(data.replace(b"mp4a", b"apac").replace(b"esds", b"free"))
    with pytest.raises(MediaError, match=r"a\.mov: its sound track cannot be decoded: its codec is apac"):
        probe(path, require_audio=True)


def test_a_sound_track_without_packets(make, tools):
    def empty(output):
        tools.add_audio(output, np.zeros((1, 0), np.float32), codec="pcm_s16le", fmt="s16", layout="mono")
        return []

    path = make("a.mkv", extra=empty)
    with pytest.raises(MediaError, match=r"a\.mkv: its pcm_s16le sound track is empty: it holds no packets"):
        MediaReader(path)


def test_sound_far_beyond_full_scale(make, tools):
    path = make("a.mkv", sound=np.full((2, 8000), 3e10, np.float32), audio=FLOAT)
    with pytest.raises(MediaError, match=r"a\.mkv: its sound reaches 3\.0e\+10 times full scale"):
        tools.read(path)


def test_samples_that_are_no_numbers(make, tools):
    sound = np.full((2, 8000), 0.25, np.float32)
    sound[0, 4000], sound[1, 4001] = np.nan, np.inf
    path = make("a.mkv", sound=sound, audio=FLOAT)
    with MediaReader(path) as reader:
        mono = np.concatenate([c.samples for c in reader if isinstance(c, AudioChunk)])
    assert np.flatnonzero(mono != 0.25).tolist() == [4000, 4001]
    assert reader.notes == ["2 samples of its sound are no finite numbers and were taken for silence"]


def test_another_rate_of_mp3_from_the_middle_on(tools, tmp_path):
    """The first frame of the second part, which FFmpeg gives the rate of the first, is as long as it is."""
    halves = []
    for part, rate in enumerate((44_100, 22_050)):
        with av.open(str(tmp_path / "half.ts"), "w", format="mpegts") as output:
            _, frames = tools.add_video(output, tools.grays(13), range(13))
            sound = tools.clicks(rate // 2, rate // 4)
            _, packets = tools.add_audio(output, sound, codec="libmp3lame", fmt="s16p", rate=rate, start=rate // 10)
            for packet in itertools.chain(frames, packets):
                ticks = round(Fraction(part, 2) / packet.time_base)
                packet.pts += ticks
                packet.dts += ticks
                output.mux(packet)
        halves.append((tmp_path / "half.ts").read_bytes())
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(halves))
    mono, rate = read_mono(path)
    assert rate == 44_100
    first, second = tools.peaks(mono, 2)
    assert (second - first) / rate == pytest.approx(0.5, abs=1e-3)


def test_a_length_that_a_header_promises_and_nothing_there(make, tools):
    path = make(
        "a.avi", sound=tools.clicks(8000, 10), audio={"codec": "pcm_s16le", "fmt": "s16"}, video={"codec": "mpeg4"}
    )
    data = path.read_bytes()
    at = data.index(b"movi")
    path.write_bytes(data[: at - 4] + struct.pack("<I", 4) + b"movi")
    with pytest.raises(MediaError, match=r"a\.avi: its pcm_s16le sound track is empty"):
        MediaReader(path)
