"""SIGTERM and SIGHUP end a command as Ctrl-C does: what is half written goes, and the status says which it was."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ccstereo.files import remove_unfinished

GRACE = 30.0  # seconds in which a command must have ended
_NAMES = ("SIGTERM", "SIGHUP")  # Windows has no second one


class Signals:
    """What has asked this process to end.

    Attributes:
        received: number of the first such signal; SIGINT, which is Ctrl-C's, where none of ours came.
    """

    def __init__(self) -> None:
        self.received: int = signal.SIGINT
        self._stopping = False
        self._last_resort: threading.Timer | None = None

    @property
    def status(self) -> int:
        """Exit status, as a shell reports a process that a signal has ended."""
        return 128 + self.received

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal as Ctrl-C, once: a terminal that closes may send it again while files are being removed.

        Raises:
            KeyboardInterrupt: unless Ctrl-C, or this signal, is handled otherwise, as by a training, which ends a step.
        """
        if self._stopping or signal.getsignal(number) != self.stop:
            return
        self._stopping, self.received = True, number
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler) and handler is not signal.default_int_handler:
            handler(signal.SIGINT, frame)
            return
        # Code that runs no matter what may swallow what is raised.
        self._last_resort = threading.Timer(GRACE, self._end)
        self._last_resort.daemon = True
        self._last_resort.start()
        raise KeyboardInterrupt  # also where Ctrl-C is ignored, as by a script's background job

    def forget(self) -> None:
        """Have nothing more come of what was received."""
        if self._last_resort is not None:
            self._last_resort.cancel()

    def _end(self) -> None:
        remove_unfinished()
        os._exit(self.status)


@contextmanager
def raised_signals() -> Iterator[Signals]:
    """Have SIGTERM and SIGHUP do what Ctrl-C does; those that are ignored, as under nohup, stay so."""
    signals = Signals()
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    before = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number, handler in before.items() if handler is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, signals.stop)
    try:
        yield signals
    finally:
        signals.forget()
        for number in ours:
            signal.signal(number, before[number])
