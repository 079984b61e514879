"""Each figure shows the numbers that it was given."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from ccstereo.viz import (
    normalise,
    overlay,
    plot_intervals,
    plot_levels,
    plot_maps,
    plot_over_time,
    plot_spectrograms,
    plot_sweep,
    plot_training,
    save_figure,
)


def images(figure):
    return [axes.images[0] for axes in figure.axes if axes.images]


def test_spectrograms_and_their_squared_error() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.standard_normal((2, 2, 33, 20)).astype(np.float32)
    shown = images(plot_spectrograms(truth, predicted, 16_000, 160, "x"))
    for row in range(2):
        true, found, error = (np.asarray(image.get_array()) for image in shown[3 * row : 3 * row + 3])
        np.testing.assert_allclose(true * np.abs(true), truth[row], rtol=1e-5)
        np.testing.assert_allclose(found * np.abs(found), predicted[row], rtol=1e-5)
        np.testing.assert_allclose(error**2, (truth[row] - predicted[row]) ** 2, rtol=1e-5)
    left, right, low, high = shown[0].get_extent()
    assert (left, right, low, high) == pytest.approx((-0.005, 0.195, 0, 8))
    assert shown[0].get_clim() == shown[1].get_clim()
    with pytest.raises(ValueError, match="two spectrograms"):
        plot_spectrograms(truth, predicted[:, :5], 16_000, 160, "x")


def test_levels_are_below_the_loudest() -> None:
    loud, soft = np.full((2, 2, 3, 4), 1.0, np.float32)
    soft = soft / 10
    one, other = images(plot_levels({"loud": loud, "soft": soft}, 16_000, 160, "x"))
    assert np.allclose(one.get_array(), 0, atol=1e-4)
    assert np.allclose(other.get_array(), -20, atol=1e-4)


def test_an_overlay_is_brightest_where_the_map_is_largest() -> None:
    frame = np.full((20, 40, 3), 100, np.uint8)
    values = np.zeros((2, 4), np.float32)
    values[1, 3] = 7
    found = overlay(frame, values, strength=1.0)
    assert found.shape == frame.shape
    assert found[18, 38, 0] > 200  # viridis ends in yellow
    assert found[1, 1].tolist() == pytest.approx([68, 1, 84], abs=3)  # and begins in dark violet
    assert (overlay(frame, values, strength=0.0) == 100).all()


def test_maps_are_normalised_one_by_one() -> None:
    values = np.array([[[1, 2], [3, 5]], [[4, 4], [4, 4]]], np.float32)
    assert normalise(values).tolist() == [[[0, 0.25], [0.5, 1]], [[0, 0], [0, 0]]]
    frames = np.zeros((2, 8, 16, 3), np.uint8)
    figure = plot_maps(frames, {"relevance": values, "attention": values}, np.array([0.5, 1.5]), "x")
    assert [axes.get_title() for axes in figure.axes[:2]] == ["0.5 s", "1.5 s"]
    assert [figure.axes[place].get_ylabel() for place in (0, 2, 4)] == [
        "frame",
        "AVAD's relevance",
        "the fusion's attention",
    ]
    with pytest.raises(ValueError, match="no maps"):
        plot_maps(frames, {}, np.array([0.5, 1.5]), "x")


def test_curves_over_time() -> None:
    figure = plot_over_time({"ILD, dB": {"truth": np.array([1.0, np.nan, 3.0])}, "ITD, µs": {}}, 3.0, "x")
    line = next(line for line in figure.axes[0].lines if line.get_label() == "truth")
    assert line.get_xdata().tolist() == [0.5, 1.5, 2.5]
    np.testing.assert_array_equal(line.get_ydata(), [1.0, np.nan, 3.0])
    assert figure.axes[-1].get_xlabel() == "time, s"


def test_curves_of_a_panel_have_colours_of_their_own() -> None:
    names = ("truth", "another", "prediction", "mono", "one more")
    figure = plot_over_time({"x, dB": {name: np.arange(3.0) for name in names}}, 1.0, "t")
    lines = [line for line in figure.axes[0].lines if line.get_label() in names]
    assert len({line.get_color() for line in lines}) == len(names)


def test_training_curves() -> None:
    steps = np.array([1.0, 2.0])
    runs = {
        "one": {"train/loss": (steps, steps), "val/snr": (steps, -steps)},
        "two": {"train/loss": (steps, 3 * steps)},
    }
    figure = plot_training(runs)
    drawn = {
        axes.get_title(loc="left"): [line.get_label() for line in axes.lines] for axes in figure.axes if axes.axison
    }
    assert drawn == {"train/loss": ["one", "two"], "val/snr": ["one"]}
    assert figure.axes[0].lines[1].get_ydata().tolist() == [3, 6]
    with pytest.raises(ValueError, match="nothing"):
        plot_training({"one": {}})


def test_means_have_their_intervals() -> None:
    groups = {"one": {"mono": (1.0, 0.9, 1.2), "ours": (0.5, 0.4, 0.6)}, "two": {"mono": (1.0, 1.0, 1.0), "ours": None}}
    figure = plot_intervals(groups, "STFT")
    drawn = [[list(line.get_xdata()) for line in axes.lines] for axes in figure.axes]
    grid = [0, 1]  # of each system's line
    assert drawn == [[grid, [0.9, 1.2], [1.0], grid, [0.4, 0.6], [0.5]], [grid, [1.0, 1.0], [1.0], grid]]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["mono", "ours"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "two"]
    with pytest.raises(ValueError, match="no scores"):
        plot_intervals({}, "STFT")


def test_many_rows_take_several_lines() -> None:
    figure = plot_intervals({str(row): {"ours": (0.5, 0.4, 0.6)} for row in range(7)}, "STFT")
    assert [axes.axison for axes in figure.axes] == [True] * 7 + [False] * 5


def test_a_sweep_has_a_panel_a_score() -> None:
    figure = plot_sweep(["0.1", "1"], {"STFT": [(1, 0.5, 2), (3, 2, 4)], "SNR, dB": [(5, 5, 5), (6, 6, 6)]}, "zeta")
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1, 3]
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["0.1", "1"]
    assert figure.axes[1].get_xlabel() == "zeta"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_figure_is_the_same_file(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        save_figure(plot_over_time({"x, dB": {"truth": np.arange(3.0)}}, 1.0, "t"), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
