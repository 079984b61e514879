"""How much of a training goes by while it waits for data."""

import time
from collections.abc import Callable


class WaitingClock:
    """Tells the time between steps from the time in them.

    Args:
        now: seconds since any moment.

    >>> moments = iter([0.0, 1.0, 4.0, 4.0, 9.0])
    >>> clock = WaitingClock(lambda: next(moments))
    >>> clock.wait(); clock.work(); clock.wait(); clock.work(); clock.wait()
    >>> clock.share  # one second and none of nine
    0.1111111111111111
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.now = now
        self.waited = self.worked = 0.0
        self.since: float | None = None
        self.working = False

    def wait(self) -> None:
        """A batch is asked for. Called again, it forgets what was neither work nor waiting: a validation, say."""
        now = self.now()
        if self.working and self.since is not None:
            self.worked += now - self.since
        self.since, self.working = now, False

    def work(self) -> None:
        """The batch is there."""
        now = self.now()
        if not self.working and self.since is not None:
            self.waited += now - self.since
        self.since, self.working = now, True

    @property
    def share(self) -> float:
        """Waiting, of waiting and work, from 0 to 1."""
        return self.waited / max(self.waited + self.worked, 1e-12)
