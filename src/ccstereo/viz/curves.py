"""Curves: cues and azimuth over time, training curves, sweeps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ccstereo.viz.style import CYCLE, colour_of, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Values = NDArray[np.float64] | NDArray[np.float32]


def plot_over_time(panels: Mapping[str, Mapping[str, Values]], duration: float, title: str) -> "Figure":
    """Plot curves evenly spaced over a time, a panel a quantity.

    Args:
        panels: what stands at the axis, with its unit -> name of the curve -> (M,) values; NaN leaves a gap.
        duration: seconds.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.
    """
    figure = new_figure(9, 0.9 + 1.75 * len(panels), title)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (label, curves) in zip(grid, panels.items(), strict=True):
        axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
        for place, (name, curve) in enumerate(curves.items()):
            time = (np.arange(len(curve)) + 0.5) * duration / len(curve)
            axes.plot(time, curve, label=name, color=colour_of(name, place), linewidth=1.5)
        tidy(axes, ylabel=label, xlim=(0, duration))
        axes.yaxis.label.set_fontsize(8)
    tidy(grid[-1], xlabel="time, s")
    grid[0].legend(frameon=False, ncols=4, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1))
    return figure


def plot_training(runs: Mapping[str, Mapping[str, tuple[Values, Values]]], title: str = "") -> "Figure":
    """Plot what trainings have logged, a panel a quantity, a line a run.

    Args:
        runs: name of the run -> name of the quantity -> (M,) steps and (M,) values.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.

    Raises:
        ValueError: nothing was logged.
    """
    names = sorted({name for curves in runs.values() for name in curves})
    if not names:
        raise ValueError("nothing was logged")
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(3.6 * columns, 0.6 + 2.3 * rows, title)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for axes, name in zip(grid.flat, names, strict=False):
        for place, (run, curves) in enumerate(runs.items()):
            if name in curves:
                axes.plot(*curves[name], label=run, color=CYCLE[place % len(CYCLE)], linewidth=1.3)
        tidy(axes, xlabel="step")
        axes.set_title(name, fontsize=9, loc="left")
    if len(runs) > 1:
        lines = {line.get_label(): line for axes in grid.flat for line in axes.lines}
        figure.legend(lines.values(), lines.keys(), frameon=False, fontsize=8, ncols=4, loc="outside lower left")
    return figure


def plot_sweep(
    values: Sequence[str], scores: Mapping[str, Sequence[tuple[float, float, float]]], label: str, title: str = ""
) -> "Figure":
    """Plot scores over the values of an option, a panel a score (CCStereo, figures 6 and 8).

    Args:
        values: of the option, in the order of the axis; they stand evenly spaced, as values of a sweep often grow by
            factors.
        scores: score with its unit -> a value's mean and the ends of its interval.
        label: name of the option.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.
    """
    columns = min(3, len(scores))
    rows = -(-len(scores) // columns)
    figure = new_figure(3.6 * columns, 0.6 + 2.5 * rows, title)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(scores) :]:
        axes.set_axis_off()
    places = np.arange(len(values))
    for axes, (name, found) in zip(grid.flat, scores.items(), strict=False):
        mean, low, high = np.array(found, dtype=float).T
        axes.fill_between(places, low, high, color=CYCLE[0], alpha=0.18, linewidth=0)
        axes.plot(places, mean, color=CYCLE[0], marker="o", markersize=4, linewidth=1.5)
        axes.set_xticks(places, values)
        tidy(axes, xlabel=label)
        axes.set_title(name, fontsize=9, loc="left")
    return figure
