"""Figures from arrays: the only place that knows matplotlib (`pip install 'ccstereo[viz]'`)."""

from ccstereo.viz.scene import plot_scene, save_figure

__all__ = ["plot_scene", "save_figure"]
