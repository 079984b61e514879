"""Figures from arrays: the only place that knows matplotlib (`pip install 'ccstereo[viz]'`)."""

from ccstereo.viz.calibration import plot_calibration
from ccstereo.viz.curves import plot_over_time, plot_sweep, plot_training
from ccstereo.viz.intervals import plot_intervals
from ccstereo.viz.maps import colours, normalise, overlay, plot_maps
from ccstereo.viz.scene import plot_scene
from ccstereo.viz.scores import plot_scores
from ccstereo.viz.spectrograms import plot_levels, plot_spectrograms
from ccstereo.viz.style import save_figure

__all__ = [
    "colours",
    "normalise",
    "overlay",
    "plot_calibration",
    "plot_intervals",
    "plot_levels",
    "plot_maps",
    "plot_over_time",
    "plot_scene",
    "plot_scores",
    "plot_spectrograms",
    "plot_sweep",
    "plot_training",
    "save_figure",
]
