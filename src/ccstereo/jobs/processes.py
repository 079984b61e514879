"""Running a function over many items in several processes of this machine, of which any may die."""

import contextlib
import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from ccstereo.errors import UsageError
from ccstereo.files import remove_unfinished
from ccstereo.plugins import load_plugins

Item = TypeVar("Item")
Result = TypeVar("Result")
_SECONDS_TO_END = 5.0  # that a process has when its pipe is closed, before it is killed
_GUARD = 'put `if __name__ == "__main__":` around what your script does'


def refuse_without_guard() -> None:
    """Refuse to start processes in one that has only begun, and runs the script that started it.

    Raises:
        UsageError: it does so.
    """
    if getattr(current_process(), "_inheriting", False):
        raise UsageError(f"processes begin by running the script that starts them: {_GUARD}")


class RemoteTraceback(Exception):
    """Where in a worker an exception was raised; the cause of that exception here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def map_in_processes(
    task: Callable[..., Result],
    items: Sequence[Item],
    jobs: int,
    progress: Callable[[Item, Any], None] | None = None,
) -> Iterator[tuple[Item, Result | None]]:
    """Work on several items at once; see `map_items`. Processes end with the generator, whatever they are at."""
    refuse_without_guard()
    with _Pool(task, progress) as pool:
        suspects: list[Item] = []
        yield from pool.work(items, jobs, suspects)
        lost: list[Item] = []
        yield from pool.work(suspects, 1, lost)  # alone, so that memory is all its own
        yield from ((item, None) for item in lost)


class _Pool(Generic[Item, Result]):
    """Processes that know the task."""

    def __init__(self, task: Callable[..., Result], progress: Callable[[Item, Any], None] | None) -> None:
        self._progress = progress
        # As bytes, so that a process can import one's own modules before it reads what is made of them.
        self._task = pickle.dumps((task, progress is not None))
        self._workers: list[_Worker[Item]] = []

    def work(self, items: Sequence[Item], jobs: int, died: list[Item]) -> Iterator[tuple[Item, Result]]:
        """Work on items in so many processes; those whose process dies are added to `died`."""
        waiting = deque(items)
        self._resize(min(jobs, len(items)))
        while True:
            for worker in self._workers:
                if waiting and not worker.busy:
                    worker.give(waiting.popleft())
            busy = {worker.connection: worker for worker in self._workers if worker.busy}
            if not busy:
                return
            for ready in wait(list(busy)):
                worker = busy[cast("Connection", ready)]
                item = worker.item
                try:
                    kind, value = worker.receive()
                except (EOFError, OSError, pickle.UnpicklingError):  # perhaps in the middle of an answer
                    died.append(item)
                    self._workers.remove(worker)
                    if worker.end() == 1 and not worker.began:  # Python's own status; the next one would do the same
                        raise UsageError(f"a process could not begin, for the reason above; {_GUARD}") from None
                    self._resize(min(jobs, len(self._workers) + len(waiting)))
                    continue
                if kind == "began":
                    worker.began = True
                    continue
                if kind == "progress":
                    assert self._progress is not None
                    self._progress(item, value)
                    continue
                worker.busy = False
                if kind == "error":
                    error, text = value
                    raise error from RemoteTraceback(text)
                yield item, value

    def _resize(self, number: int) -> None:
        while len(self._workers) < number:
            self._workers.append(_Worker(self._task))
        while len(self._workers) > number:
            self._workers.pop().end()

    def __enter__(self) -> "_Pool[Item, Result]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.connection.close()  # all at once, so that they end together
        self._resize(0)


class _Worker(Generic[Item]):
    """A process, and the item that it works on while it is busy."""

    item: Item

    def __init__(self, task: bytes) -> None:
        context = get_context("spawn")  # a fork of a process with threads may hang
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,))
        self._process.start()
        theirs.close()
        self._task = task
        self.busy = self.began = False

    def give(self, item: Item) -> None:
        """Have it work on an item."""
        self.item, self.busy = item, True
        content = pickle.dumps(item)
        with contextlib.suppress(OSError):  # it has died, as the next `receive` says
            if self._task:
                self.connection.send_bytes(self._task)
                self._task = b""
            self.connection.send_bytes(content)

    def receive(self) -> tuple[str, Any]:
        """What it says: ("began", None), ("progress", value), ("result", value), ("error", (exception, traceback))."""
        answer: tuple[str, Any] = self.connection.recv()
        return answer

    def end(self) -> int | None:
        """End the process, now, and return its status."""
        self.connection.close()
        self._process.join(_SECONDS_TO_END)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        status = self._process.exitcode
        self._process.close()
        return status


def _serve(connection: Connection) -> None:
    """Work on what comes through the pipe until it is closed: by the driver, or because that one has died.

    The process leaves no half file then.
    """
    for name in ("SIGINT", "SIGHUP"):  # which a terminal sends to all processes; the driver ends the others
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    inbox: SimpleQueue[bytes] = SimpleQueue()

    def end(*_: object) -> None:
        remove_unfinished()
        os._exit(1)

    def receive() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                inbox.put(connection.recv_bytes())
        end()

    def say(value: Any) -> None:
        connection.send(("progress", value))

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=receive, daemon=True).start()
    with contextlib.suppress(OSError):  # the driver has gone, as `receive` finds
        connection.send(("began", None))
    task: Callable[..., Any] | None = None
    while True:
        try:
            if task is None:
                load_plugins()
                task, talks = pickle.loads(inbox.get())
                extra = (say,) if talks else ()
            item = pickle.loads(inbox.get())
            answer: tuple[str, Any] = ("result", task(item, *extra))
        except Exception as error:
            answer = ("error", (_sendable(error), traceback.format_exc()))
        connection.send(answer)


def _sendable(error: Exception) -> Exception:
    """The error, or its text where it does not survive the way."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
