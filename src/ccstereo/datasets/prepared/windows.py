"""Windows of a prepared set, as networks are trained on them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ccstereo.audio import FOADecoder, foa_to_binaural, rms_gain
from ccstereo.audio.targets import TARGETS
from ccstereo.audio.windows import clip_indices, context_start, frame_index
from ccstereo.datasets.prepared.format import FRAME_RATE, SAMPLE_RATE
from ccstereo.datasets.prepared.reader import PreparedSet, decode_jpeg
from ccstereo.errors import DatasetError
from ccstereo.models.config import ModelConfig
from ccstereo.scenes.acoustics.decoders import load_decoder
from ccstereo.vision.transforms import crop, crop_place, resize


class PreparedWindows(Dataset[dict[str, Tensor]]):
    """Windows of a model's length, from anywhere in the clips. Item i is the same on every machine.

    Varied items go through passes: items k n to k n + n - 1 of n clips take every clip once, in another order each
    pass, so that processes and workers that divide item numbers read nothing twice.

    Each item is a dictionary:
        frame, previous: (3, h, w) uint8, a crop of the frame nearest the middle of the window, and of the one before;
            (clip_frames, 3, h, w) for a model of clips of several frames, all cropped alike.
        sound: (C, window) float32, as the model's target wants it, scaled so that the mixture has the RMS `config.rms`.
        context: for a model with a context, (context,) the mixture around the window, brought to that RMS by itself.

    Args:
        prepared: the set. One of ambisonics is rendered for two ears as it is read, where the target has ears.
        clips: ids to take; those shorter than a window, or than the context, are skipped.
        config: sizes of the model to be trained.
        size: number of items; None takes one a clip.
        seed: of item 0.
        vary: whether order, place and crop are random, for training; else clips come in turn, and crops are central.
        mirror: whether half of the varied items are mirrored: the frames, and left and right of the sound.
        decoder: renders ambisonics for two ears; None projects through the spherical head.

    Raises:
        DatasetError: no clip is long enough, or the model needs another sample rate, or ambisonics where the set has
            none.
    """

    def __init__(
        self,
        prepared: PreparedSet,
        clips: Sequence[str],
        config: ModelConfig,
        size: int | None = None,
        seed: int = 0,
        vary: bool = True,
        mirror: bool = True,
        decoder: FOADecoder | None = None,
    ) -> None:
        if config.sample_rate != SAMPLE_RATE:
            choice = f"give a model of {SAMPLE_RATE} Hz"
            raise DatasetError(f"{prepared}: is at {SAMPLE_RATE} Hz, the model at {config.sample_rate} Hz; {choice}")
        self.prepared = prepared
        self.target = TARGETS[config.target]
        self.decoder = decoder_for(prepared, self.target.has_ears, decoder)
        self.context = max(config.context, config.window)
        self.clips = [clip for clip in clips if prepared.clips[clip].samples >= self.context]
        if not self.clips:
            seconds = f"the {self.context / SAMPLE_RATE:.2f} s that the model processes at once"
            raise DatasetError(f"{prepared}: none of {len(clips)} clips has {seconds}")
        self.config = config
        self.size = len(self.clips) if size is None else size
        self.seed = seed
        self.vary = vary
        self.mirror = mirror
        self._pass = (-1, np.zeros(0, np.int64))

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Make item `index`; indices past the size continue with new windows."""
        rng = np.random.default_rng([self.seed, index])
        clip = self._clip(index)
        row = self.prepared.clips[clip]
        start = int(rng.integers(row.samples - self.config.window + 1))
        first = context_start(start, self.config.window, self.context, row.samples)
        around = read_sound(self.prepared, clip, self.decoder, first, self.context)
        sound = around[:, start - first :][:, : self.config.window]
        middle = min(frame_index(start, self.config.window, SAMPLE_RATE, FRAME_RATE), row.frames - 1)
        frames, previous = self._frames(clip, middle)
        item = {
            "frame": self._crop(frames, rng),
            "previous": self._crop(previous, rng),
            "sound": sound * rms_gain(self.target.mixture(sound), self.config.rms),
        }
        if self.vary and self.mirror and rng.random() < 0.5:
            flipped = {name: item[name].flip(-1) for name in ("frame", "previous")}
            item = flipped | {"sound": self.target.mirrored(item["sound"])}
        if self.config.context:
            mix = self.target.mixture(around)
            item["context"] = mix * rms_gain(mix, self.config.rms)
        return item

    def _clip(self, index: int) -> str:
        number, place = divmod(index, len(self.clips))
        if self.vary:
            if self._pass[0] != number:
                order = np.random.default_rng([self.seed, number, 1]).permutation(len(self.clips))
                self._pass = (number, order)
            place = int(self._pass[1][place])
        return self.clips[place]

    def _frames(self, clip: str, middle: int) -> tuple[Tensor, Tensor]:
        """The model's clip of frames around a frame, and around the one before: (n, 3, H, W)."""
        count = self.prepared.clips[clip].frames
        indices = clip_indices(middle, self.config.clip_frames, self.config.clip_stride)
        wanted = [min(max(0, index - back), count - 1) for back in (0, 1) for index in indices]
        first = min(wanted)
        jpegs = self.prepared.jpegs(clip, first, max(wanted) + 1)
        decoded = {index: decode_jpeg(jpegs[index - first]) for index in set(wanted)}
        frames = torch.from_numpy(np.stack([decoded[index] for index in wanted])).permute(0, 3, 1, 2)
        return resize(frames, self.config.resize).chunk(2)  # type: ignore[return-value]

    def _crop(self, frames: Tensor, rng: np.random.Generator) -> Tensor:
        corner = crop_place(self.config.resize, self.config.frame_size, rng if self.vary else None)
        cropped = crop(frames, corner, self.config.frame_size).contiguous()
        return cropped if self.config.clip_frames > 1 else cropped[0]


def decoder_for(prepared: PreparedSet, has_ears: bool, decoder: FOADecoder | None = None) -> FOADecoder | None:
    """What a set's sound has to be rendered with for a target: None where it is taken as it is.

    Without a `decoder` ambisonics are projected through the spherical head.

    Raises:
        DatasetError: the target is ambisonics, but the set is not.
    """
    if prepared.info.sound == "foa":
        return (decoder or load_decoder()) if has_ears else None
    if not has_ears:
        choice = "prepare the recordings with --sound foa, or choose a model with two ears"
        raise DatasetError(f"{prepared}: holds binaural sound, but the model predicts ambisonics; {choice}")
    return None


def read_sound(
    prepared: PreparedSet, clip: str, decoder: FOADecoder | None = None, start: int = 0, length: int | None = None
) -> Tensor:
    """Read samples of a clip, rendered for two ears where there is a decoder.

    Returns:
        (C, length) float32, the same as that stretch of the whole clip.
    """
    samples = prepared.clips[clip].samples
    length = samples - start if length is None else length
    if decoder is None:
        return torch.from_numpy(prepared.sound(clip, start, length))
    first = max(0, start - decoder.filters.shape[-1])  # the filters reach from before and, by `lead`, from after
    last = min(samples, start + length + decoder.lead)
    foa: NDArray[np.float32] = prepared.sound(clip, first, last - first)
    return foa_to_binaural(torch.from_numpy(foa), decoder)[:, start - first :][:, :length]
