"""Windows of the stage for training and validation."""

from dataclasses import replace
from typing import Any

from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from ccstereo.datasets.stage import SceneMix, Stage, StageWindows, collate_windows
from ccstereo.errors import DatasetError
from ccstereo.models import create_model
from ccstereo.scenes.acoustics.hrir import HRIRSet, load_sofa, spherical_head
from ccstereo.scenes.acoustics.room_bank import room_bank
from ccstereo.scenes.acoustics.rooms import SECONDS
from ccstereo.scenes.augmentation import AudioAugmentation
from ccstereo.scenes.material import Material, Split, load_material
from ccstereo.scenes.synthetic.material import synthetic_material
from ccstereo.training.loading import FreshLoader, FreshSampler, ShareSampler, share_of, workers_of
from ccstereo.vision.augmentation import ImageAugmentation

VALIDATION: dict[str, SceneMix] = {
    "one": SceneMix(sources=(1.0, 0.0, 0.0), silent=0.0, moving=0.0, min_azimuth=15.0),
    "two": SceneMix(sources=(0.0, 1.0, 0.0), silent=0.0, moving=0.0),
}
ROOM_SEEDS = {"train": 0, "val": 10_000}
VALIDATION_ROOMS = 40


class StageData(LightningDataModule):
    """Simulated scenes, made while training.

    Args:
        folder: of photos, sounds and backgrounds; None takes drawn scenes alone.
        more_folders: of the same layout, whose training files are added to the folder's.
        sofa: head for the folder's scenes; None takes the spherical head.
        more_sofas: other heads, by which training hears as often as by the first; validation hears by the first alone.
        synthetic_fraction: part of the scenes that is drawn, heard through the spherical head, where there is a folder.
        room_fraction: part of the scenes that is heard in rooms.
        random_offset: seconds into a scene from which training's windows are taken, at random; 0 takes them where every source
            is at a loud moment.
        train_on_validation: also train on the folder's files that validation uses, 10 % of all: for a last training,
            after everything was chosen without them. Its validation then says nothing of unseen files.
        rooms: number of rooms, made once for a head and kept on disk, see `room_bank`.
        batch_size: windows a step.
        epoch_size: windows between two validations.
        validation_size: windows of each kind of validation scene.
        workers: processes that make windows; None takes as many as the machine can spare, see `workers_of`.
        windows_per_frame: windows of sound for each picture, a divisor of the batch size; more cost less where the image encoder
            is the slow part.
        seed: of the first window.
        mix: kinds of training scenes.
        audio_augmentation: how differently recordings are played in training.
        image_augmentation: how often pictures look as a video's do in training.
        model: registered name of the model that is trained; the command line takes it from the task.
        model_config: what differs from the model's defaults; likewise.
    """

    def __init__(
        self,
        folder: str | None = None,
        more_folders: list[str] | None = None,
        sofa: str | None = None,
        more_sofas: list[str] | None = None,
        synthetic_fraction: float = 0.15,
        room_fraction: float = 0.0,
        random_offset: float = 0.0,
        train_on_validation: bool = False,
        rooms: int = 200,
        batch_size: int = 32,
        epoch_size: int = 16_000,
        validation_size: int = 400,
        workers: int | None = None,
        windows_per_frame: int = 1,
        seed: int = 0,
        mix: SceneMix = SceneMix(),  # noqa: B008 - frozen
        audio_augmentation: AudioAugmentation = AudioAugmentation(),  # noqa: B008 - frozen
        image_augmentation: ImageAugmentation = ImageAugmentation(),  # noqa: B008 - frozen
        model: str = "ccstereo",
        model_config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.more_folders = more_folders or []
        self.sofas = [sofa, *(more_sofas or [])]
        self.synthetic_fraction = synthetic_fraction
        self.room_fraction = room_fraction
        self.random_offset = random_offset
        self.train_on_validation = train_on_validation
        self.rooms = rooms
        self.batch_size = batch_size
        self.epoch_size = epoch_size
        self.validation_size = validation_size
        self.workers = workers
        self.windows_per_frame = windows_per_frame
        self.seed = seed
        self.mix = mix
        self.audio_augmentation = audio_augmentation
        self.image_augmentation = image_augmentation
        described = create_model(model, **(model_config or {}))
        self.config = described.config
        self.grid = described.feature_shape[1:]
        self.validation_names = list(VALIDATION)
        self.labels: list[str] = []

    def prepare_data(self) -> None:
        """Make the rooms, in one process of a machine, where they are not on disk yet."""
        self.setup()

    def setup(self, stage: str | None = None) -> None:  # noqa: ARG002 - Lightning's signature
        """Read the material. Validation hears the material of its own split only.

        Raises:
            DatasetError: the folder has too little, or there is none whose validation files could be trained on; or
                a batch cannot be divided into pictures of so many sounds each.
        """
        if self.labels:
            return
        if self.batch_size % self.windows_per_frame:
            raise DatasetError(
                f"data.batch_size {self.batch_size} is not a multiple of data.windows_per_frame {self.windows_per_frame}"
            )
        heads = [self._head(sofa) for sofa in self.sofas]
        training = [replace(stage, random_offset=self.random_offset) for stage in self._stages("train", heads)]
        self.training = self._windows(
            training,
            self.epoch_size // self.windows_per_frame,
            self.seed,
            self.mix,
            vary=True,
            windows_per_frame=self.windows_per_frame,
        )
        self.labels = self.training.labels
        dry, *wet = self._stages("val", heads[:1])  # of the folder where there is one
        kinds = [([dry], mix) for mix in VALIDATION.values()]
        if self.room_fraction:
            kinds += [(wet[:1], VALIDATION["one"]), (wet[:1], VALIDATION["two"])]
            self.validation_names = [*VALIDATION, "one, room", "two, room"]
        self.validation = [
            self._windows(stages, self.validation_size, 1_000_003 + i, mix, vary=False)
            for i, (stages, mix) in enumerate(kinds)
        ]

    def _head(self, sofa: str | None) -> HRIRSet:
        rate = self.config.sample_rate
        return load_sofa(sofa).resampled(rate) if sofa else spherical_head(rate)

    def _stages(self, split: Split, heads: list[HRIRSet]) -> list[Stage]:
        rate = self.config.sample_rate
        drawn: Material = synthetic_material(split, rate)
        if self.folder is None:
            return self._heard(drawn, heads, split, 1.0)
        material = load_material(self.folder, split, rate)
        stages = self._heard(material, heads, split, 1 - self.synthetic_fraction)
        if self.synthetic_fraction > 0:
            stages += self._heard(drawn, [spherical_head(rate)], split, self.synthetic_fraction)
        return stages

    def _heard(self, material: Material, heads: list[HRIRSet], split: Split, weight: float) -> list[Stage]:
        """Stages of one material, dry and, where asked for, in rooms: validation's are other rooms than training's."""
        dry = Stage(material, heads, weight * (1 - self.room_fraction))
        if not self.room_fraction:
            return [dry]
        rooms = self.rooms if split == "train" else VALIDATION_ROOMS
        banks = [room_bank(head, rooms, seed=ROOM_SEEDS[split]) for head in heads]
        share = weight * self.room_fraction / len(banks)
        return [dry, *(Stage(material, bank, share, pre_roll=SECONDS) for bank in banks)]

    def _windows(
        self, stages: list[Stage], size: int, seed: int, mix: SceneMix, *, vary: bool, windows_per_frame: int = 1
    ) -> StageWindows:
        return StageWindows(
            stages,
            self.config,
            size,
            seed,
            mix,
            self.grid,
            vary=vary,
            audio_augmentation=self.audio_augmentation,
            image_augmentation=self.image_augmentation,
            windows_per_frame=windows_per_frame,
        )

    def train_dataloader(self) -> FreshLoader:
        """Fresh scenes every epoch, other ones for every process."""
        sampler = FreshSampler(self.epoch_size // self.windows_per_frame, *share_of(self.trainer))
        workers = workers_of(self.trainer, self.workers)
        return FreshLoader(self.training, self.batch_size // self.windows_per_frame, sampler, workers, collate_windows)

    def val_dataloader(self) -> list[DataLoader[dict[str, Tensor]]]:
        """The same scenes at every validation, one loader a kind, divided among the processes."""
        return [
            DataLoader(
                windows, 50, sampler=ShareSampler(len(windows), *share_of(self.trainer)), collate_fn=collate_windows
            )
            for windows in self.validation
        ]
