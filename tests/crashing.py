"""Imported by the processes of a batch: files of certain names crash them, as a decoder may, or run out of memory."""

import os
import signal
from typing import Any

from ccstereo.batch import convert

_convert_file, _probe = convert.convert_file, convert.probe


def convert_file(binauralizer: Any, job: Any, *arguments: Any) -> Any:
    if job.input.stem == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    tried = job.output.with_name("tried")
    if job.input.stem == "once" and not tried.exists():
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if job.input.stem == "large":
        raise MemoryError
    return _convert_file(binauralizer, job, *arguments)


def probe(path: Any, **named: Any) -> Any:
    if path.stem == "header":
        os.kill(os.getpid(), signal.SIGSEGV)
    return _probe(path, **named)


convert.convert_file, convert.probe = convert_file, probe
