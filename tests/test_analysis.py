"""What is found in sound before it is converted: its channels, and where it is loudest."""

import numpy as np
import pytest
import soundfile

from ccstereo.analysis import SoundAnalysis, analyse, choose_mixdown, plan_reading
from ccstereo.conversion import ConversionOptions
from ccstereo.media import Mixdown, Selection

RATE = 8000


@pytest.fixture
def voice():
    return np.random.default_rng(0).normal(0, 0.1, 2 * RATE)


@pytest.fixture
def found(tmp_path):
    """Analyse sound (T, channels): the mixdown and what is said of it."""

    def analysed(sound, wanted="auto"):
        path = tmp_path / "a.wav"
        soundfile.write(path, sound, RATE)
        return choose_mixdown(analyse(path, Selection()), wanted)

    return analysed


def test_stereo_is_the_mean(found, voice):
    other = np.random.default_rng(1).normal(0, 0.1, len(voice))
    for sound in ([voice, voice], [voice, other], [voice, 0.1 * voice], [voice, -0.3 * voice], [0 * voice, 0 * voice]):
        assert found(np.stack(sound, 1)) == (Mixdown(), [])


@pytest.mark.parametrize("left", [True, False])
def test_a_channel_that_sounds_alone_is_taken_at_its_level(found, voice, left):
    hiss = 0.01 * np.random.default_rng(1).normal(0, 0.1, len(voice))
    channels = [voice, hiss] if left else [hiss, voice]
    mixdown, (note,) = found(np.stack(channels, 1))
    assert mixdown == Mixdown(float(left), float(not left), alone=True)
    assert note == f"only the {'left' if left else 'right'} channel of the input sounds; it is taken at its level"


@pytest.mark.parametrize("part", [1.0, 0.8])
def test_channels_that_cancel_each_other_are_not_added(found, voice, part):
    mixdown, (note,) = found(np.stack([part * voice, -voice], 1))
    assert (mixdown.left, mixdown.right, mixdown.alone) == ((1, 0, False) if part == 1 else (0, 1, False))
    assert "cancel each other" in note


def test_a_mixdown_that_was_asked_for(found, voice):
    sound = np.stack([voice, -2 * voice], 1)
    assert found(sound, "mean") == (Mixdown(), [])
    assert found(sound, "left") == (Mixdown(1, 0, alone=True), [])
    assert found(sound, "right") == (Mixdown(0, 1, alone=True), [])
    assert found(sound, "louder") == (Mixdown(0, 1, alone=True), ["the right channel of the input is taken"])


def test_the_loudest_part():
    soft, loud = [(1e-4, 1e-4, 0.0)] * 600, [(1e-2, 1e-2, 0.0)] * 300
    assert SoundAnalysis(soft + loud + soft, 0.5).loudest == pytest.approx(60.5)
    assert SoundAnalysis(soft[:50], 0.5).loudest == pytest.approx(0.5)
    assert SoundAnalysis([], 0.0).loudest == 0


def test_mono_is_not_analysed_and_stereo_gets_one_line(tmp_path, voice, monkeypatch):
    mono, stereo, same = (tmp_path / f"{name}.wav" for name in ("mono", "stereo", "same"))
    soundfile.write(mono, voice, RATE)
    soundfile.write(stereo, np.stack([voice, voice[::-1]], 1), RATE)
    soundfile.write(same, np.stack([voice, voice], 1), RATE)
    line = "its stereo sound is mixed to mono first; --keep-bed adds its own sides back in"
    assert plan_reading(stereo, ConversionOptions(), copies_video=False).notes == (line,)
    assert plan_reading(stereo, ConversionOptions(mixdown="mean"), copies_video=False).notes == (line,)
    assert plan_reading(stereo, ConversionOptions(keep_bed=True), copies_video=False).notes == ()
    assert plan_reading(same, ConversionOptions(), copies_video=False).notes == ()
    monkeypatch.setattr("ccstereo.analysis.analyse", None)  # would fail
    assert plan_reading(mono, ConversionOptions(), copies_video=False).notes == ()


def test_a_preview_is_the_loudest_half_minute(tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.01, 60 * RATE)
    sound[20 * RATE : 50 * RATE] *= 10
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    plan = plan_reading(tmp_path / "a.wav", ConversionOptions(preview=True), copies_video=False)
    assert plan.selection.start == pytest.approx(20, abs=0.2)
    assert plan.selection.duration == 30
