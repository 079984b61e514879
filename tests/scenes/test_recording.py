"""How recordings are played, and scenes that keep their pictures and change their sounds."""

from dataclasses import replace

import numpy as np
import pytest

from ccstereo.scenes.frames import render_frame
from ccstereo.scenes.recording import TONE_KNOTS, filtered, loud_offset, play
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


class TestRedrawnSounds:
    def test_the_picture_stays_and_the_sound_changes(self, material) -> None:
        scene = sample_scene(material, 3, duration=1.0, sources=2)
        other = redraw_sounds(scene, material, 0, np.random.default_rng(1), vary=False)
        assert np.array_equal(render_frame(scene, material), render_frame(other, material))
        kept = ("label", "picture", "height", "width", "path", "y", "view", "mirrored")
        for before, after in zip(scene.sources, other.sources, strict=True):
            assert all(getattr(before, name) == getattr(after, name) for name in kept)
            assert (after.speed, after.tone) == (1.0, ())
            assert (before.offset, before.gain) != (after.offset, after.gain)

    def test_a_generator_gives_the_same_again(self, material) -> None:
        scene = sample_scene(material, 3, duration=1.0, sources=2)
        made = [redraw_sounds(scene, material, 1, np.random.default_rng(1), vary=True) for _ in range(2)]
        assert made[0] == made[1]

    @pytest.mark.parametrize("silent", [0, 1, 2, 3])
    def test_as_many_as_asked_for_are_silent_and_all_in_turn(self, material, silent: int) -> None:
        scene, rng = sample_scene(material, 3, duration=1.0, sources=3), np.random.default_rng(2)
        mute = [0, 0, 0]
        for _ in range(60):
            sources = redraw_sounds(scene, material, silent, rng, vary=False).sources
            assert sum(source.sound is None for source in sources) == silent
            mute = [count + (source.sound is None) for count, source in zip(mute, sources, strict=True)]
        assert all(abs(count - 20 * silent) < 15 for count in mute)

    def test_variation_plays_and_filters(self, material, heads) -> None:
        scene = sample_scene(material, 3, duration=0.5, sources=1)
        source = redraw_sounds(scene, material, 0, np.random.default_rng(1), vary=True).sources[0]
        assert source.speed != 1.0
        assert len(source.tone) == len(TONE_KNOTS)
        plain = replace(scene, sources=(replace(source, speed=1.0, tone=()),))
        varied = replace(scene, sources=(source,))
        sounds = [render_sources(s, material, heads["sphere"]) for s in (plain, varied)]
        assert sounds[0].shape == sounds[1].shape
        assert not np.allclose(sounds[0], sounds[1], atol=1e-3)
