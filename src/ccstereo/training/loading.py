"""Which items a process takes, and batches that go on where a checkpoint was written."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler

from ccstereo.jobs.processes import outlive_sigterm

Item = dict[str, Tensor]

AHEAD = 8  # batches that are made ahead, at least two by each worker
MOST_WORKERS = 16  # of a process, unless more are asked for: each takes memory


class ShareSampler(DistributedSampler[int]):
    """Every item once, one process after the other taking the next: no item is left out and none comes twice.

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


class FreshSampler(ShareSampler):
    """New item numbers every epoch, so that no item is ever seen twice; as many for each process.

    Args:
        size: items an epoch, of all processes.
        rank: of this process.
        processes: how many there are.
    """

    def __init__(self, size: int, rank: int = 0, processes: int = 1) -> None:
        super().__init__(size, rank, processes)
        self.skipped = 0  # items of this process at the beginning of the epoch that a resumed run has had

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.skipped = self.skipped if epoch == self.epoch else 0
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size // self.num_replicas

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.size
        return iter(range(first + self.rank, first + self.size, self.num_replicas)[self.skipped : len(self)])


class FreshLoader(DataLoader[Item]):
    """Batches of a `FreshSampler`. It knows its position, which Lightning saves and loads with a checkpoint.

    Args:
        dataset: whose item numbers have no end.
        batch_size: items a batch.
        sampler: of the items.
        workers: processes that make items.
        collate: makes a batch of items; by default PyTorch's own.
    """

    sampler: FreshSampler

    def __init__(
        self,
        dataset: Dataset[Item],
        batch_size: int,
        sampler: FreshSampler,
        workers: int = 0,
        collate: Callable[[Sequence[Item]], Item] | None = None,
    ) -> None:
        super().__init__(
            dataset,
            batch_size,
            sampler=sampler,
            num_workers=workers,
            collate_fn=collate,
            worker_init_fn=outlive_sigterm,
            persistent_workers=workers > 0,
            prefetch_factor=max(2, AHEAD // workers) if workers else None,
            drop_last=True,
        )
        self.given = 0  # batches of this epoch

    def __iter__(self) -> Any:
        """Batches from the position on."""
        self.given = self.sampler.skipped // (self.batch_size or 1)
        for batch in super().__iter__():
            self.given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The position."""
        return {"epoch": self.sampler.epoch, "batches": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a position. At the end of an epoch that is the beginning of the next."""
        self.sampler.epoch = state["epoch"]
        self.sampler.skipped = state["batches"] * (self.batch_size or 1)


def share_of(trainer: Trainer | None) -> tuple[int, int]:
    """Rank of this process and how many there are; (0, 1) without a trainer."""
    return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)


def workers_of(trainer: Trainer | None, wanted: int | None) -> int:
    """How many processes should make one training process's batches.

    Steps on an accelerator are so short that every core has to make windows, but the one that the training itself
    needs; steps on the CPU take most of its cores themselves, and a quarter of them keeps up.

    Args:
        trainer: of the run; None counts as one process on the CPU.
        wanted: a number that was asked for; None chooses one by the cores and processes of this machine.
    """
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = 1 if trainer is None else trainer.num_devices
    on_cpu = trainer is None or isinstance(trainer.accelerator, CPUAccelerator)
    spare = cores // 4 // processes if on_cpu else cores // processes - 1
    return min(max(spare, 1), MOST_WORKERS)
