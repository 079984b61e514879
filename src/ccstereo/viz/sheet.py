"""Many clips at a glance: one frame of each over a ruler of azimuths, with what sounds from where."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#d1495b", "#00798c", "#edae49", "#66a182", "#8d5a97", "#2e4057", "#f4845f", "#577590")
SILENT = "0.55"


@dataclass(frozen=True)
class SheetCell:
    """A clip on the sheet.

    Attributes:
        title: above the frame.
        frame: (H, W, 3) uint8, of the middle of the clip.
        sources: label, azimuths in degrees along the clip (one for what stands still), and whether it sounds.
    """

    title: str
    frame: np.ndarray
    sources: tuple[tuple[str, tuple[float, ...], bool], ...]


def plot_contact_sheet(
    cells: Sequence[SheetCell], title: str = "", columns: int = 4, field_of_view: float = 120.0
) -> "Figure":
    """Draw a grid of clips.

    Under each frame a triangle points at every source's azimuth at that moment; a bar shows the way of one that
    moves. Each class has a colour of its own; grey sources are silent.

    Args:
        cells: in reading order.
        title: of the sheet.
        columns: of the grid.
        field_of_view: degrees from the left edge of the frames to the right.

    Returns:
        The figure; not shown, not registered with pyplot.

    Raises:
        ValueError: there are no cells.
    """
    from matplotlib.figure import Figure

    if not cells:
        raise ValueError("a contact sheet needs at least one cell")
    columns = min(columns, len(cells))
    rows = ceil(len(cells) / columns)
    figure = Figure(figsize=(3.2 * columns, 2.2 * rows + 0.3), layout="compressed")
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    labels = sorted({label for cell in cells for label, _, _ in cell.sources})
    colours = {label: PALETTE[number % len(PALETTE)] for number, label in enumerate(labels)}
    for number, cell in enumerate(cells):
        _draw_cell(figure.add_subplot(rows, columns, number + 1), cell, colours, field_of_view)
    return figure


def _draw_cell(axes: "Axes", cell: SheetCell, colours: dict[str, str], field_of_view: float) -> None:
    from matplotlib.transforms import blended_transform_factory

    edge = field_of_view / 2
    height = field_of_view * cell.frame.shape[0] / cell.frame.shape[1]
    axes.imshow(cell.frame, extent=(edge, -edge, 0, height), aspect="equal", interpolation="antialiased")
    axes.set_title(cell.title, fontsize=8, loc="left", pad=3)
    axes.set_xlim(edge, -edge)
    axes.set_yticks([])
    axes.set_xticks(np.arange(-edge, edge + 1, edge / 4), minor=True)
    axes.set_xticks(np.arange(-edge, edge + 1, edge / 2))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0f}°" if value else "0°")
    axes.tick_params(labelsize=7, length=2, pad=16, colors="0.45")
    for side in axes.spines.values():
        side.set_visible(False)
    below = blended_transform_factory(axes.transData, axes.transAxes)
    for label, azimuths, sounds in cell.sources:
        style: dict[str, Any] = {"color": colours[label] if sounds else SILENT, "transform": below, "clip_on": False}
        if len(azimuths) > 1:
            axes.plot(azimuths, [-0.03] * len(azimuths), linewidth=2, **style)
        azimuth = float(np.interp(0.5, np.linspace(0, 1, len(azimuths)), azimuths))
        axes.plot([azimuth], [-0.045], marker="^", markersize=6, **style)
        words = label if sounds else f"{label}, silent"
        where = max(-0.88 * edge, min(0.88 * edge, azimuth))
        axes.text(where, -0.08, words, fontsize=8, ha="center", va="top", **style)
