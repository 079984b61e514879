"""Simulated windows whose frames went through a frozen trunk once: the trunk costs most of a step.

What is kept is a fixed set of items of `StageData`, with the trunk's maps in the place of frames. A training has them
in memory, on its accelerator where it has one, and reads them in another order every epoch; models that share a trunk
and the shape of their windows share the files.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_info
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ccstereo.datasets.stage import OF_FRAMES
from ccstereo.errors import DatasetError
from ccstereo.files import atomic_path, write_atomic
from ccstereo.inference import encoding_groups, fused_for_inference
from ccstereo.models.base import SpatialModel
from ccstereo.training.loading import VALIDATION_BATCH, FreshLoader, Item, check_counts, fresh_sampler, workers_of
from ccstereo.training.stage_data import StageData
from ccstereo.training.window_data import WindowData
from ccstereo.vision.transforms import normalize

ITEMS_A_FILE = 64
ITEMS_A_TASK = 16  # that a worker makes at a time
LABELS = "labels.json"
SHAPES = ("sample_rate", "window", "n_fft", "win_length", "hop_length", "rms", "frame_rate", "resize", "frame_size")
CLIPS = ("clip_frames", "clip_stride", "context", "trunk")
MAPS = ("frame", "previous")


class CachedData(WindowData):
    """A fixed set of simulated windows, encoded by the model's frozen trunk once and kept on disk.

    Args:
        stage: which scenes, in which batches, validated by what; its seed is that of the first item.
        folder: where items are kept; about 0.3 MB each, with four windows of sound, and as much memory.
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
        """Make what is not kept yet, and read all; what was stopped resumes after the last whole file.

        Raises:
            DatasetError: the trunk is not frozen, or the folder cannot be written.
        """
        assert self.trainer is not None
        if not getattr(self.trainer.lightning_module, "frozen_trunk", False):
            raise DatasetError("features can be kept of a frozen trunk only: add --model.frozen_trunk true")
        trunk: nn.Module = getattr(model.visual, "trunk", model.visual)
        self.place = self.folder / self._key(model, trunk)
        sizes = [self.items, *[self.stage.validation_size] * len(self.validation_names)]
        paths = [self._paths(number, size) for number, size in enumerate(sizes)]
        if not (self.place / LABELS).exists() or not all(path.exists() for of_set in paths for path in of_set):
            rank_zero_info(f"Encoding {self.items} frames once; they are kept in {self.place} ...")
            try:
                self._make(paths, trunk)
            except OSError as error:
                raise DatasetError(f"{self.place}: cannot be written ({error.strerror})") from error
        self.labels = json.loads((self.place / LABELS).read_text())
        device = self.trainer.strategy.root_device
        self.kept = KeptWindows(paths[0], self.items, device, self.seed)
        self.validation = [KeptWindows(of_set, self.stage.validation_size, device) for of_set in paths[1:]]

    def train_dataloader(self) -> FreshLoader:
        """All items, in another order every epoch."""
        batch = self.stage.frames_per_batch
        order = fresh_sampler(self.items, batch, self.trainer)
        return FreshLoader(self.kept, batch, order, 0, _as_it_is, self.repeats)

    def val_dataloader(self) -> list[DataLoader[Item]]:
        """The stage's validation, encoded as well."""
        return [self.validation_loader(kept, VALIDATION_BATCH, _as_it_is) for kept in self.validation]

    def _paths(self, number: int, size: int) -> list[Path]:
        """Files of training's items, set 0, or of a kind of validation; another size leaves those of others alone."""
        name = f"validation-{number}" if number else "training"
        firsts = range(0, size, ITEMS_A_FILE)
        return [self.place / f"{name}-{i:07d}-{min(ITEMS_A_FILE, size - i)}.safetensors" for i in firsts]

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
    def _make(self, paths: list[list[Path]], trunk: nn.Module) -> None:
        """Make the files that are missing, and note the classes."""
        assert self.trainer is not None
        self.place.mkdir(parents=True, exist_ok=True)
        self.stage.trainer, self.stage.previous = self.trainer, self.previous
        self.stage.setup()
        encoder = fused_for_inference(trunk).to(self.trainer.strategy.root_device)
        for dataset, of_set in zip((self.stage.training, *self.stage.validation), paths, strict=True):
            self._fill(dataset, of_set, encoder)
        write_atomic(self.place / LABELS, json.dumps(self.stage.labels))

    def _fill(self, dataset: Dataset[Item], paths: list[Path], encoder: nn.Module) -> None:
        """Make a set's items and write them, a file after the other."""
        missing = [number for number, path in enumerate(paths) if not path.exists()]
        tasks = {number: _tasks(number, paths[number]) for number in missing}
        workers = workers_of(self.trainer, self.workers)
        every = [task for number in missing for task in tasks[number]]
        made = iter(DataLoader(dataset, batch_sampler=every, num_workers=workers))
        for number in missing:
            parts = [self._encoded(next(made), encoder) for _ in tasks[number]]
            joined = {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}
            with atomic_path(paths[number]) as temporary:
                save_file(joined, temporary)

    def _encoded(self, items: Item, encoder: nn.Module) -> Item:
        """Items in half precision, with the trunk's maps in the place of their frames."""
        device = next(encoder.parameters()).device
        maps = {}
        for name in MAPS if self.previous and MAPS[1] in items else MAPS[:1]:
            frames = items[name].flatten(0, -4).to(device)
            found = torch.cat([encoder(group) for group in encoding_groups(normalize(frames))])
            maps[name] = found.reshape(*items[name].shape[:-3], *found.shape[1:]).half().cpu()
        rest = {name: value for name, value in items.items() if name not in MAPS}
        return maps | {name: value.half() if value.is_floating_point() else value for name, value in rest.items()}


class KeptWindows(Dataset[Item]):
    """Items in memory, a batch of them at a time, as `collate_windows` makes it: all but the trunk's maps in float32.

    Args:
        paths: files of the items.
        size: number of items.
        device: where they are.
        seed: of their order; numbers have no end then, each `size` of them are all items, in another order. None leaves
            them as they are.
    """

    def __init__(
        self, paths: Sequence[Path], size: int, device: torch.device | str = "cpu", seed: int | None = None
    ) -> None:
        parts = [load_file(path, str(device)) for path in paths]
        self.items = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        self.size, self.seed = size, seed
        self._order: tuple[int, list[int]] = (-1, [])

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Item:
        """Item `index`, a batch of one."""
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> Item:
        """The batch of these items, for which PyTorch's loader asks."""
        chosen = torch.tensor([self._place(index) for index in indices])
        chosen = chosen.to(self.items["sound"].device, non_blocking=True)  # not to wait for the step before
        batch = {name: value[chosen] for name, value in self.items.items()}
        batch = {name: value if name in OF_FRAMES else value.flatten(0, 1) for name, value in batch.items()}
        return {
            n: value.float() if value.is_floating_point() and n not in MAPS else value for n, value in batch.items()
        }

    def _place(self, index: int) -> int:
        if self.seed is None:
            return index
        epoch, place = divmod(index, self.size)
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(self.seed + epoch)
            self._order = epoch, torch.randperm(self.size, generator=generator).tolist()
        return self._order[1][place]


def _tasks(number: int, path: Path) -> list[list[int]]:
    """The items of a file, as many at a time as a worker makes."""
    first = number * ITEMS_A_FILE
    items = [*range(first, first + int(path.stem.rpartition("-")[2]))]
    return [items[i : i + ITEMS_A_TASK] for i in range(0, len(items), ITEMS_A_TASK)]


def _as_it_is(batch: Any) -> Any:
    """A batch is made already."""
    return batch
