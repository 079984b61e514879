"""Windows of simulated scenes, made on the fly, with the truth that only a simulation knows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ccstereo.audio import rms_gain
from ccstereo.audio.targets import TARGETS
from ccstereo.audio.windows import clip_indices
from ccstereo.datasets.auxiliary_targets import AuxiliaryTargets
from ccstereo.errors import DatasetError
from ccstereo.models.config import ModelConfig
from ccstereo.scenes import AudioAugmentation, HRIRSet, Material, RoomBank, Scene, SceneMix, sample_scene
from ccstereo.scenes.placement.stage import delayed, resample_sounds, sample_noise, silenced, with_offscreen
from ccstereo.scenes.rendering import render_foa, render_frame, render_sources, render_unseen, render_unseen_foa
from ccstereo.vision.augmentation import ImageAugmentation, ImageEffect, apply_image_effect, sample_image_effect
from ccstereo.vision.transforms import crop, crop_place, resize

OF_FRAMES = ("frame", "previous", "cells")  # what an item has once, all else it has of each window of sound
BED_DECIBELS = (-20.0, -3.0)  # of sources under those in view
STEPS_A_WINDOW = 4  # by which windows begin later: transforms of just any length would be slow


class Heads(Protocol):
    """A list with a head, or a `RoomBank`, which reads the head in each of its rooms from disk when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> HRIRSet: ...


@dataclass(frozen=True)
class Stage:
    """A material, the head through which it is rendered, and how often scenes are made of it.

    Attributes:
        material: photos, sounds and backgrounds.
        heads: the head, alone or in one room after another; a scene takes one of them at random.
        weight: how often scenes are made of it, beside other stages.
        pre_roll: seconds that sounds run before a window begins: rooms still ring with what came before.
        random_offset: seconds, of which a random fraction goes by besides: windows from anywhere in a longer scene, in
            which one source is at a loud moment and the others are wherever they are.
    """

    material: Material
    heads: Heads
    weight: float = 1.0
    pre_roll: float = 0.0
    random_offset: float = 0.0


