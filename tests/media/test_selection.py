"""Which sound tracks are used, which part of a file is read, and how channels become stereo and mono."""

from fractions import Fraction

import av
import numpy as np
import pytest

from ccstereo.errors import MediaError
from ccstereo.media import AudioChunk, MediaReader, Mixdown, Selection
from ccstereo.media.remix import channel_names, stereo_weights

PCM = {"codec": "pcm_s16le", "fmt": "s16", "rate": 8000}
LAYOUTS = [
    "stereo",
    "2.1",
    "3.0",
    "4.0",
    "quad",
    "5.0",
    "5.1",
    "5.1(side)",
    "6.0",
    "6.1",
    "7.1",
    "7.1(wide)",
    "downmix",
]


@pytest.fixture
def tracks(make, tools):
    """Write a file with sound tracks of noise, given as keywords for `add_audio`: the path, and their samples."""

    def write(*kinds, name="a.mkv"):
        rng = np.random.default_rng(0)
        sounds = [rng.uniform(-0.3, 0.3, (kind.pop("channels", 1), 16_000)).astype(np.float32) for kind in kinds]

        def more(output):
            added = []
            for sound, kind in zip(sounds, kinds, strict=True):
                language = kind.pop("language", None)
                layout = "mono" if len(sound) == 1 else "stereo"
                stream, packets = tools.add_audio(output, sound, **PCM | {"layout": layout} | kind)
                if language:
                    stream.metadata["language"] = language
                added.append(packets)
            return added

        return make(name, extra=more), sounds

    return write


def read(path, mixdown=Mixdown(), **selection):  # noqa: B008
    """The mono sound, the stereo sound as it is played, and the reader."""
    with MediaReader(path, selection=Selection(**selection), mixdown=mixdown) as reader:
        chunks = [chunk for chunk in reader if isinstance(chunk, AudioChunk)]
    mono = np.concatenate([chunk.samples for chunk in chunks])
    played = [np.stack([c.samples] * 2, 1) if c.played is None else c.played for c in chunks]
    return mono, np.concatenate(played), reader


@pytest.mark.parametrize("layout", LAYOUTS)
def test_stereo_is_ffmpegs_downmix(layout):
    names = channel_names(av.AudioLayout(layout))
    for channel, ours in enumerate(stereo_weights(names).T):
        sound = np.zeros((64, len(names)), np.float32)
        sound[:, channel] = 1
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), "flt", layout)
        frame.sample_rate = 48_000
        (mixed,) = av.AudioResampler(format="fltp", layout="stereo").resample(frame)
        np.testing.assert_allclose(ours, mixed.to_ndarray()[:, 32], atol=1e-3)


def test_mono_is_played_on_both_sides():
    assert stereo_weights(("FC",)).tolist() == [[1], [1]]
    assert stereo_weights(("NONE", "NONE")).tolist() == [[1, 0], [0, 1]]
    assert stereo_weights(("AMBI0", "AMBI1", "AMBI2", "AMBI3")).tolist() == [[1, 0, 0, 0]] * 2


def test_two_mono_tracks_are_one_recording(tracks):
    path, (left, right) = tracks({}, {})
    mono, played, reader = read(path)
    np.testing.assert_allclose(played.T, np.concatenate([left, right]), atol=1e-4)
    np.testing.assert_allclose(mono, (left[0] + right[0]) / 2, atol=1e-4)
    assert reader.audio_tracks == (1, 2)
    assert reader.notes == [
        "its two mono sound tracks are taken for the two channels of one recording; see --audio-track"
    ]


@pytest.mark.parametrize("second", [{"channels": 2}, {"rate": 16_000}, {"language": "deu"}])
def test_tracks_that_differ_are_not(tracks, second):
    path, sounds = tracks({"language": "eng"} if "language" in second else {}, second)
    mono, _, reader = read(path)
    (index,) = reader.audio_tracks  # FFmpeg's best of them
    np.testing.assert_allclose(mono, sounds[index - 1].mean(0), atol=1e-4)
    assert reader.notes == []


