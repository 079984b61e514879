"""The one look of all figures: colours that people with any colour vision can tell apart, thin axes, units."""

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Figure

# Okabe and Ito, Color universal design (2008), and black.
BLACK, ORANGE, BLUE, GREEN, YELLOW, DEEP_BLUE, VERMILION, PURPLE, GREY = (
    *("#1b1b1b", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#8d99ae"),
)
CYCLE = (DEEP_BLUE, VERMILION, GREEN, ORANGE, PURPLE, BLUE, YELLOW, GREY)
"""Colours of lines, in turn."""
NAMED = {"truth": BLACK, "true": BLACK, "prediction": VERMILION, "predicted": VERMILION, "mono": GREY, "oracle": GREEN}
"""What has one colour in every figure."""
OTHERS = (DEEP_BLUE, BLUE, PURPLE, ORANGE)
"""Colours of what stands beside those."""
MAP, SIGNED = "viridis", "PuOr"
"""Colour maps of values from 0 on, and of values of both signs."""


def new_figure(width: float, height: float, title: str = "") -> "Figure":
    """An empty figure of inches, not registered with pyplot."""
    from matplotlib.figure import Figure as Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def colour_of(name: str, place: int) -> str:
    """Colour of a line by its name, else by its place, unlike any that a name has."""
    return NAMED.get(name, OTHERS[place % len(OTHERS)])


def tidy(axes: "Axes", **settings: Any) -> None:
    """Take away the box, set labels and limits."""
    axes.set(**settings)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def save_figure(figure: "Figure", path: "str | Path | IO[bytes]", dpi: int = 120) -> None:
    """Write a figure as the file its suffix names, .png, .svg or .pdf, or to an open file as PNG.

    The same figure gives the same file.
    """
    import matplotlib

    kind = Path(path).suffix.lower() if isinstance(path, str | Path) else ".png"
    metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(kind, {})
    with matplotlib.rc_context({"svg.hashsalt": "ccstereo"}):
        figure.savefig(path, dpi=dpi, metadata=metadata)
