"""The sheet shows what it was given, where it was given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from ccstereo.viz import SheetCell, plot_contact_sheet


def test_a_triangle_for_every_source() -> None:
    frames = [np.full((24, 48, 3), level, np.uint8) for level in (10, 120, 240)]
    cells = [
        SheetCell("one", frames[0], (("dog", (30.0,), True),)),
        SheetCell("two", frames[1], (("dog", (-45.0,), True), ("car", (10.0, 20.0, 60.0), False))),
        SheetCell("three", frames[2], ()),
    ]
    figure = plot_contact_sheet(cells, "all of it", columns=2)
    assert figure.get_suptitle() == "all of it"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "two", "three"]
    for axes, frame in zip(figure.axes, frames, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), frame)
        assert axes.images[0].get_extent()[:2] == [60, -60]  # the left of the picture is the left of the head
        assert axes.get_xlim() == (60, -60)
    marks = [[line.get_xdata()[0] for line in axes.lines if line.get_marker() == "^"] for axes in figure.axes]
    assert marks == [[30.0], [-45.0, 20.0], []]
    one, two = figure.axes[0].lines[0], figure.axes[1].lines[0]
    assert one.get_color() == two.get_color()
    assert [text.get_text() for text in figure.axes[1].texts] == ["dog", "car, silent"]
    with pytest.raises(ValueError, match="at least one"):
        plot_contact_sheet([])