class StageWindows(Dataset[dict[str, Tensor]]):
    """Windows of simulated scenes as a model takes them. Item i is the same on every machine.

    Each item is a dictionary of a frame and of R windows of sound, each with other recordings of what the frame shows:
        frame, previous: (3, h, w) uint8, a crop of the frame in the middle of the window, and of the one before; of a
            model of clips (clip_frames, 3, h, w), around both.
        sound: (R, C, window) float32 at the model's rate, scaled so that the mixture has the model's RMS: both ears, or
            W, Y, Z, X of a model that predicts first-order ambisonics.
        columns, classes, cells: see `AuxiliaryTargets`; (R, grid width, H, W), (R, labels), (grid height, grid width).
        context, present: of a model with a context, (R, context) float32 mixture from around the window, which is
            anywhere in it, brought to the model's RMS by itself, and (R, labels), see `AuxiliaryTargets.present`.

    Args:
        stages: materials and heads.
        config: of the model to be trained.
        size: number of items.
        seed: of item 0.
        mix: kinds of scenes.
        grid: (height, width) of the model's visual features, for `columns` and `cells`.
        sound_grid: (H, W) of the coarse spectrogram, for `columns`; by default an eighth of a window's.
        vary: whether crops are random, photos cut and stretched, sounds and frames augmented, scenes mirrored, for
            training.
        audio_augmentation: of the recordings, where `vary` is true.
        image_augmentation: of the frames, where `vary` is true.
        windows_per_frame: R, windows of sound for each frame. Where the image encoder costs most, several cost less.
        centred: whether sources out of view are at both ears alike, as training wants them; else they are where they
            are, as the truth of a score has them.
        previous: whether items have the frame before theirs, too, for terms that need it.

    Raises:
        DatasetError: the model predicts ambisonics, and a stage is in rooms.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        config: ModelConfig,
        size: int,
        seed: int,
        mix: SceneMix = SceneMix(),  # noqa: B008 - frozen
        grid: tuple[int, int] = (7, 14),
        sound_grid: tuple[int, int] | None = None,
        vary: bool = True,
        audio_augmentation: AudioAugmentation = AudioAugmentation(),  # noqa: B008 - frozen
        image_augmentation: ImageAugmentation = ImageAugmentation(),  # noqa: B008 - frozen
        windows_per_frame: int = 1,
        centred: bool = True,
        previous: bool = True,
    ) -> None:
        self.stages = list(stages)
        self.config = config
        self.size = size
        self.seed = seed
        self.mix = mix
        self.vary = vary
        self.audio_augmentation = audio_augmentation if vary else None
        self.image_augmentation = image_augmentation if vary else ImageAugmentation()
        self.windows_per_frame = windows_per_frame
        self.centred = centred
        self.previous = previous
        self.labels = sorted({label for stage in stages for label in stage.material.labels})
        self.target = TARGETS[config.target]
        if not self.target.has_ears and any(isinstance(stage.heads, RoomBank) for stage in stages):
            raise DatasetError(
                f"scenes in rooms have no sound for target {config.target!r}; train with room_fraction 0"
            )
        sound_grid = sound_grid or (config.spectrogram_size[0] // 8, config.spectrogram_size[1] // 8)
        self.auxiliary = AuxiliaryTargets(config, tuple(self.labels), grid, sound_grid)
        weights = np.array([stage.weight for stage in stages])
        self.odds = weights / weights.sum()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Make item `index`; indices past the size are new scenes."""
        rng = np.random.default_rng([self.seed, index])
        stage = self.stages[int(rng.choice(len(self.stages), p=self.odds))]
        seconds = self.config.window / self.config.sample_rate
        steps = int(stage.random_offset / seconds * STEPS_A_WINDOW)
        later = float(rng.integers(steps + 1)) * seconds / STEPS_A_WINDOW if steps else 0.0
        before, after = self._around(index) if self.config.context else (later, 0.0)
        unseen = self._apart(index, b"unseen")
        alike = bool(unseen.random() < self.mix.same_class)
        scene = self._scene(stage.material, stage.pre_roll + before + seconds + after, rng, alike)
        phase = 1 - (seconds / 2 + after) / scene.duration
        corner = self._corner(rng)
        effect = sample_image_effect(self.image_augmentation, self._apart(index, b"look"))
        frame = self._frame(scene, stage.material, phase, effect)
        item = {
            "frame": crop(frame, corner, self.config.frame_size).clone(),
            "cells": self.auxiliary.cells(scene, corner, phase),
        }
        other = self._corner(rng)
        if self.previous:
            earlier = phase - 1 / (self.config.frame_rate * scene.duration)
            before_it = frame if scene.still else self._frame(scene, stage.material, earlier, effect)
            item["previous"] = crop(before_it, other, self.config.frame_size).clone()
        windows = []
        for number in range(self.windows_per_frame):
            if number:
                silent = len(scene.sources) - 1 if rng.random() < self.mix.silent or alike else 0
                scene = resample_sounds(scene, stage.material, silent, rng, self.audio_augmentation)
            begun = _begun(self._with_unseen(scene, stage.material, unseen), before, later, rng)
            windows.append(self._window(begun, stage, corner[1], phase, after, rng))
        item |= {name: torch.stack([window[name] for window in windows]) for name in windows[0]}
        return self._mirrored(item) if self.vary and rng.random() < 0.5 else item

    def _window(
        self, scene: Scene, stage: Stage, left: int, phase: float, after: float, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Make a window, `after` seconds from the end of a scene whose frame is cropped `left` pixels in."""
        head = stage.heads[int(rng.integers(len(stage.heads)))]
        sources, unseen = self._render(scene, stage.material, head)
        end = sources.shape[-1] - round(after * self.config.sample_rate)
        sources_now, unseen_now = (tracks[..., end - self.config.window : end] for tracks in (sources, unseen))
        whole = sources.sum(0) + unseen.sum(0)
        sound = whole[..., end - self.config.window : end]
        window = {
            "sound": sound * rms_gain(self.target.mixture(sound), self.config.rms),
            "columns": self.auxiliary.columns(scene, sources_now, left, phase, unseen_now),
            "classes": self.auxiliary.classes(scene, torch.cat([sources_now, unseen_now[:-1]])),
        }
        if self.config.context:
            mixture = self.target.mixture(whole[..., -self.config.context :])
            window["context"] = mixture * rms_gain(mixture, self.config.rms)
            window["present"] = self.auxiliary.present(scene)
        return window

    def _render(self, scene: Scene, material: Material, head: HRIRSet) -> tuple[Tensor, Tensor]:
        """Sources in view (S, C, T), and those that are not with noise (N, C, T)."""
        if self.target.has_ears:
            tracks = render_sources(scene, material, head), render_unseen(scene, material, head, alike=self.centred)
        else:
            tracks = render_foa(scene, material), render_unseen_foa(scene, material)
        return torch.from_numpy(tracks[0]), torch.from_numpy(tracks[1])

    def _with_unseen(self, scene: Scene, material: Material, rng: np.random.Generator) -> Scene:
        """Let something sound that is not in view, instead of what is or under it."""
        if rng.random() < self.mix.offscreen:
            count, vary = int(rng.integers(1, 3)), self.audio_augmentation
            scene = with_offscreen(silenced(scene), material, count, rng, augmentation=vary)
        elif rng.random() < self.mix.bed:
            count, vary = int(rng.integers(1, 4)), self.audio_augmentation
            scene = with_offscreen(scene, material, count, rng, decibels=BED_DECIBELS, augmentation=vary)
        return replace(scene, noise=sample_noise(rng)) if rng.random() < self.mix.noise else scene

    def _mirrored(self, item: dict[str, Tensor]) -> dict[str, Tensor]:
        """Exchange left and right."""
        flipped = {name: item[name].flip(-1) for name in OF_FRAMES if name in item}
        return item | flipped | {"columns": item["columns"].flip(1), "sound": self.target.mirrored(item["sound"])}

    def _apart(self, index: int, what: bytes) -> np.random.Generator:
        """Random numbers for one thing about an item, beside those of all else; `what` is data of the seed."""
        return np.random.default_rng([self.seed, index, *what])

    def _around(self, index: int) -> tuple[float, float]:
        """Seconds of context before and after an item's window."""
        spare = self.config.context - self.config.window
        before = int(self._apart(index, b"context").integers(spare + 1))
        return before / self.config.sample_rate, (spare - before) / self.config.sample_rate

    def _scene(self, material: Material, duration: float, rng: np.random.Generator, alike: bool) -> Scene:
        """Sources in view; two at least where they are alike, of which one sounds."""
        count = max(int(rng.choice(3, p=self.mix.sources)) + 1, 1 + alike)
        return sample_scene(
            material,
            int(rng.integers(2**63)),
            duration=duration,
            sources=count,
            silent=count - 1 if rng.random() < self.mix.silent or alike else 0,
            moving=bool(rng.random() < self.mix.moving),
            min_azimuth=self.mix.min_azimuth,
            same_class=alike,
            augmentation=self.audio_augmentation,
        )

    def _corner(self, rng: np.random.Generator) -> tuple[int, int]:
        return crop_place(self.config.resize, self.config.frame_size, rng if self.vary else None)

    def _frame(self, scene: Scene, material: Material, phase: float, effect: ImageEffect) -> Tensor:
        """Render a frame, or a clip of them around it, and resize it as a stream does: networks notice other filters.

        Returns:
            (3, H, W) uint8, or (clip_frames, 3, H, W).
        """
        count, step = self.config.clip_frames, 1 / (self.config.frame_rate * scene.duration)
        shifts = [0] if scene.still else clip_indices(0, count, self.config.clip_stride)
        phases = [min(max(phase + shift * step, 0.0), 1.0) for shift in shifts]
        frames = [apply_image_effect(render_frame(scene, material, moment), effect) for moment in phases]
        clip = resize(torch.from_numpy(np.stack(frames).transpose(0, 3, 1, 2).copy()), self.config.resize)
        return clip[0] if count == 1 else clip.expand(count, -1, -1, -1)


def _begun(scene: Scene, before: float, later: float, rng: np.random.Generator) -> Scene:
    """Let loud moments, with which all sounding sources begin, be elsewhere than at the scene's start.

    One source reaches its own `before` seconds into the scene, where the window begins, the others theirs `later`
    seconds earlier; those out of view with the one where nothing else sounds.
    """
    sounding = [index for index, source in enumerate(scene.sources) if source.sound is not None]
    chosen = sounding[int(rng.integers(len(sounding)))] if later and sounding else None
    others = before - later
    seconds = [before if index == chosen else others for index in range(len(scene.sources))]
    return delayed(scene, seconds, others if sounding else before)


def collate_windows(items: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Make a batch of B frames and B R windows of sound, those of a frame one after the other."""
    batch = {name: torch.stack([item[name] for item in items]) for name in items[0]}
    return {name: value if name in OF_FRAMES else value.flatten(0, 1) for name, value in batch.items()}
