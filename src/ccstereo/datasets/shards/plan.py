"""Who reads what in a pass over shards, and in what order: numbers alone, so that a run can go on anywhere in it.

The clips of a pass, shard after shard in the pass's own order, are one sequence. Every process gets a stretch of it,
and every worker of it a stretch of that: only shards on a border are opened by two, at different clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Reader:
    """One worker of one process, and how far all workers of the process have got in the pass.

    Attributes:
        rank, world: the process, and how many there are.
        worker, workers: the worker, and how many a process has.
        start: samples that the process has had of this pass, in whole batches.
    """

    rank: int = 0
    world: int = 1
    worker: int = 0
    workers: int = 1
    start: int = 0


@dataclass(frozen=True)
class Order:
    """What a pass is made of.

    Attributes:
        seed: of all orders.
        batch: samples of a batch: the loader takes them by turns from workers.
        buffer: samples among which a worker draws the next; 1 keeps the order of the shards.
        shuffle: whether shards come in another order each pass; else all is read as it was written.
        drop_last: whether a last batch that is not full is left out.
    """

    seed: int = 0
    batch: int = 1
    buffer: int = 256
    shuffle: bool = True
    drop_last: bool = False


def pass_sequence(places: Sequence[Numbers], order: Order, epoch: int) -> tuple[Numbers, Numbers]:
    """All usable samples of a pass.

    Args:
        places: of the usable samples within each shard.
        order: of passes.
        epoch: the pass.

    Returns:
        Shard and place within it of each sample, in the pass's order.
    """
    shards = list(range(len(places)))
    if order.shuffle:
        shards = np.random.default_rng([order.seed, epoch]).permutation(len(places)).tolist()
    which = np.repeat(shards, [len(places[shard]) for shard in shards])
    return which, np.concatenate([places[shard] for shard in shards])


def share(total: int, rank: int, world: int, batch: int, drop_last: bool) -> tuple[int, int]:
    """The stretch of a process: where it begins and how many samples it has.

    All processes make equally many steps, for one that had a batch more would wait for the others forever. Stretches
    are equally long, or some one sample longer where that makes no further batch. Else fewer than `world` samples, the
    last of the sequence, are left out of this pass.

    >>> [share(11, rank, 2, 4, False) for rank in (0, 1)]
    [(0, 6), (6, 5)]
    >>> [share(9, rank, 2, 4, False) for rank in (0, 1)]
    [(0, 4), (4, 4)]
    """
    length, rest = divmod(total, world)
    if drop_last:
        length = length // batch * batch
        return rank * length, length
    if length % batch == 0:
        rest = 0
    return rank * length + min(rank, rest), length + (rank < rest)


def stretch(count: int, batch: int, worker: int, workers: int) -> tuple[int, int]:
    """The stretch of a worker within that of its process, batch k being made by worker k % workers.

    >>> [stretch(10, 4, worker, 2) for worker in (0, 1)]
    [(0, 6), (6, 4)]
    """
    counts = [_of_batches(count, batch, each, workers) for each in range(workers)]
    return sum(counts[:worker]), counts[worker]


def reading(total: int, order: Order, epoch: int, reader: Reader) -> Numbers:
    """Places in the pass's sequence of what a worker yields, in its order, from `reader.start` on."""
    first, count = share(total, reader.rank, reader.world, order.batch, order.drop_last)
    # The loader asks its first worker for the next batch, whichever worker made that one before the run was stopped.
    worker = (reader.worker + reader.start // order.batch) % reader.workers
    begin, length = stretch(count, order.batch, worker, reader.workers)
    had = _of_batches(reader.start, order.batch, worker, reader.workers)
    places = np.arange(length)
    if order.shuffle and order.buffer > 1:
        rng = np.random.default_rng([order.seed, epoch, reader.rank, worker])
        places = _drawn(length, order.buffer, rng)
    return first + begin + places[had:]


def _of_batches(count: int, batch: int, worker: int, workers: int) -> int:
    """How many of the first `count` samples of a process are in batches that this worker makes."""
    full, rest = divmod(count, batch)
    return (full + workers - 1 - worker) // workers * batch + (rest if full % workers == worker else 0)


def _drawn(count: int, buffer: int, rng: np.random.Generator) -> Numbers:
    """The numbers below `count` in the order in which a buffer gives them that draws one and takes in the next."""
    held = list(range(min(buffer, count)))
    slots = rng.integers(max(1, len(held)), size=count - len(held))
    drawn = np.empty(count, np.int64)
    for number, slot in enumerate(slots):
        drawn[number] = held[slot]
        held[slot] = number + len(held)
    drawn[count - len(held) :] = rng.permutation(held)
    return drawn
