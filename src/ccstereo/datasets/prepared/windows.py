"""Windows and whole clips of a prepared set, as networks are trained and scored on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ccstereo.audio import rms_gain
from ccstereo.audio.windows import context_start, frame_index
from ccstereo.datasets.prepared.format import FRAME_RATE, SAMPLE_RATE
from ccstereo.datasets.prepared.reader import PreparedSet, decode_jpeg
from ccstereo.errors import DatasetError
from ccstereo.models.config import ModelConfig
from ccstereo.vision.transforms import crop, resize


class PreparedWindows(Dataset[dict[str, Tensor]]):
    """Windows as long as a model hears at once, from anywhere in the clips. Item i is the same on every machine.

    Each item is a dictionary:
        frame, previous: (3, h, w) uint8, a crop of the picture nearest the middle of the window, and of the one before.
        sound: (2, window) float32 at the rate of the model, scaled so that the mixture has the model's level.
        context: with a context, (context,) the mixture around the window, brought to the level by itself.

    Args:
        prepared: the set.
        clips: ids to draw from; those shorter than a window are passed over.
        config: sizes of the model to be trained.
        size: number of items; None takes one a clip.
        seed: of item 0.
        vary: whether clip, place and crop are random, for training; else the clips come in turn, and crops are central.
        mirror: whether half of the varied items are mirrored: the picture, and the ears with it.

    Raises:
        DatasetError: no clip is long enough, or the model has another sample rate.
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
    ) -> None:
        if config.sample_rate != SAMPLE_RATE:
            raise DatasetError(
                f"{prepared.folder}: is at {SAMPLE_RATE} Hz, but the model hears {config.sample_rate} Hz"
            )
        self.prepared = prepared
        self.context = max(config.context, config.window)
        self.clips = [clip for clip in clips if prepared.clips[clip].samples >= self.context]
        if not self.clips:
            seconds = f"the {self.context / SAMPLE_RATE:.2f} s that the model hears at once"
            raise DatasetError(f"{prepared.folder}: none of {len(clips)} clips has {seconds}")
        self.config = config
        self.size = len(self.clips) if size is None else size
        self.seed = seed
        self.vary = vary
        self.mirror = mirror

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Make item `index`; indices past the size go on with new windows."""
        rng = np.random.default_rng([self.seed, index])
        clip = self.clips[int(rng.integers(len(self.clips))) if self.vary else index % len(self.clips)]
        row = self.prepared.clips[clip]
        start = int(rng.integers(row.samples - self.config.window + 1))
        first = context_start(start, self.config.window, self.context, row.samples)
        around = torch.from_numpy(self.prepared.sound(clip, first, self.context))
        binaural = around[:, start - first :][:, : self.config.window]
        middle = frame_index(start, self.config.window, SAMPLE_RATE, FRAME_RATE)
        middle = min(middle, row.frames - 1)
        pictures = [decode_jpeg(jpeg) for jpeg in self.prepared.jpegs(clip, max(0, middle - 1), middle + 1)]
        frames = resize(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2), self.config.resize)
        item = {
            "frame": self._crop(frames[-1], rng),
            "previous": self._crop(frames[0], rng),
            "sound": binaural * rms_gain(binaural.sum(0), self.config.rms),
        }
        if self.vary and self.mirror and rng.random() < 0.5:
            item = {name: value.flip(0 if name == "sound" else -1) for name, value in item.items()}
        if self.context > self.config.window:
            mix = around.sum(0)
            item["context"] = mix * rms_gain(mix, self.config.rms)
        return item

    def _crop(self, frame: Tensor, rng: np.random.Generator) -> Tensor:
        spare = [outer - inner for outer, inner in zip(self.config.resize, self.config.frame_size, strict=True)]
        top, left = (int(rng.integers(extra + 1)) if self.vary else extra // 2 for extra in spare)
        return crop(frame, (top, left), self.config.frame_size).contiguous()


class PreparedClips(Dataset[dict[str, Any]]):
    """Whole clips, for scoring.

    Each item is a dictionary:
        id: of the clip.
        binaural: (2, T) float32 at 16 kHz, as recorded.
        frames: (N, 240, 480, 3) uint8, 10 a second.

    Args:
        prepared: the set.
        clips: ids.
    """

    def __init__(self, prepared: PreparedSet, clips: Sequence[str]) -> None:
        self.prepared = prepared
        self.clips = list(clips)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, Any]:
        clip = self.clips[index]
        pictures = np.stack([decode_jpeg(jpeg) for jpeg in self.prepared.jpegs(clip)])
        sound = torch.from_numpy(self.prepared.sound(clip))
        return {"id": clip, "binaural": sound, "frames": torch.from_numpy(pictures)}
