"""Running a function over many items, whatever runs it."""

import os
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
ENGINES = ("processes", "ray")


def map_items(
    task: Callable[..., Result],
    items: Sequence[Item],
    jobs: int | None = None,
    engine: str = "processes",
    *,
    isolate: bool = False,
    gpu: bool = False,
    progress: Callable[[Item, Any], None] | None = None,
) -> Generator[tuple[Item, Result | None], None, None]:
    """Yield every item with its result, in the order in which they are done.

    A process that dies, as in a crash of a decoder or out of memory, takes nothing with it: its item is tried once
    more after all others, and another process takes its place. An exception of the task is raised here.

    Args:
        task: called with an item; a function that can be pickled. Each process gets it once.
        items: what to call it with.
        jobs: how many at once; None for one a core, on Ray of the cluster.
        engine: what runs them: "processes" of this machine, or "ray": see `ccstereo.jobs.ray_tasks`.
        isolate: work in other processes where jobs is 1, too; else 1 works in this one.
        gpu: each item needs a GPU of its own; Ray alone has to know.
        progress: called with an item and what the task says of it meanwhile: the task is then called with a function
            as a second argument, for anything that can be pickled. On Ray nothing is passed on.

    Yields:
        The item and its result, None where the process that worked on it died twice.

    Raises:
        ValueError: there is no such engine.
        UsageError: a script starts processes without `if __name__ == "__main__":` around what it does.
        CCStereoError: Ray is not installed or cannot be reached.
    """
    if engine not in ENGINES:
        raise ValueError(f"no engine {engine!r}; there are {', '.join(ENGINES)}")
    if not items:
        return
    if engine == "ray":
        from ccstereo.jobs.ray_tasks import map_on_ray

        yield from map_on_ray(task, items, jobs, gpu=gpu, talks=progress is not None)
        return
    jobs = cores() if jobs is None else jobs
    if jobs == 1 and not isolate:
        for item in items:
            yield item, task(item) if progress is None else task(item, partial(progress, item))
        return
    from ccstereo.jobs.processes import map_in_processes

    yield from map_in_processes(task, items, jobs, progress)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
