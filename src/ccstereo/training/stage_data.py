"""Windows of simulated scenes, made while training."""

from dataclasses import dataclass, field, replace
from typing import Any

from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import DataLoader

from ccstereo.datasets.stage import Stage, StageWindows, collate_windows
from ccstereo.models.base import SpatialModel
from ccstereo.scenes import (
    AudioAugmentation,
    HRIRSet,
    Material,
    SceneMix,
    Split,
    load_material,
    load_sofa,
    room_bank,
    spherical_head,
    synthetic_material,
)
from ccstereo.scenes.acoustics.rooms import SECONDS
from ccstereo.training.loading import (
    VALIDATION_BATCH,
    VALIDATION_SEED,
    FreshLoader,
    Item,
    KeptItems,
    fresh_sampler,
    make_all,
    workers_of,
)
from ccstereo.training.window_data import WindowData
from ccstereo.vision.augmentation import ImageAugmentation

ONE, TWO = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
VALIDATION: dict[str, SceneMix] = {
    "one": SceneMix(sources=ONE, silent=0.0, moving=0.0, min_azimuth=15.0),
    "two": SceneMix(sources=TWO, silent=0.0, moving=0.0),
}
MUSIC = SceneMix(sources=ONE, silent=0.0, moving=0.0, min_azimuth=15.0, bed=1.0)
OFFSCREEN = SceneMix(sources=TWO, silent=0.0, moving=0.0, offscreen=1.0)
ROOM_SEEDS: dict[str, int] = {"train": 0, "val": 10_000}
VALIDATION_ROOMS = 40
GRID = (7, 14)  # of auxiliary targets for models whose features are no maps; nothing uses them


