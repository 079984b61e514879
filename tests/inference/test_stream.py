"""The streaming core: any split of the input gives the same output, and nothing is lost at either end."""

import weakref

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tiny_models
from ccstereo.audio import context_start, rms_gain, stft, window_count
from ccstereo.inference import BinauralStream
from ccstereo.models import ModelConfig, SpatialModel
from panner import RATE, Conditioned, Panner, noise, run, video


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.lists(st.integers(0, 24_000), max_size=12),
    early=st.lists(st.integers(0, 12), min_size=16, max_size=16),
    rate=st.sampled_from([8_000, 16_000, 44_100]),
    batch_size=st.integers(1, 5),
    hop=st.sampled_from([0.063, 0.1, 0.63]),
    kind=st.sampled_from([Panner, Conditioned]),
)
def test_any_split_gives_the_same_sound(cuts, early, rate, batch_size, hop, kind) -> None:
    model, sound, frames = kind(), noise(24_000), video(15)
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
@pytest.mark.parametrize("kind", [Panner, Conditioned])
def test_as_many_samples_come_out_as_went_in(samples: int, rate: int, kind: type[Panner]) -> None:
    assert run(kind(), noise(samples), video(2), sample_rate=rate).shape == (2, samples)


@pytest.mark.parametrize("samples", [9_000, 16_001, 17_777, 17_778, 60_001])
@pytest.mark.parametrize(("chunk", "batch_size"), [(1_234, 1), (1_234, 3), (100_000, 16)])
@pytest.mark.parametrize(("hop", "together"), [(800, 8), (1_600, 4), (4_000, 2), (10_080, 1)])
def test_a_context_lies_around_windows(samples: int, chunk: int, batch_size: int, hop: int, together: int) -> None:
    """Around the middle of 0.4 s of windows, or as near as the sound's ends allow; all of a sound that is shorter."""
    model, sound = Conditioned(), noise(samples)
    run(model, sound, video(1), chunk, batch_size=batch_size, hop=hop / RATE)
    length = min(model.config.context, max(samples, model.config.window))
    padded = torch.from_numpy(np.pad(sound, (0, max(0, length - samples))))
    assert len(model.contexts) == window_count(samples, model.config.window, hop)
    if batch_size == 16:  # which all of these divide: none is encoded twice
        assert len(model.around) == -(-len(model.contexts) // together)
    for index, context in enumerate(model.contexts):
        middle = index // together * together * hop + (together - 1) * hop // 2
        start = context_start(middle, model.config.window, model.config.context, samples)
        wanted = padded[start : start + length]
        spec = stft(wanted * rms_gain(wanted, model.config.rms), model.config.stft)
        np.testing.assert_allclose(context, spec.square().mean().numpy()[None], rtol=1e-4)


class TestLive:
    @pytest.mark.parametrize("kind", [Panner, Conditioned])
    @pytest.mark.parametrize("live", [False, True])
    @pytest.mark.parametrize("rate", [16_000, 48_000])
    def test_no_sample_waits_longer_than_the_latency(self, kind: type[Panner], live: bool, rate: int) -> None:
        """Ten milliseconds at a time, frames as they are shown: the measured delay is the promised one."""
        stream = BinauralStream(kind(), sample_rate=rate, live=live, batch_size=4)
        step, frames, pulled, longest = rate // 100, video(60), 0, 0.0
        for k in range(500):
            if k % 10 == 0:
                stream.push_frame(frames[k // 10])
            stream.push_samples(noise(step, k))
            pulled += stream.pull().shape[1]
            longest = max(longest, ((k + 1) * step - pulled) / rate)
        assert longest <= stream.latency + 0.01  # a push
        assert longest > stream.latency - 0.06  # which is no idle promise

    def test_live_waits_for_a_window(self) -> None:
        shipped = ModelConfig(context=40_800)
        model = Conditioned()
        model.config = shipped
        live, offline = (BinauralStream(model, sample_rate=RATE, live=live).latency for live in (True, False))
        assert live == pytest.approx(0.63)
        assert offline > 2.5

    def test_a_live_context_ends_with_the_first_window_of_its_group(self) -> None:
        model, sound = Conditioned(), noise(60_000)
        run(model, sound, video(40), 1_000, live=True)
        for index, context in enumerate(model.contexts):
            end = index // 4 * 4 * 1_600 + model.config.window
            wanted = torch.from_numpy(np.pad(sound, (0, 20_000)))[max(0, end - model.config.context) : end]
            spec = stft(wanted * rms_gain(wanted, model.config.rms), model.config.stft)
            np.testing.assert_allclose(context, spec.square().mean().numpy()[None], rtol=1e-4)

    @pytest.mark.parametrize(("model", "rate"), [(Panner(), 48_000), (Conditioned(), 16_000)])
    def test_where_a_camera_stalls_its_last_frame_stands(self, model: Panner, rate: int) -> None:
        """Sound goes on in time, as if the frame came again and again, and new frames count when they come."""
        stalled, frozen = (_stalling(model, rate, frozen=frozen) for frozen in (False, True))
        back = round((2.0 - 0.63) * rate)  # start of the first window that ends after frames have come again
        np.testing.assert_array_equal(stalled[:, :back], frozen[:, :back])
        assert np.abs(stalled[:, -rate // 2 :] - frozen[:, -rate // 2 :]).max() > 1e-3

    def test_a_clip_may_reach_back_before_a_stall(self) -> None:
        assert _stalling(tiny_models.tiny_left_right().eval(), 16_000, frozen=False).shape == (2, 48_000)

    def test_any_split_gives_the_same_live_sound(self) -> None:
        sound, frames = noise(50_000), video(32)
        whole = run(Conditioned(), sound, frames, 50_000, live=True)
        np.testing.assert_array_equal(run(Conditioned(), sound, frames, 777, live=True), whole)


def _stalling(model: SpatialModel, rate: int, *, frozen: bool) -> np.ndarray:
    """Three seconds, live, without a frame from 0.5 to 2 s; `frozen`: with the one at 0.5 s from there to the end."""
    frames, step, pulled = video(30), rate // 10, 0
    stream = BinauralStream(model, sample_rate=rate, live=True, tdss=False)
    pieces = []
    for k in range(30):
        if frozen or not 5 < k < 20:
            stream.push_frame(frames[min(k, 5) if frozen else k])
        stream.push_samples(noise(step, k))
        pieces.append(stream.pull())
        pulled += pieces[-1].shape[1]
        assert ((k + 1) * step - pulled) / rate <= stream.latency + 0.1
    stream.finish()
    return np.concatenate([*pieces, stream.pull()], axis=1)


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
    assert np.abs(run(lite, np.zeros(20_000, np.float32), video(12))).max() == 0


def test_loudness_scales_with_the_input() -> None:
    sound, frames = noise(20_000), video(12)
    loud, soft = run(Panner(), sound, frames), run(Panner(), 0.125 * sound, frames)
    np.testing.assert_allclose(soft, 0.125 * loud, atol=1e-6)


def test_the_mixture_is_kept(lite) -> None:
    sound = noise(40_000)
    both = run(lite, sound, video(25), sample_rate=44_100)
    np.testing.assert_allclose(both.mean(0), sound, atol=1e-6)
    assert np.abs(both[0] - both[1]).max() > 1e-4


def test_each_frame_is_encoded_once() -> None:
    model = Panner()
    stream = BinauralStream(model, sample_rate=RATE, hop=0.02, batch_size=7)
    for frame in video(20):
        stream.push_frame(frame)
    stream.push_samples(noise(2 * RATE))
    stream.finish()
    assert stream.windows_done == 70
    assert stream.frames_encoded == sum(model.encoded) == 15  # frames 3 to 17 are nearest to some window's centre


@pytest.mark.parametrize(("tdss", "times"), [(True, 5), (False, 1)])
def test_a_frame_that_stays_is_encoded_once_through_each_crop(tdss: bool, times: int) -> None:
    model, one = Panner(), video(1)
    stream = BinauralStream(model, sample_rate=RATE, tdss=tdss, batch_size=4)
    for frame in np.repeat(one, 20, axis=0):
        stream.push_frame(frame)
    stream.push_samples(noise(2 * RATE))
    stream.finish()
    assert stream.frames_encoded == sum(model.encoded) == times


def stream_of(frames: np.ndarray, **options: object) -> BinauralStream:
    """A stream that has had these frames, 10 a second, and as much sound."""
    stream = BinauralStream(Panner(), sample_rate=RATE, **options)
    for frame in frames:
        stream.push_frame(frame)
    stream.push_samples(noise(len(frames) * RATE // 10))
    stream.finish()
    return stream


def test_noise_is_no_change_and_slow_changes_add_up() -> None:
    rng, count = np.random.default_rng(3), 30
    noisy = (np.full((count, 48, 96, 3), 100.0) + rng.normal(0, 4, (count, 48, 96, 3))).round().astype(np.uint8)
    assert stream_of(noisy, tdss=False).frames_encoded == 1
    assert stream_of(noisy).frames_encoded == 5  # once through each crop
    frames = stream_of(noisy, tdss=False, adaptive=False).frames_encoded
    assert frames == stream_of(video(count), tdss=False).frames_encoded > 20
    brighter = np.stack([np.full((48, 96, 3), 100 + index, np.uint8) for index in range(count)])  # a level a frame
    assert stream_of(brighter, tdss=False).frames_encoded == -(-frames // 4)  # 4 levels are more than 3


@pytest.mark.parametrize("tdss", [True, False])
def test_frames_that_come_back_are_not_taken_for_others(monkeypatch, tdss: bool) -> None:
    frames, sound = video(2)[[0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0]], noise(24_000)
    known, new = Panner(), Panner()
    found = run(known, sound, frames, tdss=tdss)
    monkeypatch.setattr(np, "array_equal", lambda *_: False)  # every frame is a new one
    np.testing.assert_allclose(found, run(new, sound, frames, tdss=tdss, adaptive=False), atol=1e-6)
    assert sum(known.encoded) < sum(new.encoded) == 10


@pytest.mark.parametrize("hop", [0.05, 0.063, 0.1, 0.15, 0.3, 0.63])
@pytest.mark.parametrize("frames", [1, 2, 13, 14, 15, 16])
def test_frames_that_no_window_looks_at_can_be_skipped(hop: float, frames: int) -> None:
    """All but the last, at any length: the sound is the same to the bit."""
    model, sound, shown = Conditioned(), noise(1_600 * frames - 800), video(frames)
    whole = run(model, sound, shown, hop=hop)
    stream = BinauralStream(model, sample_rate=RATE, hop=hop)
    wanted = {stream.plan.frame(window) for window in range(400)}  # of a sound that goes on
    assert {k for k in range(frames) if stream.plan.looks_at(k)} == {k for k in wanted if k < frames}
    pieces = []
    for k, frame in enumerate(shown):
        if stream.plan.looks_at(k) or k == frames - 1:
            stream.push_frame(frame, k)
        stream.push_samples(sound[1_600 * k :][:1_600])
        pieces.append(stream.pull())
    stream.finish()
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.pull()], axis=1), whole)


def test_frames_come_in_their_order() -> None:
    stream = BinauralStream(Panner(), sample_rate=RATE)
    stream.push_frame(video(1)[0], 4)
    with pytest.raises(ValueError, match="frame 4 comes after frame 4"):
        stream.push_frame(video(1)[0], 4)
    stream.push_frame(video(1)[0], 5)


def test_missing_last_frames_hold_the_last_one() -> None:
    sound, frames = noise(3 * RATE), video(12)
    held = np.concatenate([frames, np.repeat(frames[-1:], 18, axis=0)])
    np.testing.assert_array_equal(run(Panner(), sound, frames, tdss=False), run(Panner(), sound, held, tdss=False))


@pytest.mark.parametrize("kind", [Panner, Conditioned])
def test_memory_does_not_grow_with_length(kind: type[Panner]) -> None:
    stream = BinauralStream(kind(), sample_rate=RATE)
    for index in range(600):
        stream.push_frame(video(1, index)[0])
        stream.push_samples(noise(1_600, index))
        stream.pull()
        assert len(stream._cache._frames) <= 30
        assert len(stream._cache._features) <= 30
        assert len(stream._mono) <= 4 * RATE
        assert len(stream._waiting) <= 4 * RATE


def test_frames_wait_at_the_models_size() -> None:
    """22 frames of 4K held 522 MB."""
    stream = BinauralStream(Panner(), sample_rate=RATE)
    pushed = []
    for index in range(3):
        frame = np.full((2_160, 3_840, 3), index, np.uint8)
        pushed.append(weakref.ref(frame))
        stream.push_frame(frame)
    del frame
    assert [frame() for frame in pushed] == [None] * 3
    assert {tuple(frame.shape) for frame in stream._cache._frames.values()} == {(3, 24, 48)}


def test_a_caller_may_reuse_its_buffers() -> None:
    sound, frames = noise(30_000), video(20)
    whole = run(Panner(), sound, frames)
    stream = BinauralStream(Panner(), sample_rate=RATE)
    samples, frame = np.empty(1_500, np.float32), np.empty_like(frames[0])
    for k in range(20):
        frame[:] = frames[k]
        stream.push_frame(frame)
        samples[:] = sound[1_500 * k : 1_500 * (k + 1)]
        stream.push_samples(samples)
    samples[:], frame[:] = 1, 255
    stream.finish()
    np.testing.assert_array_equal(stream.pull(), whole)


@pytest.mark.parametrize(
    ("kind", "full", "zero"), [(np.int16, 32_768, 0), (np.int32, 2_147_483_648, 0), (np.uint8, 128, 128)]
)
def test_whole_numbers_are_scaled_to_full_scale(kind, full: int, zero: int) -> None:
    quiet = noise(12_000)
    scaled = np.round(quiet.astype(np.float64) * full + zero)
    stream = BinauralStream(Panner(), sample_rate=RATE)
    stream.push_frame(np.full((24, 48, 3), 90, np.uint8))
    stream.push_samples(scaled.astype(kind))
    stream.finish()
    np.testing.assert_allclose(stream.pull()[0], (scaled - zero) / full, atol=1e-5)


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(5, bool), "got bool"),
        (np.zeros(5, np.complex64), "got complex64"),
        (np.zeros(5, np.int64), "got int64"),
        (np.array(["a"]), "samples of float"),
        (np.full(5, 1e30), "full scale is 1"),
        (np.float32(0), "mono sound"),
    ],
)
def test_other_samples_are_refused(sound, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        BinauralStream(Panner(), sample_rate=RATE).push_samples(sound)


def test_tensors_are_samples_and_frames() -> None:
    stream = BinauralStream(Panner(), sample_rate=RATE)
    stream.push_frame(torch.full((24, 48, 3), 90, dtype=torch.uint8))
    stream.push_samples(torch.full((9,), 0.5, requires_grad=True))
    stream.finish()
    np.testing.assert_allclose(stream.pull(), 0.5)


def test_broken_samples_count_as_silence() -> None:
    sound = noise(20_000)
    broken = sound.copy()
    broken[5_000:5_010] = [np.nan, np.inf, -np.inf, *[np.nan] * 7]
    repaired = sound.copy()
    repaired[5_000:5_010] = 0
    np.testing.assert_array_equal(run(Panner(), broken, video(12)), run(Panner(), repaired, video(12)))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"hop": 0}, "hop"),
        ({"hop": -1.0}, "hop"),
        ({"hop": 0.64}, "hop"),
        ({"hop": float("nan")}, "hop"),
        ({"batch_size": 0}, "batch size"),
        ({"sample_rate": 0}, "sample rate"),
        ({"sample_rate": None}, "sample rate"),
        ({"sample_rate": "48000"}, "sample rate"),
        ({"sample_rate": float("nan")}, "sample rate"),
    ],
)
def test_bad_options_are_refused(options, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        BinauralStream(Panner(), **({"sample_rate": RATE} | options))


def test_bad_input_is_refused() -> None:
    stream = BinauralStream(Panner(), sample_rate=RATE)
    with pytest.raises(ValueError, match="mono"):
        stream.push_samples(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="frame"):
        stream.push_frame(np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="frame"):
        stream.push_frame(np.zeros((0, 4, 3), np.uint8))
    stream.push_samples(noise(100))
    with pytest.raises(ValueError, match="no frame"):
        stream.finish()
    closed = BinauralStream(Panner(), sample_rate=RATE)
    closed.finish()
    with pytest.raises(ValueError, match="finished"):
        closed.push_samples(noise(1))
