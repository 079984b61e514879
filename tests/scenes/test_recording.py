"""How recordings are played, and scenes that keep their pictures and change their sounds."""

from dataclasses import replace

import numpy as np
import pytest

from ccstereo.errors import DatasetError
from ccstereo.scenes.augmentation import (
    TONE_KNOTS,
    AudioAugmentation,
    AudioEffect,
    echoed,
    filtered,
    loud_offset,
    play,
    played,
    sample_audio_effect,
)
from ccstereo.scenes.frames import render_frame
from ccstereo.scenes.scene import redraw_sounds, render_sources, sample_scene

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(RATE * seconds)) / RATE)


def pitch(sound: np.ndarray) -> float:
    """Hz of the strongest component."""
    return float(np.abs(np.fft.rfft(sound)).argmax() * RATE / len(sound))


def test_played_as_recorded_from_any_sample_over_and_over() -> None:
    recording = np.arange(5.0)
    assert play(recording, 12, 3).tolist() == [3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("speed", [0.88, 1.0, 1.14])
def test_speed_is_a_factor_on_the_pitch(speed: float) -> None:
    assert pitch(play(tone(1_000), RATE, 100.0, speed)) == pytest.approx(1_000 * speed, abs=1)


def test_speed_repeats_without_a_gap() -> None:
    sound = play(tone(1_000), 3 * RATE, 0.0, 1.1)  # a whole number of cycles, so the seam is smooth
    assert np.abs(np.diff(sound)).max() < 1.05 * 2 * np.pi * 1_100 / RATE


@pytest.mark.parametrize("knot", range(len(TONE_KNOTS) - 1))
def test_a_filter_has_its_gain_at_each_knot_and_no_delay(knot: int) -> None:
    gains = np.zeros(len(TONE_KNOTS))
    gains[knot] = 6.0
    sound = tone(TONE_KNOTS[knot])
    assert filtered(sound, gains, RATE) == pytest.approx(sound * 10 ** (6 / 20), abs=1e-6)
    between = tone(round(np.sqrt(TONE_KNOTS[knot] * TONE_KNOTS[knot + 1])))
    assert np.abs(filtered(between, gains, RATE)).max() == pytest.approx(10 ** (3 / 20), rel=0.01)


def test_no_gain_is_no_filter() -> None:
    noise = np.random.default_rng(0).standard_normal(10_081)
    assert filtered(noise, np.zeros(len(TONE_KNOTS)), RATE) == pytest.approx(noise, abs=1e-9)


def test_offsets_avoid_the_quiet_part() -> None:
    recording = np.concatenate([np.zeros(2 * RATE), tone(500, 1.0), np.zeros(2 * RATE)])
    rng = np.random.default_rng(0)
    starts = [loud_offset(recording, RATE, rng) for _ in range(200)]
    assert min(starts) > 1.5
    assert max(starts) < 3.0
    for start in starts:
        first = round(start * RATE)
        assert recording[first : first + RATE // 2].any()


def test_short_recordings_begin_at_their_start() -> None:
    assert loud_offset(tone(500, 0.4), RATE, np.random.default_rng(0)) == 0.0


class TestVariety:
    def test_its_limits_are_kept_and_reached(self) -> None:
        rng = np.random.default_rng(0)
        drawn = [sample_audio_effect(AudioAugmentation((0.7, 1.4), 9.0, hiss=0.5, echo=0.25), rng) for _ in range(400)]
        speeds, tones = [playing.speed for playing in drawn], [gain for playing in drawn for gain in playing.tone]
        assert 0.7 <= min(speeds) < 0.72 < 1.38 < max(speeds) <= 1.4
        assert -9 <= min(tones) < -8.9 < 8.9 < max(tones) <= 9
        assert np.mean([playing.hiss > 0 for playing in drawn]) == pytest.approx(0.5, abs=0.08)
        assert np.mean([playing.echo > 0 for playing in drawn]) == pytest.approx(0.25, abs=0.07)
        assert len({playing.seed for playing in drawn}) == 400

    def test_hiss_has_its_level_and_every_frequency(self) -> None:
        sound = tone(1_000)
        noise = played(sound, RATE, 0, AudioEffect(hiss=0.1, seed=3), RATE) - sound
        assert np.sqrt(np.mean(noise**2)) == pytest.approx(0.1 * np.sqrt(0.5), rel=0.02)
        power = np.abs(np.fft.rfft(noise)[1:].reshape(8, -1)) ** 2
        assert power.mean(1) == pytest.approx(power.mean(), rel=0.15)

    def test_an_echo_has_its_level_and_falls_by_60_db_in_its_time(self) -> None:
        click = np.zeros(RATE)
        click[100] = 1.0
        rest = played(click, RATE, 0, AudioEffect(echo=0.5, echo_seconds=0.4, seed=3), RATE) - click
        assert np.abs(rest[:100]).max() < 1e-9
        assert np.sqrt(np.mean(rest**2)) == pytest.approx(0.5 * np.sqrt(np.mean(click**2)))
        early, late = (np.mean(rest[100 + start : 100 + start + 800] ** 2) for start in (0, 3_200))
        assert 10 * np.log10(early / late) == pytest.approx(30, abs=1.5)  # half of the time
        assert np.abs(rest[100 + 6_400 :]).max() < 1e-9

    def test_silence_and_the_shortest_echo_stay_finite(self) -> None:
        rng = np.random.default_rng(0)
        assert not echoed(np.zeros(100), 0.2, RATE, rng).any()
        assert np.isfinite(echoed(np.ones(3), 1e-6, RATE, rng)).all()

    def test_nothing_is_added_by_default(self) -> None:
        playing = sample_audio_effect(AudioAugmentation(), np.random.default_rng(0))
        assert (playing.hiss, playing.echo) == (0.0, 0.0)
        sound = tone(1_000)
        assert np.array_equal(played(sound, RATE, 0, AudioEffect(), RATE), sound)

    @pytest.mark.parametrize(
        "wrong", [{"speeds": (0.0, 1.0)}, {"speeds": (1.2, 0.8)}, {"tone": -1.0}, {"hiss": 1.5}, {"echo": -0.1}]
    )
    def test_what_cannot_be_is_refused(self, wrong) -> None:
        with pytest.raises(DatasetError, match=next(iter(wrong))):
            AudioAugmentation(**wrong)


class TestRedrawnSounds:
    def test_the_picture_stays_and_the_sound_changes(self, material) -> None:
        scene = sample_scene(material, 3, duration=1.0, sources=2)
        other = redraw_sounds(scene, material, 0, np.random.default_rng(1), vary=None)
        assert np.array_equal(render_frame(scene, material), render_frame(other, material))
        kept = ("label", "picture", "height", "width", "path", "y", "view", "mirrored")
        for before, after in zip(scene.sources, other.sources, strict=True):
            assert all(getattr(before, name) == getattr(after, name) for name in kept)
            assert after.playing == AudioEffect()
            assert (before.offset, before.gain) != (after.offset, after.gain)

    def test_a_generator_gives_the_same_again(self, material) -> None:
        scene = sample_scene(material, 3, duration=1.0, sources=2)
        made = [redraw_sounds(scene, material, 1, np.random.default_rng(1), vary=AudioAugmentation()) for _ in range(2)]
        assert made[0] == made[1]

    @pytest.mark.parametrize("silent", [0, 1, 2, 3])
    def test_as_many_as_asked_for_are_silent_and_all_in_turn(self, material, silent: int) -> None:
        scene, rng = sample_scene(material, 3, duration=1.0, sources=3), np.random.default_rng(2)
        mute = [0, 0, 0]
        for _ in range(60):
            sources = redraw_sounds(scene, material, silent, rng, vary=None).sources
            assert sum(source.sound is None for source in sources) == silent
            mute = [count + (source.sound is None) for count, source in zip(mute, sources, strict=True)]
        assert all(abs(count - 20 * silent) < 15 for count in mute)

    def test_variation_plays_and_filters(self, material, heads) -> None:
        scene = sample_scene(material, 3, duration=0.5, sources=1)
        source = redraw_sounds(scene, material, 0, np.random.default_rng(1), vary=AudioAugmentation()).sources[0]
        assert source.playing.speed != 1.0
        assert len(source.playing.tone) == len(TONE_KNOTS)
        plain = replace(scene, sources=(replace(source, playing=AudioEffect()),))
        varied = replace(scene, sources=(source,))
        sounds = [render_sources(s, material, heads["sphere"]) for s in (plain, varied)]
        assert sounds[0].shape == sounds[1].shape
        assert not np.allclose(sounds[0], sounds[1], atol=1e-3)
