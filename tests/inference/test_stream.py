"""The streaming core: any split of the input gives the same output, and nothing is lost at either end."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccstereo.audio import context_start, rms_gain, stft, window_count
from ccstereo.inference import BinauralStream
from ccstereo.models import ModelConfig
from panner import RATE, Listener, Panner, noise, pictures, run


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.lists(st.integers(0, 24_000), max_size=12),
    early=st.lists(st.integers(0, 12), min_size=16, max_size=16),
    rate=st.sampled_from([8_000, 16_000, 44_100]),
    batch_size=st.integers(1, 5),
    hop=st.sampled_from([0.063, 0.1, 0.63]),
    kind=st.sampled_from([Panner, Listener]),
)
def test_any_split_gives_the_same_sound(cuts, early, rate, batch_size, hop, kind) -> None:
    model, sound, frames = kind(), noise(24_000), pictures(15)
    whole = run(model, sound, frames, chunk=24_000, sample_rate=rate, batch_size=batch_size, hop=hop)
    stream = BinauralStream(model, sample_rate=rate, batch_size=batch_size, hop=hop)
    bounds = [0, *sorted(cuts), len(sound)]
    pieces, pushed = [], 0
    for start, stop, ahead in zip(bounds[:-1], bounds[1:], early, strict=False):
        while pushed < min(ahead, len(frames)):
            stream.push_frame(frames[pushed])
            pushed += 1
        stream.push_samples(sound[start:stop])
        pieces.append(stream.pull())
    for frame in frames[pushed:]:
        stream.push_frame(frame)
    stream.finish()
    split = np.concatenate([*pieces, stream.pull()], axis=1)
    np.testing.assert_array_equal(split, whole)


@pytest.mark.parametrize("samples", [0, 1, 100, 10_079, 10_080, 10_081, 33_333])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("kind", [Panner, Listener])
def test_as_many_samples_come_out_as_went_in(samples: int, rate: int, kind: type[Panner]) -> None:
    assert run(kind(), noise(samples), pictures(2), sample_rate=rate).shape == (2, samples)


@pytest.mark.parametrize("samples", [9_000, 16_001, 17_777, 17_778, 60_001])
@pytest.mark.parametrize(("chunk", "batch_size"), [(1_234, 1), (1_234, 3), (100_000, 16)])
@pytest.mark.parametrize(("hop", "together"), [(800, 8), (1_600, 4), (4_000, 2), (10_080, 1)])
def test_a_context_is_heard_around_windows(samples: int, chunk: int, batch_size: int, hop: int, together: int) -> None:
    """Around the middle of 0.4 s of windows, or as near as the sound's ends allow; all of a sound that is shorter."""
    model, sound = Listener(), noise(samples)
    run(model, sound, pictures(1), chunk, batch_size=batch_size, hop=hop / RATE)
    length = min(Listener.context, max(samples, model.config.window))
    padded = torch.from_numpy(np.pad(sound, (0, max(0, length - samples))))
    assert len(model.told) == window_count(samples, model.config.window, hop)
    if batch_size == 16:  # which all of these divide: none is listened to twice
        assert len(model.around) == -(-len(model.told) // together)
    for index, told in enumerate(model.told):
        middle = index // together * together * hop + (together - 1) * hop // 2
        start = context_start(middle, model.config.window, Listener.context, samples)
        wanted = padded[start : start + length]
        spec = stft(wanted * rms_gain(wanted, model.config.rms), model.config.stft)
        torch.testing.assert_close(told, spec.square().mean()[None])


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_a_real_mask_pans_every_moment(rate: int) -> None:
    """With mask c, l - r = c (l + r): the sound is x (1 + c) and x (1 - c), at any rate, from first sample to last."""
    model = Panner()
    frames = np.zeros((5, 24, 48, 3), np.uint8)
    frames[:, :, :24] = 255
    time = np.arange(2 * rate) / rate
    sound = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    left, right = run(model, sound, frames, sample_rate=rate, tdss=False)
    pan = float(torch.tanh(torch.tensor(1 / 0.225)))  # a full step in units of the deviations is beyond tanh's bend
    inner = slice(rate // 20, -rate // 20)
    np.testing.assert_allclose(left[inner], (1 + pan) * sound[inner], atol=2e-3)
    np.testing.assert_allclose(right[inner], (1 - pan) * sound[inner], atol=2e-3)


def test_nothing_predicted_leaves_the_input() -> None:
    grey = np.full((3, 24, 48, 3), 90, np.uint8)
    sound = noise(30_000)
    for rate in (16_000, 44_100):
        both = run(Panner(), sound, grey, sample_rate=rate)
        np.testing.assert_allclose(both, np.stack([sound, sound]), atol=1e-6)


def test_silence_stays_silent(lite) -> None:
    assert np.abs(run(lite, np.zeros(20_000, np.float32), pictures(12))).max() == 0


def test_loudness_scales_with_the_input() -> None:
    sound, frames = noise(20_000), pictures(12)
    loud, soft = run(Panner(), sound, frames), run(Panner(), 0.125 * sound, frames)
    np.testing.assert_allclose(soft, 0.125 * loud, atol=1e-6)


def test_the_mixture_is_kept(lite) -> None:
    sound = noise(40_000)
    both = run(lite, sound, pictures(25), sample_rate=44_100)
    np.testing.assert_allclose(both.mean(0), sound, atol=1e-6)
    assert np.abs(both[0] - both[1]).max() > 1e-4


def test_each_frame_is_encoded_once() -> None:
    model = Panner()
    stream = BinauralStream(model, sample_rate=RATE, hop=0.02, batch_size=7)
    for frame in pictures(20):
        stream.push_frame(frame)
    stream.push_samples(noise(2 * RATE))
    stream.finish()
    assert stream.windows_done == 70
    assert stream.frames_encoded == sum(model.seen) == 15  # frames 3 to 17 are nearest to some window's centre


@pytest.mark.parametrize(("tdss", "times"), [(True, 5), (False, 1)])
def test_a_picture_that_stands_still_is_encoded_once_through_each_crop(tdss: bool, times: int) -> None:
    model, one = Panner(), pictures(1)
    stream = BinauralStream(model, sample_rate=RATE, tdss=tdss, batch_size=4)
    for frame in np.repeat(one, 20, axis=0):
        stream.push_frame(frame)
    stream.push_samples(noise(2 * RATE))
    stream.finish()
    assert stream.frames_encoded == sum(model.seen) == times


@pytest.mark.parametrize("tdss", [True, False])
def test_pictures_that_come_back_are_not_taken_for_others(monkeypatch, tdss: bool) -> None:
    frames, sound = pictures(2)[[0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0]], noise(24_000)
    known, new = Panner(), Panner()
    found = run(known, sound, frames, tdss=tdss)
    monkeypatch.setattr(torch, "equal", lambda *_: False)  # every picture is a new one
    np.testing.assert_allclose(found, run(new, sound, frames, tdss=tdss), atol=1e-6)
    assert sum(known.seen) < sum(new.seen) == 10


def test_missing_last_frames_hold_the_last_one() -> None:
    sound, frames = noise(3 * RATE), pictures(12)
    held = np.concatenate([frames, np.repeat(frames[-1:], 18, axis=0)])
    np.testing.assert_array_equal(run(Panner(), sound, frames, tdss=False), run(Panner(), sound, held, tdss=False))


@pytest.mark.parametrize("kind", [Panner, Listener])
def test_memory_does_not_grow_with_length(kind: type[Panner]) -> None:
    stream = BinauralStream(kind(), sample_rate=RATE)
    for index in range(600):
        stream.push_frame(pictures(1, index)[0])
        stream.push_samples(noise(1_600, index))
        stream.pull()
        assert len(stream._pictures) <= 30
        assert len(stream._features) <= 30
        assert len(stream._mono) <= 4 * RATE
        assert len(stream._heard) <= 4 * RATE


def test_broken_samples_count_as_silence() -> None:
    sound = noise(20_000)
    broken = sound.copy()
    broken[5_000:5_010] = [np.nan, np.inf, -np.inf, *[np.nan] * 7]
    repaired = sound.copy()
    repaired[5_000:5_010] = 0
    np.testing.assert_array_equal(run(Panner(), broken, pictures(12)), run(Panner(), repaired, pictures(12)))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"hop": 0}, "hop"),
        ({"hop": -1.0}, "hop"),
        ({"hop": 0.64}, "hop"),
        ({"hop": float("nan")}, "hop"),
        ({"batch_size": 0}, "batch size"),
        ({"sample_rate": 0}, "sample rate"),
        ({"precision": "float8"}, "precision"),
    ],
)
def test_bad_options_are_refused(options, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        BinauralStream(Panner(), **({"sample_rate": RATE} | options))


def test_bad_input_is_refused() -> None:
    stream = BinauralStream(Panner(), sample_rate=RATE)
    with pytest.raises(ValueError, match="mono"):
        stream.push_samples(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="picture"):
        stream.push_frame(np.zeros((4, 4, 3)))
    stream.push_samples(noise(100))
    with pytest.raises(ValueError, match="no picture"):
        stream.finish()
    closed = BinauralStream(Panner(), sample_rate=RATE)
    closed.finish()
    with pytest.raises(ValueError, match="finished"):
        closed.push_samples(noise(1))


@pytest.mark.parametrize(("samples", "heard", "shown"), [(16_000, 16_000, 5), (3_000, 10_080, 3), (40_799, 40_799, 13)])
def test_a_sound_shorter_than_a_window_is_heard_as_long_as_it_is(samples: int, heard: int, shown: int) -> None:
    """In silence beside it a network of longer windows knew worse what it hears. It sees what its middle shows."""
    model = Panner()
    model.config = ModelConfig(window=40_800, resize=(24, 48), frame_size=(20, 40))
    lengths = []
    model.register_forward_pre_hook(lambda _, inputs: lengths.append(inputs[0].shape[-1]))
    sound, frames = noise(samples), pictures(26)
    frames[:shown], frames[shown + 1 :] = 0, 0
    frames[shown, :, :24] = 255
    left, right = run(model, sound, frames, hop=2.0, tdss=False)
    assert lengths == [model.config.stft.frames(heard)]
    assert left.shape == (samples,)
    assert np.abs(left).sum() > 5 * np.abs(right).sum()


def test_longer_windows_are_further_apart() -> None:
    """As many windows over a sample, whatever their length: a second of sound costs the same."""
    model = Panner()
    assert BinauralStream(model, sample_rate=RATE).hop == 1_600
    model.config = ModelConfig(window=40_800, resize=(24, 48), frame_size=(20, 40))
    assert BinauralStream(model, sample_rate=RATE).hop == 6_480
    sound, frames = noise(100_000), pictures(63)
    assert np.abs(run(model, sound, frames, hop=0.405) - run(model, sound, frames)).max() == 0
