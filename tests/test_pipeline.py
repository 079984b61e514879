"""Threads that run ahead and behind: nothing is lost or out of order, errors arrive, and nobody hangs."""

import threading
import time

import pytest

from ccstereo.pipeline import prefetched, written_behind


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ccstereo")]


@pytest.fixture(autouse=True)
def _no_thread_stays():
    yield
    assert running() == []


def test_items_come_in_order_from_another_thread() -> None:
    names = set()

    def count():
        for number in range(100):
            names.add(threading.current_thread().name)
            yield number

    with prefetched(count(), 3) as numbers:
        assert list(numbers) == list(range(100))
    assert names == {"ccstereo-ahead"}


def test_it_runs_no_further_ahead_than_it_may() -> None:
    made = []
    with prefetched((made.append(n) or n for n in range(100)), 4) as numbers:
        next(numbers)
        deadline = time.monotonic() + 5
        while len(made) < 6 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        assert len(made) == 6  # the one taken, four that wait, one that waits for room


def test_both_ends_work_at_once() -> None:
    """Each waits for the other: neither gets through alone."""
    read, written = threading.Barrier(2, timeout=5), threading.Barrier(2, timeout=5)

    def slow():
        yield 0
        read.wait()
        yield 1

    with prefetched(slow()) as numbers, written_behind(lambda _: written.wait()) as put:
        assert next(numbers) == 0
        read.wait()  # while the next is made
        put(0)
        written.wait()  # while it is written
        assert list(numbers) == [1]


def test_an_error_ahead_arrives_after_what_came_before() -> None:
    def broken():
        yield 1
        raise OSError("torn")

    taken = []
    with pytest.raises(OSError, match="torn"), prefetched(broken()) as numbers:
        taken.extend(numbers)
    assert taken == [1]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_leaving_early_ends_the_thread_before_what_it_reads_from_is_closed(error: type[BaseException]) -> None:
    closed = threading.Event()

    def endless():
        while True:
            assert not closed.is_set()
            yield 0

    def leave() -> None:
        with prefetched(endless(), 2) as numbers:
            next(numbers)
            raise error

    with pytest.raises(error):
        leave()
    assert running() == []
    closed.set()


def test_all_is_written_in_order_at_the_end() -> None:
    found: list[int] = []
    with written_behind(lambda item: (time.sleep(0.001), found.append(item)), 2) as put:
        for number in range(30):
            put(number)
    assert found == list(range(30))


def test_an_error_of_writing_is_raised_once() -> None:
    def full(_: int) -> None:
        raise OSError("disk full")

    def write(items: int, size: int) -> None:
        with written_behind(full, size) as put:
            for number in range(items):
                put(number)

    for items, size in ((1_000, 1), (1, 10)):  # the second block ends before the error is met
        with pytest.raises(OSError, match="disk full"):
            write(items, size)


def test_after_an_error_of_the_block_what_waits_is_dropped() -> None:
    found: list[int] = []
    gate = threading.Event()

    def leave() -> None:
        with written_behind(lambda n: (gate.wait(5), found.append(n)), 10) as put:
            for number in range(10):
                put(number)
            gate.set()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        leave()
    assert found == list(range(len(found)))
