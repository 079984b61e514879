"""What the auxiliary losses are taught with: where in the frame, and of which class, all of a scene's sound is."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ccstereo.audio import stft
from ccstereo.audio.targets import TARGETS
from ccstereo.models.config import ModelConfig
from ccstereo.scenes import Scene


@dataclass(frozen=True)
class AuxiliaryTargets:
    """Targets at the sizes of a model.

    Attributes:
        config: of the model.
        labels: all classes, in the order of the targets.
        grid: (height, width) of the model's visual features.
        sound_grid: (H, W) of a coarse spectrogram.
    """

    config: ModelConfig
    labels: tuple[str, ...]
    grid: tuple[int, int]
    sound_grid: tuple[int, int]

    def columns(self, scene: Scene, sound: Tensor, left: int, phase: float, unseen: Tensor | None = None) -> Tensor:
        """Fractions of the magnitude by column, frequency and time, (grid width, H, W), all adding up to one.

        Each source's magnitude, of its sound alone in (S, C, window), is divided between the two columns between whose
        centres its own centre lies, in a crop `left` pixels into the frame at a moment `phase` of the scene, 0 to 1.
        That of sound that is not in view, (N, C, window), is divided among all columns alike: nowhere is as likely as
        anywhere else.
        """
        sound = sound if unseen is None else torch.cat([sound, unseen.sum(0, keepdim=True)])
        real, imaginary = stft(TARGETS[self.config.target].mixture(sound), self.config.stft).unbind(1)  # (S, F, T)
        power = F.adaptive_avg_pool2d(real * real + imaginary * imaginary, self.sound_grid)  # (S, H, W)
        total = power.sum(0)
        magnitude = power / total.clamp_min(1e-12).sqrt()  # a source's fraction of the energy, of the magnitude
        columns = torch.zeros(self.grid[1], *self.sound_grid)
        if unseen is not None:
            columns += magnitude[-1] / self.grid[1]
        for source, own in zip(scene.sources, magnitude[: len(scene.sources)], strict=True):
            x = (source.x(phase) * self.config.resize[1] - left) / self.config.frame_size[1] * self.grid[1] - 0.5
            x = float(np.clip(x, 0, self.grid[1] - 1))
            low = min(int(x), self.grid[1] - 2)
            columns[low] += own * (1 - (x - low))
            columns[low + 1] += own * (x - low)
        return columns / columns.sum().clamp_min(1e-12)

    def classes(self, scene: Scene, sound: Tensor) -> Tensor:
        """(labels,) fractions of the energy by class, of each source's sound (S, C, window), those out of view last."""
        energy = sound.square().sum((1, 2))
        return self._by_class(scene, energy / energy.sum().clamp_min(1e-12))

    def present(self, scene: Scene) -> Tensor:
        """(labels,) equal fractions for the classes that sound, in view or not."""
        sounds = torch.tensor([float(source.sound is not None) for source in (*scene.sources, *scene.offscreen)])
        return self._by_class(scene, sounds / sounds.sum().clamp_min(1))

    def cells(self, scene: Scene, corner: tuple[int, int], phase: float) -> Tensor:
        """Class that each cell's middle shows, of the frame cropped at (top, left); background is the number of labels.

        Returns:
            (grid height, grid width) int64.
        """
        (rows, columns), (height, width) = self.grid, self.config.frame_size
        y = ((np.arange(rows) + 0.5) / rows * height + corner[0]) / self.config.resize[0]
        x = ((np.arange(columns) + 0.5) / columns * width + corner[1]) / self.config.resize[1]
        cells = np.full(self.grid, len(self.labels), dtype=np.int64)
        for source in scene.sources:
            inside = (abs(y - source.y) < source.height / 2)[:, None] & (abs(x - source.x(phase)) < source.width / 2)
            cells[inside] = self.labels.index(source.label)
        return torch.from_numpy(cells)

    def _by_class(self, scene: Scene, fractions: Tensor) -> Tensor:
        classes = torch.zeros(len(self.labels))
        for source, fraction in zip((*scene.sources, *scene.offscreen), fractions, strict=True):
            classes[self.labels.index(source.label)] += fraction
        return classes