@dataclass(frozen=True)
class SceneSource:
    """What scenes training has.

    Attributes:
        synthetic_fraction: of scenes that are synthetic, through the spherical head, where there is a folder.
        room_fraction: of scenes in simulated rooms; the others are dry.
        rooms: number of rooms, made once for a head and kept on disk, see `room_bank`.
        random_offset: seconds into a scene from which windows are taken, at random; 0 takes them where every source is
            at a loud moment.
        mix: kinds of scenes.

    Raises:
        ValueError: a value is out of range.
    """

    synthetic_fraction: float = 0.15
    room_fraction: float = 0.0
    rooms: int = 200
    random_offset: float = 0.0
    mix: SceneMix = field(default_factory=SceneMix)

    def __post_init__(self) -> None:
        for name in ("synthetic_fraction", "room_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if self.rooms < 1 or not 0 <= self.random_offset < float("inf"):
            raise ValueError(f"rooms must be at least 1 and random_offset 0, got {self.rooms}, {self.random_offset}")


@dataclass(frozen=True)
class Augmentation:
    """What is done to training's material, never to validation's.

    Attributes:
        audio: of the recordings.
        image: of the frames.
    """

    audio: AudioAugmentation = field(default_factory=AudioAugmentation)
    image: ImageAugmentation = field(default_factory=ImageAugmentation)


class StageData(WindowData):
    """Simulated scenes, made while training.

    Args:
        folder: of photos, sounds and backgrounds; None takes synthetic scenes alone.
        sofa: head for the folder's scenes; None takes the spherical head.
        scenes: what scenes training has.
        augmentation: what is done to them.
        batch_size: windows a step and process.
        epoch_size: windows between two validations, of all processes.
        validation_size: windows of each kind of validation scene.
        windows_per_frame: windows of sound for each frame, a divisor of the batch size; more cost less where the image
            encoder is the slow part.
        workers: processes that make windows; None takes as many as the machine can spare, see `workers_of`.
        seed: of the first window.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(
        self,
        folder: str | None = None,
        sofa: str | None = None,
        scenes: SceneSource = SceneSource(),
        augmentation: Augmentation = Augmentation(),
        batch_size: int = 32,
        epoch_size: int = 16_000,
        validation_size: int = 400,
        windows_per_frame: int = 1,
        workers: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            workers,
            seed,
            batch_size=batch_size,
            epoch_size=epoch_size,
            validation_size=validation_size,
            windows_per_frame=windows_per_frame,
        )
        if batch_size % windows_per_frame:
            raise ValueError(f"batch_size {batch_size} is not a multiple of windows_per_frame {windows_per_frame}")
        self.folder = folder
        self.sofa = sofa
        self.scenes = scenes
        self.augmentation = augmentation
        self.frames_per_batch = batch_size // windows_per_frame
        self.epoch_size = epoch_size
        self.validation_size = validation_size
        self.windows_per_frame = windows_per_frame
        self.previous: bool | None = None  # whether windows have the frame before theirs; None asks the task
        kinds = VALIDATION | ({"one, music": MUSIC} if scenes.mix.bed else {})
        kinds |= {"off screen": OFFSCREEN} if scenes.mix.offscreen else {}
        self.kinds = [(name, mix, False) for name, mix in kinds.items()]
        if scenes.room_fraction:
            self.kinds += [(f"{name}, room", mix, True) for name, mix in VALIDATION.items()]
        self.validation_names = [name for name, _, _ in self.kinds]

    def prepare_for(self, model: SpatialModel) -> None:
        """Read the material and make the rooms. Validation has the material of its own split only.

        Raises:
            DatasetError: the folder has too little, or an epoch no batch.
        """
        frames = self.epoch_size // self.windows_per_frame
        self.order = fresh_sampler(frames, self.frames_per_batch, self.trainer)
        rate = model.config.sample_rate
        head = load_sofa(self.sofa).resampled(rate) if self.sofa else spherical_head(rate)
        training = [replace(stage, random_offset=self.scenes.random_offset) for stage in self._stages("train", head)]
        self.training = self._windows(
            training, model, frames, self.seed, self.scenes.mix, windows_per_frame=self.windows_per_frame
        )
        self.labels = self.training.labels
        stages = self._stages("val", head)  # of the folder where there is one: dry, then in rooms
        self.validation = [
            KeptItems(
                self._windows(
                    [stages[room]],
                    model,
                    self.validation_size,
                    VALIDATION_SEED + i,
                    mix,
                    vary=False,
                    centred=not mix.offscreen,
                )
            )
            for i, (_, mix, room) in enumerate(self.kinds)
        ]

    def train_dataloader(self) -> FreshLoader:
        """Fresh scenes every epoch, other ones for every process."""
        return self.fresh_loader(self.training, self.order, self.frames_per_batch, collate_windows)

    def val_dataloader(self) -> list[DataLoader[Item]]:
        """The same scenes at every validation, one loader a kind; where there are many cores, made at once here."""
        if (workers := workers_of(self.trainer, self.workers)) > 1:
            make_all(self.validation, workers)
        return [self.validation_loader(windows, VALIDATION_BATCH, collate_windows) for windows in self.validation]

    def _stages(self, split: Split, head: HRIRSet) -> list[Stage]:
        """The folder's material through the head, then synthetic material through the spherical head."""
        if self.folder is None:
            return self._in_rooms(synthetic_material(split, head.sample_rate), head, split, 1.0)
        rank_zero_info(f"Reading photos and recordings of {self.folder} ({split}) ...")
        fraction = self.scenes.synthetic_fraction
        stages = self._in_rooms(load_material(self.folder, split, head.sample_rate), head, split, 1 - fraction)
        if fraction:
            synthetic = synthetic_material(split, head.sample_rate)
            stages += self._in_rooms(synthetic, spherical_head(head.sample_rate), split, fraction)
        return stages

    def _in_rooms(self, material: Material, head: HRIRSet, split: Split, weight: float) -> list[Stage]:
        """Stages of one material, dry and, where asked for, in rooms: validation's are other rooms than training's."""
        fraction = self.scenes.room_fraction
        dry = Stage(material, [head], weight * (1 - fraction))
        if not fraction:
            return [dry]
        rooms = self.scenes.rooms if split == "train" else VALIDATION_ROOMS
        rank_zero_info(f"Making {rooms} rooms around {head.name} ({split}), or reading them where they were made ...")
        bank = room_bank(head, rooms, seed=ROOM_SEEDS[split])
        return [dry, Stage(material, bank, weight * fraction, pre_roll=SECONDS)]

    def _task_looks_back(self) -> bool:
        return self.trainer is None or bool(getattr(self.trainer.lightning_module, "looks_back", True))

    def _windows(
        self,
        stages: list[Stage],
        model: SpatialModel,
        size: int,
        seed: int,
        mix: SceneMix,
        **options: Any,
    ) -> StageWindows:
        _, *grid = model.feature_shape
        return StageWindows(
            stages,
            model.config,
            size,
            seed,
            mix,
            (grid[0], grid[1]) if len(grid) == 2 else GRID,
            previous=self.previous if self.previous is not None else self._task_looks_back(),
            audio_augmentation=self.augmentation.audio,
            image_augmentation=self.augmentation.image,
            **options,
        )
