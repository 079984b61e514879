"""The calibration of predictions: how wide they are against how wide the truth is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ccstereo.viz.style import colour_of, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_calibration(curves: Mapping[str, Mapping[str, np.ndarray]], title: str = "") -> "Figure":
    """Plot the true side-to-mid ratio over the predicted one.

    Args:
        curves: name of the system -> "predicted", "true" and "agreed" -> (bins,) side-to-mid ratios; what is agreed,
            along the prediction, is a line, all of the true one a thin line of the same colour.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.

    Raises:
        ValueError: there is no curve.
    """
    if not curves:
        raise ValueError("there is no calibration to draw")
    figure = new_figure(4.6, 4.2, title)
    axes = figure.subplots()
    most = max(float(np.max(values)) for curve in curves.values() for values in curve.values())
    axes.plot([0, most], [0, most], color="0.8", linewidth=1, zorder=0)
    axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    for place, (name, curve) in enumerate(curves.items()):
        colour = colour_of(name, place)
        axes.plot(curve["predicted"], curve["agreed"], "o-", color=colour, markersize=4, label=f"{name}: agreed")
        axes.plot(curve["predicted"], curve["true"], color=colour, linewidth=0.8, label=f"{name}: all of it")
    tidy(axes, xlabel="side-to-mid ratio, predicted", ylabel="side-to-mid ratio, true")
    axes.legend(frameon=False, fontsize=8)
    return figure
