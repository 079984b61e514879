"""One job at a time: a queue that says each job its place, how far it is, and stops it when asked."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"


class Cancelled(Exception):
    """Raised inside a job that is to stop."""


@dataclass
class Job:
    """A piece of work, and how far it is.

    Attributes:
        work: called with the job in the worker's thread; what it returns becomes `result`.
        state: "waiting", "running", "done", "failed" or "cancelled".
        stage: what is being done, for people.
        done, total: seconds of sound, of this stage; a total of 0 is not known.
        result: of the work.
        error: why it failed, one line.
    """

    work: Callable[["Job"], Any]
    state: str = WAITING
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    result: Any = None
    error: str = ""
    _began: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def enter(self, stage: str, total: float = 0.0) -> None:
        """Begin a stage.

        Raises:
            Cancelled: the job is to stop.
        """
        self.check()
        self.stage, self.done, self.total, self._began = stage, 0.0, total, time.monotonic()

    def report(self, done: float, total: float) -> None:
        """Say how far the stage is.

        Raises:
            Cancelled: the job is to stop.
        """
        self.check()
        self.done, self.total = done, total

    def check(self) -> None:
        """Stop here if the job is to stop.

        Raises:
            Cancelled: it is.
        """
        if self._stop.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """Ask the job to stop: at once while it waits, at its next report while it runs."""
        self._stop.set()

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._over.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; whether it has come."""
        return self._over.wait(seconds)

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the rest of this stage; None while there is nothing to estimate it from."""
        elapsed = time.monotonic() - self._began
        if not self.total or self.done <= 0 or elapsed < 0.5:
            return None
        return max(0.0, elapsed * (self.total - self.done) / self.done)


class JobQueue:
    """Runs jobs one after the other in a thread.

    Args:
        explain: turns an exception of a job into the line that people read.
    """

    def __init__(self, explain: Callable[[Exception], str]) -> None:
        self._explain = explain
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._jobs: list[Job] = []  # that wait or run, in their order
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="ccstereo-app-jobs", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Job], Any]) -> Job:
        """Put a job at the end of the queue."""
        job = Job(work)
        with self._lock:
            self._jobs.append(job)
        self._waiting.put(job)
        return job

    def position(self, job: Job) -> int:
        """How many jobs come before this one; 0 when it runs or is over."""
        with self._lock:
            alive = [other for other in self._jobs if not other._stop.is_set() or other is job]
        return alive.index(job) if job in alive else 0

    def close(self) -> None:
        """Stop what runs, drop what waits, and end the thread."""
        with self._lock:
            for job in self._jobs:
                job.cancel()
        self._waiting.put(None)
        self._thread.join(timeout=30)

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            try:
                job.check()
                job.state = RUNNING
                job.result = job.work(job)
                job.state = DONE
            except Cancelled:
                job.state = CANCELLED
            except Exception as error:
                job.state, job.error = FAILED, self._explain(error)
            finally:
                with self._lock:
                    self._jobs.remove(job)
                job._over.set()
