"""Figures from arrays: the only place that knows matplotlib (`pip install 'ccstereo[viz]'`)."""

from ccstereo.viz.scene import plot_scene, save_figure
from ccstereo.viz.scores import plot_scores

__all__ = ["plot_scene", "plot_scores", "save_figure"]
