"""The streaming core: push samples and frames, pull stereo. An hour costs the memory of a minute."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ccstereo.audio import context_start, frame_index, istft, rms_gain, stft, window_count
from ccstereo.inference.buffers import Resampler, SampleQueue
from ccstereo.inference.fuse import encoding_groups
from ccstereo.inference.overlap import OverlapAverager
from ccstereo.inference.precision import PRECISIONS
from ccstereo.inference.treble import treble_gain
from ccstereo.models import BinauralModel
from ccstereo.models.config import PAPER_WINDOW
from ccstereo.vision.tdss import crop_of, view_frame
from ccstereo.vision.transforms import normalize

LISTENED_EVERY = 0.4  # seconds: windows so near to one another share what is made out of the seconds around them


@dataclass
class _View:
    """What the network saw of a frame, and made of it."""

    picture: Tensor  # (3, h, w) uint8
    features: Tensor | None = None


class BinauralStream:
    """Turns mono sound and pictures, as they come, into binaural sound of the same length.

    Frame k is the picture shown at time k / `model.config.frame_rate`, time zero being the first sample. Windows
    slide by `hop`; each hears its level brought to the model's and sees the frame nearest its centre; overlapping
    predictions are averaged. A sound shorter than a window is heard as long as it is. A model that hears a context
    (`model.context`) hears as much around every 0.4 s of windows, at both ends as much as lies within the sound.
    Windows are computed in groups of `batch_size` counted from the first, whatever the chunks in which samples and
    frames come, so that the output does not depend on how the input was split.

    Args:
        model: any registered model, in eval mode.
        sample_rate: Hz of the sound pushed and pulled. The model works at its own rate: what it cannot hear (above
            8 kHz for 16 kHz models) is put where the octave below is, see `treble_gain`.
        hop: seconds between two windows, 0 < hop <= the model's window; None takes `model.config.hop`.
        tdss: see each frame through one of five crops in turn; otherwise the whole frame.
        batch_size: windows computed together, >= 1.
        precision: "float32", "bfloat16" or "float16".

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        model: BinauralModel,
        *,
        sample_rate: int,
        hop: float | None = None,
        tdss: bool = True,
        batch_size: int = 16,
        precision: str = "float32",
    ) -> None:
        config = model.config
        if sample_rate <= 0:
            raise ValueError(f"the sample rate must be positive, got {sample_rate}")
        if batch_size < 1:
            raise ValueError(f"the batch size must be at least 1, got {batch_size}")
        if precision not in PRECISIONS:
            raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
        hop = config.hop if hop is None else hop
        longest = config.window / config.sample_rate
        if not 0 < hop <= longest or round(hop * config.sample_rate) < 1:
            raise ValueError(f"the hop must be more than 0 and at most {longest:g} s, the model's window; got {hop:g}")
        self.model = model
        self.config = config
        self.context: int = getattr(model, "context", 0)
        self.hop = round(hop * config.sample_rate)
        self._together = max(1, round(LISTENED_EVERY * config.sample_rate / self.hop))  # windows that share a context
        self.tdss = tdss
        self.batch_size = batch_size
        self.precision = PRECISIONS[precision]
        self.device = next(model.parameters()).device
        self.windows_done = 0
        self.frames_encoded = 0
        self._down = Resampler(sample_rate, config.sample_rate)
        self._treble = sample_rate > config.sample_rate  # whether there is sound that the model cannot hear
        self._up = Resampler(config.sample_rate, sample_rate, 1 + self._treble)
        self._mono = SampleQueue()  # what was pushed and not yet pulled, full rate
        self._heard = SampleQueue()  # the same at the model's rate, from as long before the next window as is heard
        self._forgotten = 0  # samples of it that came before
        self._predicted = SampleQueue(1 + self._treble)  # full rate, not yet pulled; see `_predict`
        self._averager = OverlapAverager(config.window, self.hop, 1 + self._treble)
        self._pictures: OrderedDict[int, Tensor] = OrderedDict()
        self._frames = 0
        self._features: OrderedDict[int, Tensor] = OrderedDict()
        self._views: dict[str, _View] = {}  # the last one through each crop
        self._finished = False

    def push_samples(self, samples: np.ndarray) -> None:
        """Append mono sound, (T,) of any T, full scale +-1. NaN and infinities count as silence."""
        self._check_open()
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim != 1:
            raise ValueError(f"expected mono samples (T,), got an array of shape {samples.shape}")
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        self._mono.append(samples[None])
        self._heard.append(self._down.push(samples[None]))
        self._advance()

    def push_frame(self, picture: np.ndarray) -> None:
        """Append the next picture, (H, W, 3) uint8 of any size."""
        self._check_open()
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"expected a picture (H, W, 3) of uint8, got {picture.dtype} {picture.shape}")
        self._pictures[self._frames] = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)
        self._frames += 1
        self._advance()

    def finish(self) -> None:
        """Say that nothing more comes; afterwards `pull` gives all that was left.

        Raises:
            ValueError: there was sound but not a single picture.
        """
        self._check_open()
        if self._mono.pushed and not self._frames:
            raise ValueError("there is sound but no picture to go by")
        self._heard.append(self._down.finish())
        self._finished = True
        self._advance()
        self._predicted.append(self._up.push(self._averager.rest().numpy()))
        self._predicted.append(self._up.finish())
        missing = max(0, len(self._mono) - len(self._predicted))
        self._predicted.append(np.zeros((1 + self._treble, missing), dtype=np.float32))
        self._pictures.clear()
        self._features.clear()
        self._views.clear()

    def pull(self) -> np.ndarray:
        """Take the binaural sound that is ready: (2, T) float32, left first, T possibly 0."""
        count = min(len(self._mono), len(self._predicted))
        (mono,), (difference, *gain) = self._mono.take(count), self._predicted.take(count)
        half = difference / 2
        if self._treble:
            half += gain[0] * mono
        return np.stack([mono + half, mono - half])

    def _check_open(self) -> None:
        if self._finished:
            raise ValueError("this stream is finished; make a new one")

    def _advance(self) -> None:
        """Compute all groups of windows whose sound and pictures are there."""
        window = self.config.window
        while True:
            if self._finished:
                left = max(0, window_count(self._heard.pushed, window, self.hop) - self.windows_done)
                count = min(self.batch_size, left)
            else:
                count = self.batch_size
                last = self.windows_done + count - 1
                needed = last * self.hop + window
                if self.context:
                    needed = max(needed, self._middle(last // self._together) + window + self._margin, self.context)
                if self._heard.pushed < needed or self._frame(count - 1) >= self._frames:
                    return
            if count == 0:
                return
            self._compute(count)

    def _frame(self, ahead: int) -> int:
        """Index of the frame that the window `ahead` of the next one goes by."""
        start = (self.windows_done + ahead) * self.hop
        return frame_index(start, self._window, self.config.sample_rate, self.config.frame_rate)

    @property
    def _window(self) -> int:
        """Samples heard at once: the model's, or all of a sound that is shorter, but no less than in the papers."""
        return min(self.config.window, max(self._heard.pushed, round(PAPER_WINDOW * self.config.sample_rate)))

    @property
    def _margin(self) -> int:
        """Samples heard behind a window, see `context_start`."""
        return max(0, self.context - self.config.window) // 2

    def _middle(self, group: int) -> int:
        """Sample at which a window amid the windows begins that share a context."""
        return group * self._together * self.hop + (self._together - 1) * self.hop // 2

    def _compute(self, count: int) -> None:
        windows = range(self.windows_done, self.windows_done + count)
        mix = self._cut([index * self.hop for index in windows], self._window)
        frames = [min(self._frame(i), self._frames - 1) for i in range(count)]
        told = self._listen(windows) if self.context else None
        for predicted in F.pad(self._predict(mix, told, frames), (0, self.config.window - mix.shape[1])):
            self._predicted.append(self._up.push(self._averager.add(predicted).numpy()))
        self.windows_done += count
        forgotten = max(0, self.windows_done * self.hop - self.context)
        self._heard.drop(forgotten - self._forgotten)
        self._forgotten = forgotten
        oldest = min(self._frame(0), self._frames - 1)
        for cache in (self._pictures, self._features):
            for index in [index for index in cache if index < oldest]:
                del cache[index]

    def _cut(self, starts: list[int], length: int) -> Tensor:
        """Mixtures (N, length) from these samples on, zeros behind the end: a mono track x is l = r = x."""
        heard = torch.from_numpy(self._heard.peek(starts[-1] + length - self._forgotten)[0])
        return 2 * torch.stack([heard[start - self._forgotten :][:length] for start in starts])

    @torch.inference_mode()
    def _listen(self, windows: range) -> Tensor:
        """What the model is told (N, C) of the sound around windows."""
        groups = [index // self._together for index in windows]
        first, there = groups[0], self._heard.pushed
        middles = [self._middle(group) for group in range(first, groups[-1] + 1)]
        around = self._cut(
            [context_start(middle, self.config.window, self.context, there) for middle in middles],
            min(self.context, max(there, self._window)),
        ).to(self.device)
        spec = stft(around * rms_gain(around, self.config.rms), self.config.stft)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            return self.model.listen(spec)[[group - first for group in groups]]

    @torch.inference_mode()
    def _predict(self, mix: Tensor, told: Tensor | None, frames: list[int]) -> Tensor:
        """Predict windows (N, 1 or 2, window) of what `pull` makes l - r of, (N, window) being their mixtures.

        That is l - r alone, or with treble: how l - r differs from g (l + r), and the gain g. Both are then brought to
        the full rate, where g times the whole mixture is added: below the model's Nyquist frequency it cancels, above
        it is all there is.

        Args:
            mix: (N, window) mixtures.
            told: (N, C) what the model is told of the sound around them, None if it does not listen.
            frames: N indices of the pictures they go by.
        """
        mix = mix.to(self.device)
        gain = rms_gain(mix, self.config.rms)
        features = self._encode(frames)
        spec = stft(mix * gain, self.config.stft)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            output = self.model(spec, features, told)
        diff_spec = output.diff_spec.float()
        difference = istft(diff_spec, mix.shape[-1], self.config.stft) / gain
        if not self._treble:
            return difference[:, None].cpu()
        side = treble_gain(spec, diff_spec, mix.shape[-1])
        return torch.stack([difference - side * mix, side], dim=1).cpu()

    def _encode(self, frames: Iterable[int]) -> Tensor:
        """Features (N, C, h, w) of frames; each is encoded once, and not at all where the picture stands still."""
        frames = list(frames)
        shown: dict[int, _View] = {}
        new: list[_View] = []
        for index in dict.fromkeys(frames):
            if index not in self._features:
                picture = view_frame(
                    self._pictures[index], index, self.config.resize, self.config.frame_size, self.tdss
                )
                crop = crop_of(index + 1) if self.tdss else ""
                if crop not in self._views or not torch.equal(self._views[crop].picture, picture):
                    self._views[crop] = _View(picture)
                    new.append(self._views[crop])
                shown[index] = self._views[crop]
        if new:
            pictures = normalize(torch.stack([view.picture for view in new]).to(self.device))
            parts = encoding_groups(pictures.contiguous(memory_format=torch.channels_last))
            with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                features = torch.cat([self.model.encode_frames(part) for part in parts])
            for view, found in zip(new, features, strict=True):
                view.features = found
            self.frames_encoded += len(new)
        self._features.update((index, view.features) for index, view in shown.items() if view.features is not None)
        return torch.stack([self._features[index] for index in frames])
