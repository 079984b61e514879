"""Windows streamed from shards, on disk or on a web server, for training on sets too large to be copied first."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ccstereo.datasets.prepared.format import SAMPLE_RATE
from ccstereo.datasets.prepared.windows import PreparedWindows
from ccstereo.datasets.shards.clip import ClipInMemory
from ccstereo.datasets.shards.index import beside, read_index
from ccstereo.datasets.shards.plan import Order, Reader, pass_sequence, reading, share
from ccstereo.datasets.shards.stream import ShardStream
from ccstereo.errors import DatasetError
from ccstereo.jobs.processes import outlive_sigterm
from ccstereo.models.config import ModelConfig


class ShardWindows(IterableDataset[dict[str, Tensor]]):
    """One window of every clip a pass, divided between processes and their workers; items are `PreparedWindows`'s.

    Which window a clip gives depends on seed, pass and clip alone, not on who reads it. In a pass no clip is read
    twice; all processes make equally many steps (see `shards_plan.share`: fewer than `world` clips may be left out for
    that, with `drop_last` fewer than `world * batch_size`, others in every pass).

    Iterating goes through the pass at the position; a pass that was iterated is followed by the next, also where it was
    broken off. In a `DataLoader`, give it the batch size of this dataset, or take `ShardLoader`.

    Args:
        location: folder or http(s) URL of the shards.
        config: sizes of the model to be trained.
        part: whose shards to read.
        batch_size: samples of a batch of the loader.
        seed: of all orders and windows.
        vary: whether windows and crops differ from pass to pass, for training.
        mirror: whether half of the varied items are mirrored.
        shuffle: whether shards, and within a buffer clips, come in another order each pass.
        buffer: windows that each worker draws from; about 0.25 to 0.7 MB each.
        size: at most so many windows a pass, of all processes together; None takes every clip.
        drop_last: whether a last batch that is not full is left out.
        check: whether every clip's checksums are compared; damaged archives are noticed without.
        rank, world: this process and how many there are; None asks torch.distributed.

    Raises:
        DatasetError: there are no such shards, no clip is long enough, there are fewer than processes, or the model has
            another sample rate. Iterating raises it where a shard is damaged or cannot be had.
    """

    def __init__(
        self,
        location: str,
        config: ModelConfig,
        part: str = "train",
        batch_size: int = 1,
        seed: int = 0,
        vary: bool = True,
        mirror: bool = True,
        shuffle: bool = True,
        buffer: int = 256,
        size: int | None = None,
        drop_last: bool = False,
        check: bool = False,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        if config.sample_rate != SAMPLE_RATE:
            raise DatasetError(f"{location}: is at {SAMPLE_RATE} Hz, but the model hears {config.sample_rate} Hz")
        self.location = location
        self.config = config
        self.index = read_index(location, part)
        self.order = Order(seed, batch_size, buffer, shuffle, drop_last)
        self.vary, self.mirror, self.check = vary, mirror, check
        together = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = rank if rank is not None else torch.distributed.get_rank() if together else 0
        self.world = world if world is not None else torch.distributed.get_world_size() if together else 1
        self.workers = 1
        self.context = max(config.context, config.window)
        self.places = [np.flatnonzero(np.array(shard.lengths) >= self.context) for shard in self.index.shards]
        self.first = np.cumsum([0, *map(len, self.places)])  # number of each shard's first usable clip
        usable = int(self.first[-1])
        self.size = usable if size is None else min(size, usable)
        if not usable:
            seconds = f"the {self.context / SAMPLE_RATE:.2f} s that the model hears at once"
            raise DatasetError(f"{location}: none of {self.index.samples} clips has {seconds}")
        if len(self) == 0:
            needed = self.world * (batch_size if drop_last else 1)
            raise DatasetError(f"{location}: {self.size} clips of {part} are too few for a step, which takes {needed}")
        self._start = torch.zeros(2, dtype=torch.int64)  # pass and samples
        self._start.share_memory_()  # type: ignore[no-untyped-call]  # with workers that live on
        self._had = 0  # samples of the pass that this process has been given
        self._resumed = False

    def __len__(self) -> int:
        """Samples of this process in a pass."""
        return share(self.size, self.rank, self.world, self.order.batch, self.order.drop_last)[1]

    @property
    def epoch(self) -> int:
        """The pass."""
        return int(self._start[0])

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of a pass."""
        self._go_to(epoch, 0, resumed=False)

    def state_dict(self) -> dict[str, int]:
        """The position: the pass and the samples that this process has had of it, and what they were divided by."""
        return {"epoch": self.epoch, "samples": self._had} | self._shape()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a position, so that the next iteration goes on there.

        Where processes, workers or batches are others than before, the rest of the pass cannot be told from what has
        been read: a warning is given and the next pass begun.
        """
        epoch, samples = state["epoch"], state["samples"]
        before = {name: state[name] for name in self._shape()}
        if samples and before != self._shape():
            warnings.warn(
                f"{self.location}: was read by {before}, now by {self._shape()}; the rest of pass {epoch} is left out",
                stacklevel=2,
            )
            epoch, samples = epoch + 1, 0
        self._go_to(epoch, samples, resumed=samples > 0)

    def begin(self) -> None:
        """Begin an iteration: at a loaded position, or with the next pass where one was broken off."""
        if self._had and not self._resumed:
            self._go_to(self.epoch + 1, 0, resumed=False)
        self._resumed = False

    def count(self, samples: int) -> None:
        """Note that samples have been given to this process; the last of a pass lead to the next."""
        self._had += samples
        if self._had >= len(self):
            self.set_epoch(self.epoch + 1)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Stream the items of this process, or in a worker, of this worker."""
        info = get_worker_info()
        if info is None:
            self.begin()
        epoch, start = self._start.tolist()
        worker = (0, 1) if info is None else (info.id, info.num_workers)
        for item in self._stream(epoch, Reader(self.rank, self.world, *worker, start)):
            if info is None:  # workers read ahead: their loader counts
                self.count(1)
            yield item

    def _go_to(self, epoch: int, samples: int, resumed: bool) -> None:
        self._start.copy_(torch.tensor([epoch, samples]))
        self._had, self._resumed = samples, resumed

    def _shape(self) -> dict[str, int]:
        return {"processes": self.world, "workers": self.workers, "batch_size": self.order.batch}

    def _stream(self, epoch: int, reader: Reader) -> Iterator[dict[str, Tensor]]:
        shards, places = pass_sequence(self.places, self.order, epoch)
        wanted = reading(self.size, self.order, epoch, reader)
        items = self._items(shards, places, np.sort(wanted), epoch)
        held: dict[int, dict[str, Tensor]] = {}
        for number in wanted.tolist():
            while number not in held:
                place, item = next(items)
                held[place] = item
            yield held.pop(number)

    def _items(
        self, shards: NDArray[np.int64], places: NDArray[np.int64], wanted: NDArray[np.int64], epoch: int
    ) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """Read forwards, each shard once, and make the items."""
        stream: ShardStream | None = None
        try:
            for number in wanted.tolist():
                shard, place = self.index.shards[shards[number]], int(places[number])
                where = beside(self.location, shard.name)
                if stream is None or stream.location != where:
                    if stream is not None:
                        stream.close()
                    stream = ShardStream(where, shard.bytes)
                data = stream.read_at(shard.offsets[place], shard.ends[place] - shard.offsets[place])
                clip = ClipInMemory(data, where, self.check)
                yield number, self._item(clip, int(shards[number]), place, epoch)
        finally:
            if stream is not None:
                stream.close()

    def _item(self, clip: ClipInMemory, shard: int, place: int, epoch: int) -> dict[str, Tensor]:
        number = int(self.first[shard] + np.searchsorted(self.places[shard], place))
        if self.vary:
            number += epoch * int(self.first[-1])
        windows = PreparedWindows(
            clip,
            list(clip.clips),
            self.config,
            None,
            self.order.seed,
            vary=self.vary,
            mirror=self.mirror,
        )
        try:
            return windows[number]
        except (OSError, ValueError) as error:  # a picture that cannot be decoded
            raise DatasetError(f"{clip.folder}: is damaged ({error}); copy or write the shards again") from error


