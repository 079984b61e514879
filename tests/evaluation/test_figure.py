import numpy as np
import pytest

pytest.importorskip("matplotlib")

from ccstereo.viz import plot_scores


def test_every_clip_and_the_mean_are_drawn():
    mono, ours = np.array([1.0, 2.0, np.nan, 3.0]), np.array([0.5, 1.0, 1.5, 2.0])
    figure = plot_scores({"STFT": {"mono": mono, "ours": ours}}, {"STFT": {"ours": (0.8, 1.7)}})
    (axes, *rest) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mono", "ours"]
    for points, values in zip(axes.collections, (mono, ours), strict=True):
        np.testing.assert_allclose(points.get_offsets()[:, 0], values[~np.isnan(values)])
    bars, means = axes.lines[::2], axes.lines[1::2]
    assert [list(bar.get_xdata()) for bar in bars] == [[2.0, 2.0], [0.8, 1.7]]
    assert [float(mean.get_xdata()[0]) for mean in means] == [2.0, 1.25]
    assert not any(other.axison for other in rest)


def test_title_and_counts():
    """The figure says what it is of, and a panel how many clips have its score."""
    some, all_of_them = np.array([1.0, np.nan, 2.0]), np.array([1.0, 2.0, 3.0])
    panels = {"louder ear": {"mono": some, "ours": some}, "STFT": {"mono": all_of_them, "ours": all_of_them}}
    figure = plot_scores(panels, title="mine-3: 3 clips of noises, one/test")
    assert figure.get_suptitle() == "mine-3: 3 clips of noises, one/test"
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["louder ear, 2 of 3", "STFT"]


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="no scores"):
        plot_scores({})
    empty = plot_scores({"SNR": {"mono": np.array([np.nan])}})
    assert len(empty.axes[0].lines) == 0
