"""Running a function over many items in several processes, of which any may die."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeVar

from ccstereo.files import remove_unfinished
from ccstereo.plugins import load_plugins

Item = TypeVar("Item")
Result = TypeVar("Result")
ENGINES = ("processes",)


def map_items(
    task: Callable[[Item], Result], items: Sequence[Item], jobs: int, engine: str = "processes"
) -> Iterator[tuple[Item, Result | None]]:
    """Yield every item with its result, in the order in which they are done.

    Args:
        task: a function that can be pickled.
        items: what to call it with.
        jobs: processes; 1 works in this one.
        engine: what runs them: "processes" of this machine.

    Yields:
        The item and its result, None where the process that worked on it died, as in a crash of a decoder.

    Raises:
        ValueError: there is no such engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"no engine {engine!r}; there are {', '.join(ENGINES)}")
    if jobs == 1 or not items:
        yield from ((item, task(item)) for item in items)
        return
    suspects: list[Item] = []
    rest = list(items)
    while rest:
        rest = yield from _pooled(task, rest, jobs, suspects)
    for item in suspects:  # each alone, so that a crash shows whose it is
        last: list[Item] = []
        yield from _pooled(task, [item], 1, last)
        if last:
            yield item, None


def outlive_signals(_worker: int) -> None:
    """Ignore Ctrl-C and SIGTERM in a loader's worker: they reach all processes of a run, and who trains still saves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _pooled(
    task: Callable[[Item], Result], items: list[Item], jobs: int, suspects: list[Item]
) -> Generator[tuple[Item, Result | None], None, list[Item]]:
    """Work until all is done or a process dies; add the items of that moment to `suspects`, return those not begun."""
    context = get_context("spawn")  # a fork of a process with threads may hang
    watched, held = context.Pipe(duplex=False)
    waiting = items[::-1]
    running: dict[Future[Result], Item] = {}
    pool = ProcessPoolExecutor(jobs, context, initializer=_watch, initargs=(watched,))
    try:
        while waiting or running:
            while waiting and len(running) < 2 * jobs:
                future = pool.submit(task, waiting[-1])
                running[future] = waiting.pop()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running[future]
                result = future.result()
                del running[future]
                yield item, result
    except BrokenProcessPool:
        suspects.extend(running.values())
    finally:
        held.close()  # the processes end, whatever they are at
        pool.shutdown(cancel_futures=True)
        watched.close()
    return waiting[::-1]


def _watch(held: Connection) -> None:
    """Have this process end when the one that started it ends, however it does; that one handles interruptions.

    It leaves no half file then, and imports the same modules of one's own.
    """
    for name in ("SIGINT", "SIGHUP"):  # which a terminal sends to both
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    def end(*_: object) -> None:
        remove_unfinished()
        os._exit(1)

    def wait_for_end() -> None:
        with contextlib.suppress(EOFError, OSError):
            held.recv_bytes()
        end()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=wait_for_end, daemon=True).start()
    load_plugins()
