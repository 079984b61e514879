import numpy as np
import pytest

from ccstereo.mastering import BlockPowers, Finisher

RATE = 16_000


def finish(predicted, mono, played=None, step=1000, **options):
    finisher = Finisher(RATE, **{"gain": 0.0, "side_gain": 1.0, "keep_bed": False, "true_peak": -1.0} | options)
    pieces = []
    for at in range(0, len(mono), step):
        cut = slice(at, at + step)
        finisher.push_input(mono[cut], None if played is None else played[cut])
        pieces.append(finisher.push(predicted[:, cut]))
    return np.concatenate([*pieces, finisher.finish()], axis=1), finisher


def loudness(sound):
    meter = BlockPowers(RATE)
    meter.push(sound)
    meter.finish()
    return meter.integrated


@pytest.fixture
def mono():
    return np.random.default_rng(0).normal(0, 0.05, 3 * RATE).astype(np.float32)


@pytest.fixture
def predicted(mono):
    return np.stack([1.6 * mono, 0.4 * mono])


def test_mono_without_a_difference_is_the_input(mono, predicted):
    sound, _ = finish(predicted, mono, side_gain=0.0)
    np.testing.assert_allclose(sound, [mono, mono], atol=1e-7)
    sound, _ = finish(np.stack([mono, mono]), mono)
    np.testing.assert_array_equal(sound, [mono, mono])


def test_loudness_is_the_inputs_and_the_gain_comes_on_top(mono, predicted):
    for gain in (0.0, -6.0, 6.0):
        sound, finisher = finish(predicted, mono, gain=gain)
        assert finisher.input_loudness == pytest.approx(loudness(np.stack([mono, mono])), abs=1e-6)
        assert finisher.output_loudness == pytest.approx(loudness(sound), abs=1e-6)
        assert finisher.output_loudness == pytest.approx(finisher.input_loudness + gain, abs=0.05)


def test_the_bed_comes_back(mono):
    side = np.random.default_rng(1).normal(0, 0.02, len(mono)).astype(np.float32)
    played = np.stack([mono + side, mono - side], axis=1)
    sound, finisher = finish(np.stack([mono, mono]), mono, played, keep_bed=True)
    np.testing.assert_allclose(sound, played.T, atol=1e-6)
    assert finisher.output_loudness == pytest.approx(loudness(played.T.copy()), abs=1e-4)


def test_advice_on_peaks_is_true(mono, predicted):
    _, finisher = finish(predicted, mono, gain=20.0)
    (note,) = finisher.notes
    advised = float(note.split("--gain ")[1].split()[0])
    assert not finish(predicted, mono, gain=advised)[1].notes
    assert 20 * np.log10(finish(predicted, mono, gain=advised)[1].true_peak) == pytest.approx(-1, abs=0.2)


def test_silence_is_noted():
    silence = np.zeros(RATE, np.float32)
    _, finisher = finish(np.stack([silence, silence]), silence)
    assert finisher.notes == ["its sound is silent, or softer than -70 LUFS throughout"]