def test_a_track_is_chosen_by_number_or_language(tracks):
    path, (english, german, _) = tracks({"language": "eng"}, {"language": "deu"}, {"channels": 2})
    for wanted, sound, index in [(1, english, 1), (2, german, 2), ("deu", german, 2), ("ENG", english, 1)]:
        mono, _, reader = read(path, audio_track=wanted)
        np.testing.assert_allclose(mono, sound[0], atol=1e-4)
        assert reader.audio_tracks == (index,)
    there = r"it has 1 \(pcm_s16le, mono, eng\), 2 \(pcm_s16le, mono, deu\), 3 \(pcm_s16le, 2 channels\)"
    for wanted, what in [(4, "audio track 4"), ("fra", "audio track in 'fra'")]:
        with pytest.raises(MediaError, match=rf"a\.mkv: has no {what} that decodes; {there}"):
            read(path, audio_track=wanted)


def test_all_tracks_are_added_up_on_one_clock_and_at_one_rate(tracks):
    path, (first, late) = tracks({"channels": 2}, {"start": 4000, "codec": "pcm_s16le"})
    _, played, reader = read(path, audio_track="all")
    expected = np.pad(first, ((0, 0), (0, 4000))) + np.pad(late, ((0, 0), (4000, 0)))
    np.testing.assert_allclose(played.T, expected, atol=1e-4)
    assert reader.notes == ["its 2 sound tracks are added up"]
    path, (first, _) = tracks({"channels": 2}, {"rate": 16_000}, name="b.mkv")
    _, played, _ = read(path, audio_track="all")
    assert len(played) == 16_000
    np.testing.assert_allclose(played[8100:].T, first[:, 8100:], atol=1e-4)  # the other one is a second long


def test_mixdowns(tracks):
    path, ((left, right),) = tracks({"channels": 2})
    for mixdown, mono in [
        (Mixdown(), (left + right) / 2),
        (Mixdown(1, 0, alone=True), left),
        (Mixdown(0, 1, alone=False), right),
    ]:
        found, played, _ = read(path, mixdown)
        np.testing.assert_allclose(found, mono, atol=1e-4)
        np.testing.assert_allclose(played.T, [left, left] if mixdown.alone else [left, right], atol=1e-4)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_cut_begins_at_the_key_frame_before(make, tools, name):
    length, rate = 8 * 48_000, 48_000
    audio = {"codec": "mp2", "fmt": "s16"} if name == "a.ts" else {}
    sound = tools.clicks(length, *range(4800, length, 24_000))
    path = make(name, tools.grays(20) * 10, sound, audio=audio, video={"options": {"g": "25", "bf": "0"}})
    with MediaReader(path) as reader:
        zero = Fraction(reader.info.start)
        whole = np.concatenate([c.samples for c in reader if isinstance(c, AudioChunk)])
    start = reader.audio_start
    with MediaReader(path, selection=Selection(start=6.5, duration=1.0)) as reader:
        chunks = list(reader)
    begin, end = reader.cut
    assert float(begin - zero) == pytest.approx(6.0, abs=0.1)
    assert end == zero + Fraction(15, 2)
    assert reader.audio_start == begin
    part = np.concatenate([c.samples for c in chunks if isinstance(c, AudioChunk)])
    assert len(part) == round((end - begin) * rate)
    at = round((begin - start) * rate)
    expected = tools.peaks(whole[at : at + len(part)], 3)
    assert np.abs(np.subtract(tools.peaks(part, 3), expected)).max() <= 1e-3 * rate  # Matroska's milliseconds
    assert next(tools.level(c.frame) for c in chunks if not isinstance(c, AudioChunk)) == 150 % 20


def test_sound_alone_is_cut_to_the_sample(make, tools):
    path = make("a.mkv", sound=tools.clicks(16_000, 9_000), audio=PCM, video={"options": {"g": "250"}})
    mono, _, reader = read(path, start=1.0, duration=0.5, snap=False)
    assert len(mono) == 4000
    assert tools.peaks(mono, 1) == [1000]
    assert reader.start == 1.0
    assert reader.duration == pytest.approx(0.5)


def test_a_start_past_the_end(make, tools):
    path = make("a.mkv", sound=tools.clicks(16_000, 9_000), audio=PCM)
    with pytest.raises(MediaError, match=r"a\.mkv: is 2\.00 s long; a start at 3\.00 s is past its end"):
        MediaReader(path, selection=Selection(start=3))
