"""Sound with its channels as they are."""

import numpy as np
import pytest

from ccstereo.errors import MediaError
from ccstereo.media import AudioChunk, MediaReader, read_channels, read_frames, read_mono


@pytest.fixture
def sound():
    """Two seconds of different noise in both channels, at 8 kHz."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, 16_000)).astype(np.float32)


def test_channels_stay_apart(make, sound):
    path = make("a.mkv", sound=sound, audio={"codec": "pcm_s16le", "fmt": "s16", "rate": 8_000})
    read, rate = read_channels(path, 2)
    assert (read.shape, read.dtype, rate) == ((16_000, 2), np.float32, 8_000)
    np.testing.assert_allclose(read.T, sound, atol=1 / 32768)
    np.testing.assert_allclose(read.mean(1), read_mono(path)[0], atol=1e-6)


def test_gaps_are_silent_in_both(make, sound):
    """A gap of half a second after a second, as `read_mono` gives it."""
    audio = {"codec": "pcm_s16le", "fmt": "s16", "rate": 8_000, "gaps": [(8_000, 4_000)]}
    path = make("a.mkv", sound=sound, audio=audio)
    read, _ = read_channels(path, 2)
    assert read.shape == (20_000, 2)
    assert not read[8_000:12_000].any()
    np.testing.assert_allclose(read.mean(1), read_mono(path)[0], atol=1e-6)


def test_the_reader_gives_them_with_the_frames(make, sound):
    path = make("a.mkv", sound=sound, audio={"codec": "pcm_s16le", "fmt": "s16", "rate": 8_000})
    chunks = {}
    for channels in (None, 2):
        with MediaReader(path, channels=channels, threads=1) as reader:
            chunks[channels] = list(reader)
    mono, stereo = (np.concatenate([c.samples for c in chunks[n] if isinstance(c, AudioChunk)]) for n in (None, 2))
    assert stereo.shape == (16_000, 2)
    np.testing.assert_allclose(stereo.mean(1), mono, atol=1e-6)
    frames = [[c.frame for c in chunks[n] if not isinstance(c, AudioChunk)] for n in (None, 2)]
    np.testing.assert_array_equal(frames[0], frames[1])


def test_another_number_of_channels_is_an_error(make, sound):
    path = make("a.mkv", sound=sound, audio={"codec": "pcm_s16le", "fmt": "s16", "rate": 8_000})
    with pytest.raises(MediaError, match="has 2 channels, not 4"):
        read_channels(path, 4)
    with MediaReader(path, channels=1) as reader, pytest.raises(MediaError, match="has 2 channels, not 1"):
        list(reader)


def test_frames_without_sound(make, tools):
    """Counted from the first frame; the last one stands."""
    path = make("a.mp4", tools.grays(5), times=range(10, 15), video={"rate": 10})
    frames = read_frames(path, 7, frame_rate=10, frame_size=(64, 96))
    assert [tools.level(frame) for frame in frames] == [0, 1, 2, 3, 4, 4, 4]
