"""What a figure holds is what it was given."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from ccstereo.viz import plot_scene, save_figure


def test_a_scene_at_a_glance(tmp_path: Path) -> None:
    frames = np.zeros((20, 24, 48, 3), np.uint8)
    frames[..., 0] = np.arange(20)[:, None, None] * 10
    curves = {"true": np.linspace(-5, 5, 40), "predicted": np.linspace(-4, 4, 40)}
    figure = plot_scene(frames, curves, 2.0, "a bell")
    assert figure.get_suptitle() == "a bell"
    shown = [axes.images[0].get_array()[0, 0, 0] for axes in figure.axes if axes.images]
    assert shown == [0, 60, 130, 190]
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    for name, curve in curves.items():
        np.testing.assert_array_equal(lines[name].get_ydata(), curve)
        assert lines[name].get_xdata()[[0, -1]].tolist() == pytest.approx([0.025, 1.975])
    save_figure(figure, tmp_path / "scene.png")
    with Image.open(tmp_path / "scene.png") as image:
        assert image.size == (1200, 552)
