"""Figures from arrays: the only place that knows matplotlib (`pip install 'ccstereo[viz]'`)."""

from ccstereo.viz.scene import plot_scene, save_figure
from ccstereo.viz.scores import plot_scores
from ccstereo.viz.sheet import SheetCell, plot_contact_sheet

__all__ = ["SheetCell", "plot_contact_sheet", "plot_scene", "plot_scores", "save_figure"]
