"""Tasks for processes of which some die, where those can import them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import raw_sets
from ccstereo.datasets.prepared.build import Source
from ccstereo.datasets.prepared.format import Clip


@dataclass(frozen=True)
class Noted:
    """Writes a line into a file for every call; dies at some items, at others only the first time."""

    log: Path
    always: int = -1
    once: int = -1

    def __call__(self, item: int) -> int:
        before = self.log.read_text().split() if self.log.exists() else []
        with self.log.open("a") as file:
            file.write(f"{item}\n")
        if item == self.always or (item == self.once and str(item) not in before):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return item * item


@dataclass(frozen=True)
class Dying:
    """Reads sources of noise for a prepared set; dies at the third the first time."""

    tried: Path

    def __call__(self, source: Source) -> Iterator[Clip]:
        if source.key == "c" and not self.tried.exists():
            self.tried.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return raw_sets.noise_clips(source)


def speaking(item: int, say: Callable[[object], None]) -> int:
    for part in range(item):
        say(part)
    return item


def process_number(_item: int) -> int:
    return os.getpid()
