"""Means with their intervals: the rows of a table beside each other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ccstereo.viz.style import BLACK, BLUE, GREY, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Interval = tuple[float, float, float]
_COLUMNS = 6


def plot_intervals(groups: Mapping[str, Mapping[str, Interval | None]], label: str, title: str = "") -> "Figure":
    """Plot a panel a row of a table: a line a system, with a point at its mean and a bar for its interval.

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
    columns = min(_COLUMNS, len(groups))
    lines = -(-len(groups) // columns)
    names = 0.075 * max(map(len, systems))  # inches that the longest takes
    figure = new_figure(2.0 * columns + names, lines * (0.9 + 0.24 * len(systems)), title)
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(groups) :]:
        axes.set_axis_off()
    for axes, (row, group) in zip(grid.flat, groups.items(), strict=False):
        for line, system in enumerate(systems):
            axes.axhline(line, color=GREY, alpha=0.25, linewidth=0.6, zorder=0)
            found = group.get(system)
            if found is None:
                continue
            mean, low, high = found
            axes.plot([low, high], [line, line], color=BLUE, linewidth=3, solid_capstyle="butt")
            axes.plot(mean, line, marker="o", color=BLACK, markersize=4)
        axes.set_title(row, fontsize=9, loc="left")
        axes.set_yticks(range(len(systems)), systems)
        axes.set_ylim(len(systems) - 0.5, -0.5)
        tidy(axes)
        axes.tick_params(axis="y", left=False)
        axes.spines["left"].set_visible(False)
    figure.supxlabel(label, fontsize=9)
    return figure