class ShardLoader(DataLoader[dict[str, Tensor]]):
    """Batches of `ShardWindows`, which knows its position: Lightning saves and loads it with a checkpoint.

    Args:
        windows: the dataset; its `batch_size` and `drop_last` are the loader's.
        workers: processes that read.
    """

    dataset: ShardWindows

    def __init__(self, windows: ShardWindows, workers: int = 0) -> None:
        windows.workers = max(1, workers)
        order = windows.order
        super().__init__(
            windows,
            order.batch,
            num_workers=workers,
            drop_last=order.drop_last,
            worker_init_fn=outlive_sigterm,
            persistent_workers=workers > 0,
            prefetch_factor=2 if workers else None,
        )

    def __iter__(self) -> Any:
        """Batches from the position on."""
        if self.num_workers:
            self.dataset.begin()
        try:
            for batch in super().__iter__():
                if self.num_workers:
                    self.dataset.count(len(batch["binaural"]))
                yield batch
        except DatasetError as error:  # in a worker: its message is a traceback, whose last line is the message
            raise DatasetError(str(error).strip().rpartition("DatasetError: ")[2]) from None

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of a pass."""
        self.dataset.set_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """The position, as the dataset's."""
        return self.dataset.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a position."""
        self.dataset.load_state_dict(state)
