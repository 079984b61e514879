"""A scene at a glance: its frames, and the level difference between the ears."""

from typing import TYPE_CHECKING

import numpy as np

from ccstereo.viz.style import NAMED, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 4  # frames


def plot_scene(frames: np.ndarray, curves: dict[str, np.ndarray], duration: float, title: str) -> "Figure":
    """Plot frames of a scene above the level difference of the ears over time (the SPL curve of SAGM).

    Args:
        frames: (N, H, W, 3) uint8.
        curves: name -> (M,) dB, left minus right, evenly spaced over the scene; "true", "predicted" and "mono" have
            colours of their own.
        duration: seconds.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.
    """
    figure = new_figure(10, 4.6, title)
    grid = figure.add_gridspec(2, _SHOWN, height_ratios=[1, 1.6])
    shown = np.linspace(0, len(frames) - 1, _SHOWN).round().astype(int)
    for column, index in enumerate(shown):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(frames[index])
        axes.set_title(f"{index * duration / len(frames):.1f} s", fontsize=9)
        axes.set_axis_off()
    axes = figure.add_subplot(grid[1, :])
    for name, curve in curves.items():
        time = (np.arange(len(curve)) + 0.5) * duration / len(curve)
        axes.plot(time, curve, label=name, color=NAMED.get(name), linewidth=1.6)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    tidy(axes, xlabel="time, s", ylabel="level difference, dB\n(above 0: left louder)", xlim=(0, duration))
    axes.legend(frameon=False, ncols=len(curves), loc="lower right", bbox_to_anchor=(1, 0.98))
    return figure
