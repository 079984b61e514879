"""Work that overlaps: an iterator that runs ahead in a thread, and a sink that writes behind in one."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Any, TypeVar

Item = TypeVar("Item")
_SIZE = 128  # items: more than a batch of windows needs, some 5 s of sound and frames; fewer, and threads take turns
_PATIENCE = 0.5  # seconds after which a waiting thread looks up: Windows lets no lock be interrupted


class _End:
    """The last thing in a queue, and the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextmanager
def prefetched(items: Iterable[Item], size: int = _SIZE) -> Iterator[Iterator[Item]]:
    """Run an iterable in a thread, at most `size` items ahead; what it raises is raised where its items are taken.

    When the block is left, however that is, the thread has ended: what the iterable reads from can be closed.

    >>> with prefetched(range(3)) as numbers:
    ...     list(numbers)
    [0, 1, 2]
    """
    queue: Queue[Any] = Queue(size)
    left = threading.Event()

    def run() -> None:
        end = _End()
        try:
            for item in items:
                queue.put(item)
                if left.is_set():
                    return
        except BaseException as error:  # the taker's to handle
            end = _End(error)
        queue.put(end)

    def take() -> Iterator[Item]:
        while not isinstance(item := _get(queue), _End):
            yield item
        if item.error is not None:
            raise item.error

    thread = threading.Thread(target=run, name="ccstereo-ahead", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        left.set()
        while thread.is_alive():  # it may wait for room
            _empty(queue)
            thread.join(0.01)


@contextmanager
def written_behind(write: Callable[[Item], object], size: int = _SIZE) -> Iterator[Callable[[Item], None]]:
    """Give a function that hands items to a thread, which writes them in order, at most `size` behind.

    What writing raises is raised at the next item or at the end of the block; at the end all is written. When the block
    is left by an error, the items that wait are dropped.

    >>> found = []
    >>> with written_behind(found.append) as put:
    ...     put(1)
    ...     put(2)
    >>> found
    [1, 2]
    """
    queue: Queue[Any] = Queue(size)
    failed: list[BaseException] = []

    def run() -> None:
        while not isinstance(item := queue.get(), _End):
            if failed:
                continue  # so that nobody waits for room
            try:
                write(item)
            except BaseException as error:  # the giver's to handle
                failed.append(error)

    def put(item: Item) -> None:
        if failed:
            raise failed[0]
        queue.put(item)

    thread = threading.Thread(target=run, name="ccstereo-behind", daemon=True)
    thread.start()
    try:
        yield put
    except BaseException:
        _empty(queue)
        raise
    finally:
        queue.put(_End())
        thread.join()
    if failed:
        raise failed[0]


def _get(queue: "Queue[Any]") -> Any:
    while True:
        try:
            return queue.get(timeout=_PATIENCE)
        except Empty:
            continue


def _empty(queue: "Queue[Any]") -> None:
    while not queue.empty():
        try:
            queue.get_nowait()
        except Empty:
            return
