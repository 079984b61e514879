"""Effects on recordings, and scenes that keep their photos and change their sounds."""

from dataclasses import replace

import numpy as np
import pytest

from ccstereo.errors import DatasetError
from ccstereo.scenes.augmentation import (
    KNOTS,
    AudioAugmentation,
    AudioEffect,
    apply_audio_effect,
    excerpt,
    filtered,
    sample_audio_effect,
)
from ccstereo.scenes.placement.stage import loud_offset, resample_sounds, sample_scene
from ccstereo.scenes.rendering import render_frame, render_sources

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(RATE * seconds)) / RATE)


def pitch(sound: np.ndarray) -> float:
    """Hz of the strongest component."""
    return float(np.abs(np.fft.rfft(sound)).argmax() * RATE / len(sound))


def test_excerpts_as_recorded_from_any_sample_over_and_over() -> None:
    recording = np.arange(5.0)
    assert excerpt(recording, 12, 3).tolist() == [3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("speed", [0.88, 1.0, 1.14])
def test_speed_is_a_factor_on_the_pitch(speed: float) -> None:
    assert pitch(excerpt(tone(1_000), RATE, 100.0, speed)) == pytest.approx(1_000 * speed, abs=1)


def test_speed_repeats_without_a_gap() -> None:
    sound = excerpt(tone(1_000), 3 * RATE, 0.0, 1.1)  # a whole number of cycles, so the seam is smooth
    assert np.abs(np.diff(sound)).max() < 1.05 * 2 * np.pi * 1_100 / RATE


@pytest.mark.parametrize("knot", range(len(KNOTS) - 1))
def test_a_filter_has_its_gain_at_each_knot_and_no_delay(knot: int) -> None:
    gains = np.zeros(len(KNOTS))
    gains[knot] = 6.0
    sound = tone(KNOTS[knot])
    assert filtered(sound, gains, RATE) == pytest.approx(sound * 10 ** (6 / 20), abs=1e-6)
    between = tone(round(np.sqrt(KNOTS[knot] * KNOTS[knot + 1])))
    assert np.abs(filtered(between, gains, RATE)).max() == pytest.approx(10 ** (3 / 20), rel=0.01)


def test_no_gain_is_no_filter() -> None:
    noise = np.random.default_rng(0).standard_normal(10_081)
    assert filtered(noise, np.zeros(len(KNOTS)), RATE) == pytest.approx(noise, abs=1e-9)


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


class TestAugmentation:
    def test_its_limits_are_kept_and_reached(self) -> None:
        rng = np.random.default_rng(0)
        effects = [sample_audio_effect(AudioAugmentation((0.7, 1.4), 9.0), rng) for _ in range(400)]
        speeds, gains = [effect.speed for effect in effects], [gain for effect in effects for gain in effect.filter]
        assert 0.7 <= min(speeds) < 0.72 < 1.38 < max(speeds) <= 1.4
        assert -9 <= min(gains) < -8.9 < 8.9 < max(gains) <= 9

    def test_nothing_is_done_by_default(self) -> None:
        sound = tone(1_000)
        assert np.array_equal(apply_audio_effect(sound, RATE, 0, AudioEffect(), RATE), sound)

    @pytest.mark.parametrize(
        "wrong", [{"speed": (0.0, 1.0)}, {"speed": (1.2, 0.8)}, {"filter": -1.0}, {"filter": float("nan")}]
    )
    def test_what_cannot_be_is_refused(self, wrong) -> None:
        with pytest.raises(DatasetError, match=next(iter(wrong))):
            AudioAugmentation(**wrong)


class TestOtherSounds:
    def test_the_photos_stay_and_the_sound_changes(self, material) -> None:
        scene = sample_scene(material, 3, duration=1.0, sources=2)
        other = resample_sounds(scene, material, 0, np.random.default_rng(1), augmentation=None)
        assert np.array_equal(render_frame(scene, material), render_frame(other, material))
        kept = ("label", "photo", "height", "width", "path", "y", "view", "mirrored")
        for before, after in zip(scene.sources, other.sources, strict=True):
            assert all(getattr(before, name) == getattr(after, name) for name in kept)
            assert after.effect == AudioEffect()
            assert (before.offset, before.gain) != (after.offset, after.gain)

    def test_a_generator_gives_the_same_again(self, material) -> None:
        scene = sample_scene(material, 3, duration=1.0, sources=2)
        made = [
            resample_sounds(scene, material, 1, np.random.default_rng(1), augmentation=AudioAugmentation())
            for _ in range(2)
        ]
        assert made[0] == made[1]

    @pytest.mark.parametrize("silent", [0, 1, 2, 3])
    def test_as_many_as_asked_for_are_silent_and_all_in_turn(self, material, silent: int) -> None:
        scene, rng = sample_scene(material, 3, duration=1.0, sources=3), np.random.default_rng(2)
        mute = [0, 0, 0]
        for _ in range(60):
            sources = resample_sounds(scene, material, silent, rng, augmentation=None).sources
            assert sum(source.sound is None for source in sources) == silent
            mute = [count + (source.sound is None) for count, source in zip(mute, sources, strict=True)]
        assert all(abs(count - 20 * silent) < 15 for count in mute)

    def test_augmentation_changes_speed_and_filters(self, material, heads) -> None:
        scene = sample_scene(material, 3, duration=0.5, sources=1)
        source = resample_sounds(
            scene, material, 0, np.random.default_rng(1), augmentation=AudioAugmentation()
        ).sources[0]
        assert source.effect.speed != 1.0
        assert len(source.effect.filter) == len(KNOTS)
        plain = replace(scene, sources=(replace(source, effect=AudioEffect()),))
        varied = replace(scene, sources=(source,))
        sounds = [render_sources(s, material, heads["sphere"]) for s in (plain, varied)]
        assert sounds[0].shape == sounds[1].shape
        assert not np.allclose(sounds[0], sounds[1], atol=1e-3)
