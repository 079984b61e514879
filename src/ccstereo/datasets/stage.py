"""Windows of simulated scenes, made on the fly, with the truth that only a simulation knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from ccstereo.audio import rms_gain, stft
from ccstereo.models.config import ModelConfig
from ccstereo.scenes.acoustics.hrir import HRIRSet
from ccstereo.scenes.augmentation import AudioAugmentation
from ccstereo.scenes.frames import render_frame
from ccstereo.scenes.material import Material
from ccstereo.scenes.scene import Scene, begun_earlier, redraw_sounds, render_sources, sample_scene
from ccstereo.vision.augmentation import ImageAugmentation, ImageEffect, apply_image_effect, sample_image_effect
from ccstereo.vision.transforms import crop, resize

OF_PICTURES = ("frame", "previous", "cells")  # what an item has once, all else it has of each window of sound
STEPS_A_WINDOW = 4  # by which windows begin later: transforms of just any length would be slow


class Heads(Protocol):
    """A list of heads, or a `RoomBank`, which reads each from disk when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> HRIRSet: ...


@dataclass(frozen=True)
class Stage:
    """One material heard by one head, and how often it is drawn from.

    Attributes:
        material: pictures, sounds and backgrounds.
        heads: the head, dry or in one room after another; a scene takes one of them.
        weight: how often scenes are made of it, beside other stages.
        pre_roll: seconds that a sound plays before a window begins: rooms still ring with what came before.
        random_offset: seconds that may go by besides, a random part of them: windows from anywhere in a longer scene, in which
            one source is at a loud moment and the others are wherever they are.
    """

    material: Material
    heads: Heads
    weight: float = 1.0
    pre_roll: float = 0.0
    random_offset: float = 0.0


@dataclass(frozen=True)
class SceneMix:
    """What kinds of scenes are drawn, as probabilities.

    Attributes:
        sources: of one, two and three pictured sources.
        silent: that all pictured sources but one are silent.
        moving: that the sources move.
        min_azimuth: degrees that sounding sources keep from the middle.
    """

    sources: tuple[float, float, float] = (0.45, 0.45, 0.1)
    silent: float = 0.2
    moving: float = 0.15
    min_azimuth: float = 0.0


