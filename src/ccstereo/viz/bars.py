"""Bars with intervals: the rows of an ablation beside each other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ccstereo.viz.style import CYCLE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Interval = tuple[float, float, float]


def plot_bars(groups: Mapping[str, Mapping[str, Interval | None]], label: str, title: str = "") -> "Figure":
    """Plot a group of bars a row of a table, a bar a system, with its interval.

    Args:
        groups: row -> system -> mean, lower and upper end of its interval; None where there is no score.
        label: of the axis, with its unit.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.

    Raises:
        ValueError: there is nothing to draw.
    """
    systems = list(dict.fromkeys(name for group in groups.values() for name in group))
    if not systems:
        raise ValueError("there are no scores to draw")
    figure = new_figure(min(14.0, 3.0 + 0.28 * len(groups) * (len(systems) + 1)), 4.0, title)
    axes = figure.subplots()
    width = 0.84 / len(systems)
    for place, system in enumerate(systems):
        where, found = zip(*((x, group.get(system)) for x, group in enumerate(groups.values())), strict=True)
        kept = [(x, each) for x, each in zip(where, found, strict=True) if each is not None]
        if not kept:
            continue
        mean, low, high = np.array([each for _, each in kept], dtype=float).T
        x = np.array([x for x, _ in kept]) + (place - (len(systems) - 1) / 2) * width
        axes.bar(
            x,
            mean,
            0.92 * width,
            yerr=np.maximum(0, [mean - low, high - mean]),
            label=system,
            color=CYCLE[place % len(CYCLE)],
            hatch="//" if place >= len(CYCLE) else None,
            error_kw={"elinewidth": 1, "ecolor": "#1b1b1b"},
        )
    axes.set_xticks(range(len(groups)), list(groups))
    tidy(axes, ylabel=label)
    figure.legend(frameon=False, fontsize=8, loc="outside right upper")
    return figure
