"""Who reads what in a pass, in numbers alone."""

import numpy as np
import pytest

from ccstereo.datasets.shards.plan import Order, Reader, pass_sequence, reading, share


def _as_loaded(total, order, rank, world, workers, start) -> list[list[int]]:
    """Batches as torch's loader takes them: from its workers by turns."""
    had = start * order.batch
    streams = [reading(total, order, 7, Reader(rank, world, w, workers, had)).tolist() for w in range(workers)]
    batches, turn = [], 0
    while any(streams):
        stream = streams[turn % workers]
        if stream:
            batches.append(stream[: order.batch])
            del stream[: order.batch]
        turn += 1
    assert sum(map(len, batches)) == share(total, rank, world, order.batch, order.drop_last)[1] - had
    return batches


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_nothing_twice_equal_steps_and_any_resumption(world, workers, drop_last):
    rng = np.random.default_rng(world)
    for total, batch in [(37, 4), (48, 4), (49, 4), (50, 1), (11, 8)]:
        if total < world * batch:
            continue
        order = Order(3, batch, buffer=5, drop_last=drop_last)
        passes = []
        for rank in range(world):
            batches = _as_loaded(total, order, rank, world, workers, 0)
            passes.append(batches)
            stop = int(rng.integers(len(batches)))
            assert _as_loaded(total, order, rank, world, workers, stop) == batches[stop:]
        assert len({len(batches) for batches in passes}) == 1
        assert not drop_last or {len(b) for batches in passes for b in batches} == {batch}
        read = [number for batches in passes for b in batches for number in b]
        assert len(set(read)) == len(read)
        assert total - len(read) < (world * batch if drop_last else world)
        assert drop_last or world > 1 or len(read) == total


def test_shards_and_clips_within_them_are_shuffled():
    places = [np.arange(10) for _ in range(20)]
    order = Order(0, buffer=30)
    which, _ = pass_sequence(places, order, 0)
    assert [int(w) for w in which[::10]] != list(range(20))
    drawn = reading(200, order, 0, Reader())
    assert sorted(drawn) == list(range(200))
    assert max(np.arange(200) - drawn) > 30 > max(drawn - np.arange(200))  # nothing is drawn before it is read
    neighbours = np.abs(np.diff(drawn)) == 1
    assert neighbours.mean() < 0.1
