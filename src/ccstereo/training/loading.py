"""Which items a process takes, and batches that continue where a checkpoint was written."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler

from ccstereo.errors import DatasetError
from ccstereo.jobs import outlive_signals

Item = dict[str, Tensor]

AHEAD = 8  # batches that are made ahead, at least two by each worker
MOST_WORKERS = 16  # of a process, unless more are asked for: each takes memory
VALIDATION_SEED = 1_000_003
VALIDATION_BATCH = 50  # most windows of a batch that needs no gradients


class SplitSampler(DistributedSampler[int]):
    """Every item once, one process after the other taking the next: no item is skipped and none comes twice.

    Lightning leaves a `DistributedSampler` alone; any other sampler it replaces with one that repeats items until all
    processes have as many, which would count some of them twice in a validation.

    Args:
        size: items of all processes.
        rank: of this process.
        processes: how many there are.
    """

    def __init__(self, size: int, rank: int = 0, processes: int = 1) -> None:
        super().__init__(range(size), processes, rank, shuffle=False)  # type: ignore[arg-type]  # it takes its length
        self.size = size

    def __len__(self) -> int:
        return len(range(self.rank, self.size, self.num_replicas))

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.rank, self.size, self.num_replicas))


class FreshSampler(SplitSampler):
    """New item numbers every epoch, `size` of all processes, so that no item comes twice; as many for each process."""

    def __init__(self, size: int, rank: int = 0, processes: int = 1) -> None:
        super().__init__(size, rank, processes)
        self.skipped = 0  # items of this process at the beginning of the epoch

    def __len__(self) -> int:
        return self.size // self.num_replicas

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.size
        return iter(range(first + self.rank, first + self.size, self.num_replicas)[self.skipped : len(self)])


class FreshLoader:
    """Batches of new items every epoch. It knows its position, which Lightning saves and loads with a checkpoint.

    No `DataLoader`: Lightning would replace its sampler where `overfit_batches` is asked for.

    Args:
        dataset: whose item numbers have no end.
        batch_size: items a batch.
        sampler: of the items.
        workers: processes that make items.
        collate: makes a batch of items; by default PyTorch's own.
        repeat: whether every epoch has the items of the first, to overfit them.
    """

    def __init__(
        self,
        dataset: Dataset[Item],
        batch_size: int,
        sampler: FreshSampler,
        workers: int = 0,
        collate: Callable[[Sequence[Item]], Item] | None = None,
        repeat: bool = False,
    ) -> None:
        self.loader = DataLoader(
            dataset,
            batch_size,
            sampler=sampler,
            num_workers=workers,
            collate_fn=collate,
            worker_init_fn=outlive_signals,
            persistent_workers=workers > 0,
            pin_memory=workers > 0 and torch.cuda.is_available(),  # so that copies to the GPU need no waiting
            prefetch_factor=max(2, AHEAD // workers) if workers else None,
            drop_last=True,
        )
        self.batch_size = batch_size
        self.order = sampler
        self.repeat = repeat
        self.given = 0  # batches of this epoch
        self.resumed = False

    def __len__(self) -> int:
        return len(self.order) // self.batch_size

    def __iter__(self) -> Iterator[Any]:
        """Batches from a loaded position on, or of the next epoch."""
        if self.given >= len(self) or not self.resumed:
            self.order.epoch += self.given > 0 and not self.repeat
            self.given = 0
        self.resumed = False
        self.order.skipped = self.given * self.batch_size
        try:
            for batch in self.loader:
                self.given += 1
                yield batch
        except DatasetError as error:  # of a worker: its message is a traceback, whose last line is the message
            raise DatasetError(str(error).strip().rpartition("DatasetError: ")[2]) from None

    @property
    def _iterator(self) -> Any:
        """By which Lightning ends the workers of a `DataLoader`; they ignore what else would."""
        return self.loader._iterator

    @_iterator.setter
    def _iterator(self, iterator: Any) -> None:
        self.loader._iterator = iterator

    def state_dict(self) -> dict[str, int]:
        """The position."""
        return {"epoch": self.order.epoch, "batches": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue at a position; at the end of an epoch that is the beginning of the next."""
        self.order.epoch, self.given = state["epoch"], state["batches"]
        self.resumed = True


def fresh_sampler(size: int, batch_size: int, trainer: Trainer | None) -> FreshSampler:
    """The sampler of a training process, of `size` items an epoch of all processes.

    Raises:
        DatasetError: an epoch has no batch.
    """
    sampler = FreshSampler(size, *place_of(trainer))
    if len(sampler) < batch_size:
        raise DatasetError(
            f"no batches: an epoch has {len(sampler)} items for each of {sampler.num_replicas} process(es), a batch "
            f"{batch_size}; raise --data.epoch_size or lower --data.batch_size"
        )
    return sampler


class KeptItems(Dataset[Item]):
    """What a validation uses of items, made once and kept in memory: they are the same each time."""

    def __init__(self, dataset: Dataset[Item]) -> None:
        self.dataset = dataset
        self.kept: dict[int, Item] = {}

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Item:
        if index not in self.kept:
            self.kept[index] = self.make(index)
        return self.kept[index]

    def make(self, index: int) -> Item:
        """Make an item, and keep nothing."""
        item = self.dataset[index]
        return {name: item[name] for name in ("frame", "sound", "context") if name in item}


class _Missing(Dataset[Item]):
    """Items of several data sets that are not kept yet."""

    def __init__(self, places: Sequence[tuple[KeptItems, int]]) -> None:
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Item:
        dataset, inside = self.places[index]
        return dataset.make(inside)


def make_all(datasets: Sequence[KeptItems], workers: int) -> None:
    """Make all items in processes, and keep them."""
    places = [(data, index) for data in datasets for index in range(len(data)) if index not in data.kept]
    items = DataLoader(_Missing(places), None, num_workers=workers, worker_init_fn=outlive_signals)
    for (data, index), item in zip(places, items, strict=True):
        # Copies: what a worker gives holds a piece of shared memory each.
        data.kept[index] = {name: value.clone() for name, value in item.items()}


def check_counts(**counts: int | None) -> None:
    """Refuse numbers of windows and processes that cannot be.

    Raises:
        ValueError: a count is below 1, or `workers` or `seed` below 0.
    """
    for name, count in counts.items():
        least = 0 if name in ("workers", "seed") else 1
        if count is not None and count < least:
            raise ValueError(f"{name} must be at least {least}, got {count}")


def place_of(trainer: Trainer | None) -> tuple[int, int]:
    """Rank of this process and how many there are; (0, 1) without a trainer."""
    return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)


def workers_of(trainer: Trainer | None, wanted: int | None) -> int:
    """How many processes should make one training process's batches.

    Steps on an accelerator are so short that every core has to make windows, but the one that the training itself
    needs; steps on the CPU take most of its cores themselves, and a quarter of them keeps up. A number that is
    `wanted` counts first; no trainer is one process on the CPU.
    """
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = 1 if trainer is None else trainer.num_devices
    on_cpu = trainer is None or isinstance(trainer.accelerator, CPUAccelerator)
    spare = cores // 4 // processes if on_cpu else cores // processes - 1
    return min(max(spare, 1), MOST_WORKERS)
