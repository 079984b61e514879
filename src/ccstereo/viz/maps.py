"""Maps over a frame: what a network looks at, as colours over it (CCStereo, figure 7)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ccstereo.viz.style import MAP, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {"relevance": "AVAD's relevance", "attention": "the fusion's attention"}


def normalise(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring each map (..., h, w) to 0 to 1, its least value to 0 and its largest to 1; a flat one to 0.

    >>> normalise(np.array([[1.0, 3.0]], dtype=np.float32)).tolist()
    [[0.0, 1.0]]
    """
    low = values.min((-2, -1), keepdims=True)
    span = values.max((-2, -1), keepdims=True) - low
    return np.asarray((values - low) / np.where(span > 0, span, 1), dtype=np.float32)


def colours(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values 0 to 1 as colours (..., 3) of the map that all figures have."""
    import matplotlib

    found: NDArray[np.uint8] = matplotlib.colormaps[MAP](values, bytes=True)[..., :3]
    return found


def overlay(frame: NDArray[np.uint8], values: NDArray[np.float32], strength: float = 0.55) -> NDArray[np.uint8]:
    """Put a map (h, w), normalised by itself, over a frame (H, W, 3) as colours of that strength, 0 to 1."""
    from PIL import Image

    height, width = frame.shape[:2]
    plane = Image.fromarray((255 * normalise(values)).astype(np.uint8))
    smooth = np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC)) / 255
    mixed: NDArray[np.float64] = (1 - strength) * frame + strength * colours(smooth)
    return mixed.round().astype(np.uint8)


def plot_maps(
    frames: NDArray[np.uint8], maps: dict[str, NDArray[np.float32]], times: NDArray[np.float64], title: str
) -> "Figure":
    """Plot frames, and below each the maps over it.

    Args:
        frames: (N, H, W, 3).
        maps: name -> (N, h, w), normalised one by one.
        times: (N,) seconds of the frames.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.

    Raises:
        ValueError: there is no map.
    """
    if not maps:
        raise ValueError("this model has no maps over the frame")
    count = len(frames)
    height, width = frames.shape[1:3]
    tall = 1.3 if width > height else 2.6  # inches of a frame
    figure = new_figure(1.2 + tall * width / height * count, 0.5 + (tall + 0.15) * (1 + len(maps)), title)
    grid = figure.subplots(1 + len(maps), count, squeeze=False)
    for column in range(count):
        grid[0, column].imshow(frames[column])
        grid[0, column].set_title(f"{times[column]:.1f} s", fontsize=9)
        for row, values in enumerate(maps.values(), start=1):
            image = grid[row, column].imshow(overlay(frames[column], values[column]), cmap=MAP, vmin=0, vmax=1)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
    grid[0, 0].set_ylabel("frame", fontsize=9)
    for row, name in enumerate(maps, start=1):
        grid[row, 0].set_ylabel(TITLES.get(name, name), fontsize=9)
    bar = figure.colorbar(image, ax=list(grid.flat), shrink=0.6, ticks=[0, 1])
    bar.ax.set_yticklabels(["least", "most"], fontsize=8)
    return figure
