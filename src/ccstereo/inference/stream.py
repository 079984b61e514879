"""The streaming core: push samples and frames, pull spatial sound. An hour costs the memory of a minute."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import NDArray

from ccstereo.inference.arrays import as_frame, as_samples, check_sample_rate
from ccstereo.inference.backends import Backend
from ccstereo.inference.buffers import Resampler, SampleQueue, resampling_delay
from ccstereo.inference.features import FeatureCache
from ccstereo.inference.highband import panning_gains
from ccstereo.inference.load import as_backend
from ccstereo.inference.overlap import OverlapAverager
from ccstereo.inference.spectra import istft, rms_gain, stft
from ccstereo.inference.windows import WindowPlan
from ccstereo.targets import TARGETS

if TYPE_CHECKING:
    from ccstereo.models.base import SpatialModel


class BinauralStream:
    """Turns mono sound and frames, as they come, into spatial sound of the same length.

    Frame k is the frame shown at time k / `model.config.frame_rate`, time zero being the first sample. Windows slide by
    `hop`; each is normalised by its RMS and predicted with the frames nearest its centre; overlapping predictions are
    averaged. Windows are computed in batches counted from the first, whatever the chunks in which samples and frames
    come, so that the output does not depend on how the input was split.

    What is pushed is copied: a caller may reuse its buffers. Frames are kept at the model's size.

    Args:
        model: a model, or a backend that runs one.
        sample_rate: Hz of the sound pushed and pulled. The model works at its own rate: what lies above its Nyquist
            frequency (8 kHz for models of 16 kHz) is put where the octave below is, see `panning_gains`.
        hop: seconds between two windows, 0 < hop <= the model's window; None takes `model.config.hop`.
        tdss: crop each frame in one of five places in turn; otherwise the whole frame is resized.
        batch_size: windows computed together, >= 1.
        adaptive: whether frames that hardly differ from the last through the same crop are not encoded again; otherwise
            only those that do not differ at all.
        live: keep the delay small: windows are computed one by one, and the context of a conditioned model ends with
            the window instead of reaching as far behind it. See `latency`. No window waits for frames but the first:
            where a camera stalls, its last frame stands. So push the frames of a stretch before its sound.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        model: Union["SpatialModel", Backend],
        *,
        sample_rate: int,
        hop: float | None = None,
        tdss: bool = True,
        batch_size: int = 16,
        adaptive: bool = True,
        live: bool = False,
    ) -> None:
        self._backend = as_backend(model)
        config = self.config = self._backend.config
        self._sample_rate = sample_rate = check_sample_rate(sample_rate)
        if batch_size < 1:
            raise ValueError(f"the batch size must be at least 1, got {batch_size}")
        hop = config.hop if hop is None else hop
        least, longest = 1 / config.sample_rate, config.window / config.sample_rate
        if not least <= hop <= longest:
            raise ValueError(f"the hop must be from {least:g} to {longest:g} s, the model's window; got {hop:g}")
        self.target = TARGETS[config.target]
        self.plan = WindowPlan(config, round(hop * config.sample_rate), 1 if live else batch_size, live)
        self.windows_done = 0
        self._cache = FeatureCache(config, tdss, self._backend.encode_frames, adaptive=adaptive)
        # Of each predicted channel, what it holds beyond mono; with a high band its gain on the mixture there, too.
        self._high_band = sample_rate > config.sample_rate
        channels = len(self.target.predicted) * (1 + self._high_band)
        self._down = Resampler(sample_rate, config.sample_rate)
        self._up = Resampler(config.sample_rate, sample_rate, channels)
        self._mono = SampleQueue()  # what was pushed and not yet pulled, full rate
        self._waiting = SampleQueue()  # the same at the model's rate, from the oldest sample that is still needed
        self._dropped = 0  # samples of it that came before
        self._predicted = SampleQueue(channels)  # full rate, not yet pulled
        self._averager = OverlapAverager(config.window, self.plan.hop, channels)
        self._finished = False

    @property
    def latency(self) -> float:
        """Seconds after which a pushed sample can be pulled at the latest, while samples and frames come steadily.

        By default a batch of windows and the context behind it must have come; with `live` a window. Resampling to the
        model's rate and back holds some 50 ms more.
        """
        own, full = self.config.sample_rate, self._sample_rate
        return self.plan.latency + resampling_delay(full, own) + resampling_delay(own, full)

    @property
    def frames_encoded(self) -> int:
        """Frames, or clips, that went through the image encoder: those that hardly differ from the last do not."""
        return self._cache.encoded

    def push_samples(self, samples: Any) -> None:
        """Append mono sound (T,) of any T, see `as_samples`. NaN and infinities count as silence.

        Raises:
            ValueError: shape or type are others, or the stream is finished.
        """
        self._check_open()
        mono = as_samples(samples)[None]
        self._mono.append(mono)
        self._waiting.append(self._down.push(mono))
        self._advance()

    def push_frame(self, frame: Any, index: int | None = None) -> None:
        """Append the next frame, (H, W, 3) uint8 of any size.

        Args:
            frame: the next one.
            index: its number, where frames before it are skipped that no window looks at (`plan.looks_at`); the last
                frame of all must not be.

        Raises:
            ValueError: shape or type are others, the frame is not behind those before, or the stream is finished.
        """
        self._check_open()
        following = self._cache.pushed
        if index is not None and index < following:
            raise ValueError(f"frame {index} comes after frame {following - 1}")
        self._cache.push(as_frame(frame), following if index is None else index)
        self._advance()

    def finish(self) -> None:
        """Say that nothing more comes; afterwards `pull` gives all that was left.

        Raises:
            ValueError: there was sound but not a single frame.
        """
        self._check_open()
        if self._mono.pushed and not self._cache.pushed:
            raise ValueError("there is sound but no frame to go by")
        self._waiting.append(self._down.finish())
        self._finished = True
        self._advance()
        self._predicted.append(self._up.push(self._averager.rest()))
        self._predicted.append(self._up.finish())
        missing = max(0, len(self._mono) - len(self._predicted))
        self._predicted.append(np.zeros((self._predicted.channels, missing), dtype=np.float32))
        self._cache.clear()

    def pull(self) -> NDArray[np.float32]:
        """Take the sound that is ready: (C, T) float32 as the target has it, T possibly 0; left first of two ears."""
        count = min(len(self._mono), len(self._predicted))
        mixture = self.target.from_mono(self._mono.take(count)[0])
        beyond, *gains = np.split(self._predicted.take(count), 1 + self._high_band)
        predicted = self.target.silent_prediction(mixture) + beyond
        if gains:
            predicted = predicted + gains[0] * mixture
        return self.target.decode(mixture, predicted)

    def _check_open(self) -> None:
        if self._finished:
            raise ValueError("this stream is finished; make a new one")

    def _advance(self) -> None:
        """Compute all batches of windows whose samples and frames have come."""
        while True:
            count = self.plan.batch_size
            if self._finished:
                count = min(count, max(0, self.plan.count(self._waiting.pushed) - self.windows_done))
                if not count:
                    return
            else:
                last = self.windows_done + count - 1
                if self._waiting.pushed < self.plan.samples_for(last) or self._cache.pushed < self.plan.frames_for(
                    last
                ):
                    return
            self._compute(range(self.windows_done, self.windows_done + count))

    def _compute(self, windows: range) -> None:
        mixtures = self._cut([self.plan.start(window) for window in windows], self.config.window)
        clips = [self.plan.clip(window, self._cache.pushed) for window in windows]
        for predicted in self._predict(mixtures, self._cache.features(clips), self._contexts(windows)):
            self._predicted.append(self._up.push(self._averager.add(predicted)))
        self.windows_done = windows.stop
        oldest = self.plan.oldest_sample(self.windows_done)
        self._waiting.drop(oldest - self._dropped)
        self._dropped = oldest
        self._cache.forget(self.plan.oldest_frame(self.windows_done, self._cache.pushed))

    def _cut(self, starts: Sequence[int], length: int) -> NDArray[np.float32]:
        """Mixtures (N, length) from these samples on, zeros behind the end."""
        waiting = self._waiting.peek(max(starts) + length - self._dropped)[0]
        return self.target.from_mono(np.stack([waiting[start - self._dropped :][:length] for start in starts]))

    def _contexts(self, windows: range) -> NDArray[np.float32] | None:
        """Context embeddings (N, C) of windows, each group's computed once; None where the model takes none."""
        if not self.config.context:
            return None
        groups = [self.plan.group(window) for window in windows]
        first = groups[0]
        parts = [self.plan.context(group, self._waiting.pushed) for group in range(first, groups[-1] + 1)]
        found = []
        for length in dict.fromkeys(length for _, length in parts):  # those at the start of a live stream are shorter
            around = self._cut([start for start, own in parts if own == length], length)
            spec = stft(around * rms_gain(around, self.config.rms), self.config.stft)
            encoded = self._backend.encode_context(spec)
            if encoded is None:
                return None
            found.append(encoded)
        return np.concatenate(found)[[group - first for group in groups]]

    def _predict(
        self, mix: NDArray[np.float32], features: NDArray[np.float32], context: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Predict windows (N, T) of the mixture: (N, K or 2 K, T), what `pull` adds to mono.

        That is each channel's deviation from mono alone, or, with a high band, how it differs from g times the mixture,
        and the gain g. Both are then brought to the full rate, where g times the whole mixture is added: below the
        model's Nyquist frequency it cancels, above it is all there is.
        """
        gain = rms_gain(mix, self.config.rms)
        spec = stft(mix * gain, self.config.stft)
        predicted = self._backend.predict(spec, features, context)
        waveforms = istft(predicted, mix.shape[-1], self.config.stft) / gain[:, None]  # (N, K, T)
        beyond = waveforms - self.target.silent_prediction(mix)
        if not self._high_band:
            return beyond
        side = panning_gains(spec, predicted, self.target, mix.shape[-1])
        return np.concatenate([beyond - side * mix[:, None], side], axis=1)
