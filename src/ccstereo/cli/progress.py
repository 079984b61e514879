"""A progress bar for functions that report how much is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Takes what is done and how much there is; 0 means unknown. A name replaces what stands in front of the bar."""

    def __call__(self, done: float, total: float, name: str | None = None) -> None:
        """Show it."""


@contextmanager
def progress_bar(unit: str, name: str | None = None, *, quiet: bool = False) -> Iterator[Progress]:
    """Show a bar where there is a terminal, and take it away at the end.

    Args:
        unit: of what is counted; bytes, "B", are shown as kB, MB and so on.
        name: what stands in front of the bar.
        quiet: show none.

    Yields:
        What moves it.
    """
    from tqdm import tqdm

    hidden = True if quiet else None
    rate = "{rate_noinv_fmt}"  # a slow one is not turned into seconds a second, which reads as a fast one
    layout = f"{{l_bar}}{{bar}}| {{n_fmt}}/{{total_fmt}} [{{elapsed}}<{{remaining}}, {rate}]"
    with tqdm(unit=unit, desc=name, disable=hidden, leave=False, unit_scale=unit == "B", bar_format=layout) as bar:

        def progress(done: float, total: float, name: str | None = None) -> None:
            bar.total = round(total, 1) or None
            if name is not None:
                bar.set_description(name, refresh=False)
            bar.update(round(done, 1) - bar.n)

        yield progress
