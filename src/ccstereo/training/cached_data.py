"""Simulated windows whose frames went through a frozen trunk once: the trunk costs most of a step.

What is kept is a fixed set of items of `StageData`, with the trunk's maps in the place of frames. A training reads them
in another order every epoch; models that share a trunk and the shape of their windows share the files.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from lightning.pytorch.utilities import rank_zero_info
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ccstereo.datasets.stage import collate_windows
from ccstereo.errors import DatasetError
from ccstereo.files import atomic_path
from ccstereo.inference import encoding_groups, fused_for_inference
from ccstereo.models.base import SpatialModel
from ccstereo.training.loading import FreshLoader, Item, check_counts, fresh_sampler, workers_of
from ccstereo.training.stage_data import StageData
from ccstereo.training.window_data import WindowData
from ccstereo.vision.transforms import normalize

ITEMS_A_FILE = 64
SHAPES = ("sample_rate", "window", "n_fft", "win_length", "hop_length", "rms", "frame_rate", "resize", "frame_size")
CLIPS = ("clip_frames", "clip_stride", "context", "trunk")


class CachedData(WindowData):
    """A fixed set of simulated windows, encoded by the model's frozen trunk once and kept on disk.

    Args:
        stage: which scenes, in which batches, validated by what; its seed is that of the first item.
        folder: where items are kept; about 0.3 MB each, with four windows of sound.
        items: frames that are kept, each with the stage's windows per frame.
        previous: whether the frame before each is kept, too, for terms that need it.

    Raises:
        ValueError: a count is out of range.
    """

    def __init__(self, stage: StageData, folder: str = "cache", items: int = 4000, previous: bool = True) -> None:
        super().__init__(stage.workers, stage.seed)
        check_counts(items=items)
        self.stage, self.folder, self.items, self.previous = stage, Path(folder), items, previous
        self.validation_names = stage.validation_names

    def prepare_for(self, model: SpatialModel) -> None:
        """Make the stage, and what is not kept yet of its items; what was stopped resumes after the last whole file.

        Raises:
            DatasetError: the trunk is not frozen, or the folder cannot be written.
        """
        assert self.trainer is not None
        if not getattr(self.trainer.lightning_module, "frozen_trunk", False):
            raise DatasetError("features can be kept of a frozen trunk only: add --model.frozen_trunk true")
        self.stage.trainer = self.trainer
        self.stage.setup()
        self.labels = self.stage.labels
        trunk: nn.Module = getattr(model.visual, "trunk", model.visual)
        self.place = self.folder / self._key(model, trunk)
        missing = [first for first in range(0, self.items, ITEMS_A_FILE) if not self._path(first).exists()]
        if missing:
            rank_zero_info(f"Encoding {self.items} frames once; they are kept in {self.place} ...")
            try:
                self.place.mkdir(parents=True, exist_ok=True)
                self._fill(missing, fused_for_inference(trunk))
            except OSError as error:
                raise DatasetError(f"{self.place}: cannot be written ({error.strerror})") from error
        self.kept = KeptWindows(
            [self._path(first) for first in range(0, self.items, ITEMS_A_FILE)], self.items, self.seed
        )

    def train_dataloader(self) -> FreshLoader:
        """All items, in another order every epoch."""
        batch = self.stage.frames_per_batch
        order = fresh_sampler(self.items, batch, self.trainer)
        return FreshLoader(self.kept, batch, order, 0, collate_windows, self.repeats)

    def val_dataloader(self) -> list[DataLoader[Item]]:
        """The stage's, with their frames."""
        return self.stage.val_dataloader()

    def _path(self, first: int) -> Path:
        """The file that begins with item `first`; another number of items leaves the others as they are."""
        return self.place / f"{first:07d}-{min(ITEMS_A_FILE, self.items - first)}.safetensors"

    def _key(self, model: SpatialModel, trunk: nn.Module) -> str:
        """A name for all that the items depend on."""
        stage, config = self.stage, model.config
        described = {name: str(getattr(config, name, None)) for name in (*SHAPES, *CLIPS)}
        described |= {"channels": str(model.target.channels), "grid": str(model.feature_shape[1:])}
        described |= {name: str(getattr(stage, name)) for name in ("folder", "sofa", "scenes", "augmentation", "seed")}
        described |= {"windows": str(stage.windows_per_frame), "previous": str(self.previous)}
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
        for name, tensor in trunk.state_dict().items():
            digest.update(name.encode() + tensor.float().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    @torch.inference_mode()
    def _fill(self, missing: list[int], trunk: nn.Module) -> None:
        """Make items and write them, a file after the other."""
        wanted = [i for first in missing for i in range(first, min(first + ITEMS_A_FILE, self.items))]
        workers = workers_of(self.trainer, self.workers)
        items = iter(DataLoader(self.stage.training, None, sampler=wanted, num_workers=workers))
        for first in missing:
            made = [self._encoded(next(items), trunk) for _ in range(min(ITEMS_A_FILE, self.items - first))]
            stacked = {name: torch.stack([item[name] for item in made]).contiguous() for name in made[0]}
            with atomic_path(self._path(first)) as temporary:
                save_file(stacked, temporary)

    def _encoded(self, item: Item, trunk: nn.Module) -> Item:
        """An item in half precision, with the trunk's maps in the place of its frames."""
        names = ("frame", "previous") if self.previous else ("frame",)
        maps = {}
        for name in names:
            frames = item[name].reshape(-1, *item[name].shape[-3:])
            found = torch.cat([trunk(group) for group in encoding_groups(normalize(frames))])
            maps[name] = found.reshape(*item[name].shape[:-3], *found.shape[1:]).half()
        rest = {name: value for name, value in item.items() if name not in ("frame", "previous")}
        return maps | {name: value.half() if value.is_floating_point() else value for name, value in rest.items()}


class KeptWindows(Dataset[Item]):
    """Items from files of `ITEMS_A_FILE`. Numbers have no end: each `size` of them are all items, in another order.

    An order takes files at random, and the items of each at random, so that each file is read once.
    """

    def __init__(self, paths: list[Path], size: int, seed: int) -> None:
        self.paths, self.size, self.seed = paths, size, seed
        self._order: tuple[int, list[int]] = (-1, [])
        self._open: tuple[int, dict[str, Tensor]] = (-1, {})

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Item:
        """Item `index`; all but the trunk's maps in float32."""
        epoch, place = divmod(index, self.size)
        if self._order[0] != epoch:
            self._order = epoch, list(self._items_of(epoch))
        number, inside = divmod(self._order[1][place], ITEMS_A_FILE)
        if self._open[0] != number:
            self._open = number, load_file(self.paths[number])
        item = {name: value[inside] for name, value in self._open[1].items()}
        maps = ("frame", "previous")
        return {n: value.float() if value.is_floating_point() and n not in maps else value for n, value in item.items()}

    def _items_of(self, epoch: int) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + epoch)
        for number in torch.randperm(len(self.paths), generator=generator).tolist():
            first = number * ITEMS_A_FILE
            yield from (first + torch.randperm(min(ITEMS_A_FILE, self.size - first), generator=generator)).tolist()
