"""A progress bar for functions that report how much is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    unit: str, name: str | None = None, *, quiet: bool = False
) -> Iterator[Callable[[float, float], None]]:
    """Show a bar where there is a terminal, and take it away at the end.

    Args:
        unit: of what is counted; bytes, "B", are shown as kB, MB and so on.
        name: what stands in front of the bar.
        quiet: show none.

    Yields:
        A function that takes what is done and how much there is; 0 means unknown.
    """
    from tqdm import tqdm

    hidden = True if quiet else None
    with tqdm(unit=unit, desc=name, disable=hidden, leave=False, unit_scale=unit == "B") as bar:

        def progress(done: float, total: float) -> None:
            bar.total = round(total, 1) or None
            bar.update(round(done, 1) - bar.n)

        yield progress