class StageWindows(Dataset[dict[str, Tensor]]):
    """Windows as long as a model hears at once. Item i is the same on every machine.

    Each item is a dictionary of a picture and of R windows of sound, each with other recordings of what it shows:
        frame, previous: (3, h, w) uint8, a crop of the picture in the middle of the window, and of the one before.
        sound: (R, 2, window) float32 at the rate of the model, scaled so that the mixture has the model's level.
        columns: (R, grid width, H, W) shares of the sources' level, all adding up to one, by the picture's columns
            and by the frequencies and times of a coarse spectrogram.
        classes: (R, labels) shares of the sources' energy by class.
        cells: (grid height, grid width) int64 class pictured in each cell; the number of labels means background.
        context, present: with a context, (R, context) float32 mixture from around the window, which is anywhere in it,
            brought to the model's level by itself, and (R, labels) equal shares for the classes that sound in it.

    Args:
        stages: materials and heads.
        config: sizes of the model to be trained.
        size: number of items.
        seed: of item 0.
        mix: kinds of scenes.
        grid: (height, width) of the model's visual features, for `columns` and `cells`.
        sound_grid: (H, W) of the coarse spectrogram, for `columns`; by default an eighth of a window's.
        vary: whether crops are random, pictures cut and stretched, recordings played differently, scenes mirrored:
            training's augmentation.
        audio_augmentation: how differently recordings are played then.
        image_augmentation: how often pictures look as a video's do then.
        windows_per_frame: R, windows of sound for each picture. Where the image encoder is the costly part, several cost less.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        config: ModelConfig,
        size: int,
        seed: int,
        mix: SceneMix = SceneMix(),
        grid: tuple[int, int] = (7, 14),
        sound_grid: tuple[int, int] | None = None,
        vary: bool = True,
        audio_augmentation: AudioAugmentation = AudioAugmentation(),  # noqa: B008 - frozen
        image_augmentation: ImageAugmentation = ImageAugmentation(),  # noqa: B008 - frozen
        windows_per_frame: int = 1,
    ) -> None:
        self.stages = list(stages)
        self.config = config
        self.size = size
        self.seed = seed
        self.mix = mix
        self.grid = grid
        self.sound_grid = sound_grid or (config.spectrogram_size[0] // 8, config.spectrogram_size[1] // 8)
        self.vary = vary
        self.audio_augmentation = audio_augmentation if vary else None
        self.image_augmentation = image_augmentation if vary else ImageAugmentation()
        self.windows_per_frame = windows_per_frame
        self.context = config.context
        self.labels = sorted({label for stage in stages for label in stage.material.labels})
        weights = np.array([stage.weight for stage in stages])
        self.shares = weights / weights.sum()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Make item `index`; indices past the size go on with new scenes."""
        rng = np.random.default_rng([self.seed, index])
        stage = self.stages[int(rng.choice(len(self.stages), p=self.shares))]
        seconds = self.config.window / self.config.sample_rate
        steps = int(stage.random_offset / seconds * STEPS_A_WINDOW)
        later = float(rng.integers(steps + 1)) * seconds / STEPS_A_WINDOW if steps else 0.0
        before, after = self._around(index) if self.context else (later, 0.0)
        scene = self._scene(stage.material, stage.pre_roll + before + seconds + after, rng)
        middle = 1 - (seconds / 2 + after) / scene.duration
        just_before = middle - 1 / (self.config.frame_rate * scene.duration)
        corner = self._corner(rng)
        look = sample_image_effect(self.image_augmentation, self._apart(index, b"look"))
        picture = self._picture(scene, stage.material, middle, look)
        earlier = picture if scene.still else self._picture(scene, stage.material, just_before, look)
        item = {
            "frame": self._crop(picture, corner),
            "previous": self._crop(earlier, self._corner(rng)),
            "cells": self._cells(scene, corner, middle),
        }
        heard = []
        for number in range(self.windows_per_frame):
            if number:
                silent = len(scene.sources) - 1 if rng.random() < self.mix.silent else 0
                scene = redraw_sounds(scene, stage.material, silent, rng, self.audio_augmentation)
            begun = _begun(scene, before, later, 0.0, rng)
            heard.append(self._listen(begun, stage, corner[1], middle, after, rng))
        item |= {name: torch.stack([window[name] for window in heard]) for name in heard[0]}
        if self.vary and rng.random() < 0.5:
            for name in OF_PICTURES:
                item[name] = item[name].flip(-1)
            for name in ("sound", "columns"):
                item[name] = item[name].flip(1)
        return item

    def _listen(
        self, scene: Scene, stage: Stage, left: int, middle: float, after: float, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Make a window, `after` seconds from the end of a scene whose picture is cropped `left` pixels in."""
        head = stage.heads[int(rng.integers(len(stage.heads)))]
        whole = render_sources(scene, stage.material, head)  # (S, 2, T)
        end = whole.shape[-1] - round(after * self.config.sample_rate)
        sources = whole[..., end - self.config.window : end]
        binaural = torch.from_numpy(sources.sum(0))
        window = {
            "sound": binaural * rms_gain(binaural.sum(0), self.config.rms),
            "columns": self._columns(scene, sources, left, middle),
            "classes": self._classes(scene, sources),
        }
        if not self.context:
            return window
        mix = torch.from_numpy(whole[..., -self.context :].sum((0, 1)))
        present = torch.zeros(len(self.labels))
        for source in scene.sounding:
            present[self.labels.index(source.label)] += 1 / len(scene.sounding)
        return window | {"context": mix * rms_gain(mix, self.config.rms), "present": present}

    def _apart(self, index: int, what: bytes) -> np.random.Generator:
        """Numbers for one thing about an item beside all else, which stays as it is without them."""
        return np.random.default_rng([self.seed, index, *what])

    def _around(self, index: int) -> tuple[float, float]:
        """Seconds of context before and after an item's window."""
        spare = self.context - self.config.window
        before = int(self._apart(index, b"context").integers(spare + 1))
        return before / self.config.sample_rate, (spare - before) / self.config.sample_rate

    def _scene(self, material: Material, duration: float, rng: np.random.Generator) -> Scene:
        count = int(rng.choice(3, p=self.mix.sources)) + 1
        return sample_scene(
            material,
            int(rng.integers(2**63)),
            duration=duration,
            sources=count,
            silent=count - 1 if rng.random() < self.mix.silent else 0,
            moving=bool(rng.random() < self.mix.moving),
            min_azimuth=self.mix.min_azimuth,
            vary=self.audio_augmentation,
        )

    def _corner(self, rng: np.random.Generator) -> tuple[int, int]:
        spare = [outer - inner for outer, inner in zip(self.config.resize, self.config.frame_size, strict=True)]
        top, left = (int(rng.integers(extra + 1)) if self.vary else extra // 2 for extra in spare)
        return top, left

    def _picture(self, scene: Scene, material: Material, phase: float, look: ImageEffect) -> Tensor:
        """Draw the stage at its own size and resize it as a stream does: a network notices other filters."""
        drawn = torch.from_numpy(
            apply_image_effect(render_frame(scene, material, phase), look).transpose(2, 0, 1).copy()
        )
        return resize(drawn[None], self.config.resize)[0]

    def _crop(self, picture: Tensor, corner: tuple[int, int]) -> Tensor:
        return crop(picture, corner, self.config.frame_size).clone()

    def _columns(self, scene: Scene, sources: np.ndarray, left: int, middle: float) -> Tensor:
        """Each source's level, divided between the two columns whose centres its own centre lies between."""
        spec = stft(torch.from_numpy(sources.sum(1)), self.config.stft)  # (S, 2, F, T)
        power = F.adaptive_avg_pool2d(spec.square().sum(1), self.sound_grid)  # (S, H, W)
        total = power.sum(0)
        level = power / total.clamp_min(1e-12).sqrt()  # a source's share of the energy, of the magnitude
        columns = torch.zeros(self.grid[1], *self.sound_grid)
        for source, part in zip(scene.sources, level, strict=True):
            x = (source.x(middle) * self.config.resize[1] - left) / self.config.frame_size[1] * self.grid[1] - 0.5
            x = float(np.clip(x, 0, self.grid[1] - 1))
            low = min(int(x), self.grid[1] - 2)
            columns[low] += part * (1 - (x - low))
            columns[low + 1] += part * (x - low)
        return columns / columns.sum().clamp_min(1e-12)

    def _classes(self, scene: Scene, sources: np.ndarray) -> Tensor:
        energy = np.square(sources).sum((1, 2))
        share = energy / max(float(energy.sum()), 1e-12)
        classes = np.zeros(len(self.labels), dtype=np.float32)
        for source, part in zip(scene.sources, share, strict=True):
            classes[self.labels.index(source.label)] += part
        return torch.from_numpy(classes)

    def _cells(self, scene: Scene, corner: tuple[int, int], middle: float) -> Tensor:
        (rows, columns), (height, width) = self.grid, self.config.frame_size
        y = ((np.arange(rows) + 0.5) / rows * height + corner[0]) / self.config.resize[0]
        x = ((np.arange(columns) + 0.5) / columns * width + corner[1]) / self.config.resize[1]
        cells = np.full(self.grid, len(self.labels), dtype=np.int64)
        for source in scene.sources:
            inside = (abs(y - source.y) < source.height / 2)[:, None] & (abs(x - source.x(middle)) < source.width / 2)
            cells[inside] = self.labels.index(source.label)
        return torch.from_numpy(cells)


def _begun(scene: Scene, before: float, later: float, spare: float, rng: np.random.Generator) -> Scene:
    """Let loud moments be elsewhere than at a scene's start, with which all sounding sources begin.

    One source reaches its own `before` seconds into the scene, where the window begins, the others theirs `later`
    seconds earlier; in a window with seconds to spare beyond the papers', every source does so up to so much later.
    """
    sounding = [index for index, source in enumerate(scene.sources) if source.sound is not None]
    chosen = sounding[int(rng.integers(len(sounding)))] if later else None
    for index in sounding:
        shift = before - (0.0 if index == chosen else later)
        if shift:
            scene = begun_earlier(scene, index, shift)
    if spare > 0:
        for index in sounding:
            scene = begun_earlier(scene, index, float(rng.uniform(0, spare)))
    return scene


def collate_windows(items: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Make a batch of B pictures and B R windows of sound, those of a picture one after the other."""
    batch = {name: torch.stack([item[name] for item in items]) for name in items[0]}
    return {name: value if name in OF_PICTURES else value.flatten(0, 1) for name, value in batch.items()}
