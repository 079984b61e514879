"""Running a function over many items on a Ray cluster, of which any worker or machine may go.

`ray.init` finds the cluster: RAY_ADDRESS names it, else one that runs on this machine is taken, else one is started
here and ended afterwards. Every machine has ccstereo installed, and finds the files under the same names.
"""

import logging
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ccstereo.errors import CCStereoError
from ccstereo.plugins import VARIABLE, load_plugins

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_on_ray(
    task: Callable[..., Result], items: Sequence[Item], jobs: int | None, *, gpu: bool = False, talks: bool = False
) -> Iterator[tuple[Item, Result | None]]:
    """Work on several items at once, each on one core of the cluster; see `map_items`.

    Args:
        task, items, jobs, gpu: as there.
        talks: give the task a second argument, to which it may say what it likes: nobody is there.
    """
    with _cluster() as ray:
        jobs = jobs or max(1, int(ray.cluster_resources().get("CPU", 1)))
        call = ray.remote(num_cpus=1, num_gpus=int(gpu), max_retries=0)(_call)
        # As bytes, so that a worker can import one's own modules before it reads what is made of them.
        shared = ray.put(pickle.dumps((task, talks)))
        plugins = os.environ.get(VARIABLE, "")
        waiting, tried = deque(enumerate(items)), set()
        running: dict[Any, tuple[int, Item]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    number, item = waiting.popleft()
                    running[call.remote(shared, pickle.dumps(item), plugins, str(Path.cwd()))] = number, item
                (done,), _ = ray.wait(list(running), num_returns=1)
                number, item = running.pop(done)
                try:
                    result = ray.get(done)
                except ray.exceptions.RayTaskError as error:  # the task's own
                    raise error.cause from error
                except ray.exceptions.RayError:  # a process or a machine is gone
                    if number in tried:
                        yield item, None
                    else:
                        tried.add(number)
                        waiting.append((number, item))  # once more, after all others
                else:
                    yield item, result
        finally:
            for left in running:
                ray.cancel(left, force=True)


@contextmanager
def _cluster() -> Iterator[ModuleType]:
    """Join the cluster, unless this process has; leave it again.

    Raises:
        CCStereoError: Ray is not installed, or the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that we start reports to nobody
    try:
        import ray
    except ImportError as error:
        raise CCStereoError("the engine ray is not installed: pip install 'ccstereo[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray's own would end the process without our cleaning up
    except (ConnectionError, RuntimeError, ValueError) as error:
        address = os.environ.get("RAY_ADDRESS")
        reason = " ".join(str(error).split())
        where = f"the Ray cluster at RAY_ADDRESS={address} cannot be reached" if address else "Ray cannot be started"
        raise CCStereoError(f"{where}: {reason}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _call(content: bytes, item: bytes, plugins: str, folder: str) -> Any:
    """Work on one item, in a worker's process; `folder` is the driver's."""
    if Path(folder).is_dir():
        os.chdir(folder)
    load_plugins(filter(None, plugins.split(",")))
    task, talks = pickle.loads(content)
    extra = (_ignore,) if talks else ()
    return task(pickle.loads(item), *extra)


def _ignore(_value: Any) -> None:
    pass
