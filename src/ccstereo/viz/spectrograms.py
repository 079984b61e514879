"""Spectrograms: real and imaginary part of truth, prediction and squared error (CCStereo, figures 5 and 10)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ccstereo.viz.style import MAP, SIGNED, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Spectrogram = NDArray[np.float32]
FLOOR = -80.0  # dB below the loudest, at which a level figure is dark


def plot_spectrograms(truth: Spectrogram, predicted: Spectrogram, sample_rate: int, hop: int, title: str) -> "Figure":
    """Plot both parts of a true and a predicted spectrogram, and their squared error.

    Values are square roots with their sign, so that quiet bins show; the scale is that of the truth.

    Args:
        truth, predicted: (2, F, T) real and imaginary part.
        sample_rate: Hz.
        hop: samples between two frames of the transform.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.

    Raises:
        ValueError: the shapes differ or are others.
    """
    if truth.shape != predicted.shape or truth.ndim != 3 or len(truth) != 2:
        raise ValueError(f"expected two spectrograms (2, F, T), got {truth.shape} and {predicted.shape}")
    figure = new_figure(10.5, 8.0, title)  # so tall that every bin has a row of pixels
    grid = figure.subplots(2, 3, sharex=True, sharey=True)
    extent = _extent(truth.shape[1:], sample_rate, hop)
    error = np.square(predicted - truth)
    largest = float(np.sqrt(np.abs(truth).max())) or 1.0
    worst = float(error.max()) or 1.0
    look: dict[str, Any] = {"origin": "lower", "aspect": "auto", "extent": extent}
    for row, part in enumerate(("real part", "imaginary part")):
        for column, (name, values) in enumerate((("truth", truth), ("prediction", predicted))):
            signed = np.sign(values[row]) * np.sqrt(np.abs(values[row]))
            image = grid[row, column].imshow(signed, cmap=SIGNED, vmin=-largest, vmax=largest, **look)
            grid[row, column].set_title(f"{name}, {part}", fontsize=9, loc="left")
        wrong = grid[row, 2].imshow(np.sqrt(error[row]), cmap=MAP, vmin=0, vmax=np.sqrt(worst), **look)
        grid[row, 2].set_title(f"squared error, {part}", fontsize=9, loc="left")
        tidy(grid[row, 0], ylabel="frequency, kHz")
    for axes in grid[1]:
        tidy(axes, xlabel="time, s")
    _colour_bar(figure, image, grid[:, 1], "value (spacing of its square root)", square=True)
    _colour_bar(figure, wrong, grid[:, 2], "squared error (spacing of its square root)", square=True)
    return figure


def plot_levels(spectra: dict[str, Spectrogram], sample_rate: int, hop: int, title: str) -> "Figure":
    """Plot magnitudes in dB below the loudest of all, side by side.

    Args:
        spectra: name -> (2, F, T) real and imaginary part.
        sample_rate: Hz.
        hop: samples between two frames of the transform.
        title: of the figure.

    Returns:
        The figure; not shown, not registered with pyplot.
    """
    figure = new_figure(1 + 3.4 * len(spectra), 3.2, title)
    grid = figure.subplots(1, len(spectra), sharey=True, squeeze=False)[0]
    levels = {name: level(spec) for name, spec in spectra.items()}
    top = max(float(found.max()) for found in levels.values())
    for axes, (name, found) in zip(grid, levels.items(), strict=True):
        image = axes.imshow(
            found - top,
            origin="lower",
            aspect="auto",
            extent=_extent(found.shape, sample_rate, hop),
            cmap=MAP,
            vmin=FLOOR,
            vmax=0,
        )
        axes.set_title(name, fontsize=9, loc="left")
        tidy(axes, xlabel="time, s")
    tidy(grid[0], ylabel="frequency, kHz")
    _colour_bar(figure, image, grid, "dB below the loudest")
    return figure


def level(spec: Spectrogram) -> NDArray[np.float32]:
    """Magnitude in dB of (2, F, T), at least -200."""
    found: NDArray[np.float32] = 10 * np.log10(np.square(spec).sum(0) + 1e-20)
    return found


def _extent(shape: tuple[int, ...], sample_rate: int, hop: int) -> tuple[float, float, float, float]:
    """Seconds and kHz of an image (F, T): column k stands at time k * hop."""
    half = hop / sample_rate / 2
    return -half, shape[1] * hop / sample_rate - half, 0.0, sample_rate / 2000


def _colour_bar(figure: "Figure", image: Any, axes: Any, label: str, *, square: bool = False) -> None:
    bar = figure.colorbar(image, ax=list(axes), shrink=0.8)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    if square:
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{np.sign(value) * value**2:.3g}")
