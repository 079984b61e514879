"""Scores of clips, system beside system: what a mean hides."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ccstereo.viz.style import CYCLE, NAMED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (NAMED["mono"], NAMED["prediction"], NAMED["oracle"], *CYCLE)  # as runs have them, then any


def plot_scores(
    panels: Mapping[str, Mapping[str, np.ndarray]],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
    title: str = "",
) -> "Figure":
    """Draw a panel a score: a point a clip, a line of points a system, and the mean.

    Args:
        panels: title -> system -> (clips,) scores, NaN where undefined. All panels have the same systems, in one order.
        intervals: title -> system -> lower and upper end of the interval of the mean, drawn as a bar.
        title: of the figure. Panels in which some clips have no score say how many have one.

    Returns:
        The figure; not shown, not registered with pyplot.

    Raises:
        ValueError: there is no panel.
    """
    if not panels:
        raise ValueError("there are no scores to draw")
    columns = min(4, len(panels))
    systems = list(next(iter(panels.values())))
    rows = -(-len(panels) // columns)
    height = 0.8 + 0.35 * len(systems)
    figure = new_figure(2.9 * columns + 1, height * rows + 0.3)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    scatter = np.random.default_rng(0)  # of the points across their line, the same in every figure
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    for axes, (panel, scores) in zip(grid.flat, panels.items(), strict=False):
        known = {int((~np.isnan(np.asarray(scores[system], dtype=float))).sum()) for system in systems}
        whole = len(scores[systems[0]])
        counts = "" if known == {whole} else f", {' or '.join(map(str, sorted(known)))} of {whole}"
        for line, system in enumerate(systems):
            values = np.asarray(scores[system], dtype=float)
            values = values[~np.isnan(values)]
            colour = COLOURS[line % len(COLOURS)]
            across = line + scatter.uniform(-0.28, 0.28, len(values))
            axes.scatter(values, across, s=9, color=colour, alpha=min(0.6, 8 / max(len(values), 1) ** 0.5), lw=0)
            if len(values):
                low, high = (intervals or {}).get(panel, {}).get(system, (values.mean(), values.mean()))
                axes.plot([low, high], [line, line], color="#1b1b1b", linewidth=2.5, solid_capstyle="butt")
                axes.plot(values.mean(), line, marker="D", color="white", markeredgecolor="#1b1b1b", markersize=5)
        axes.set_title(f"{panel}{counts}", fontsize=10, loc="left")
        axes.set_yticks(range(len(systems)), systems)
        axes.set_ylim(len(systems) - 0.5, -0.5)
        axes.tick_params(labelsize=8, left=False)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    return figure
