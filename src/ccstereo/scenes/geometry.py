"""The stage's geometry: where in the frame a source stands, and from which direction it sounds.

A frame of any 2:1 size shows 120 degrees from left to right and 60 degrees from top to bottom.
"""

FIELD_OF_VIEW = 120.0


def azimuth_of(x: float) -> float:
    """Azimuth in degrees, positive to the left, of a horizontal position in [0, 1] (0 is the left edge).

    >>> azimuth_of(0.0), azimuth_of(0.5), azimuth_of(1.0)
    (60.0, 0.0, -60.0)
    """
    return (0.5 - x) * FIELD_OF_VIEW


def position_of(azimuth: float) -> float:
    """Horizontal position in [0, 1] of an azimuth in degrees: the inverse of `azimuth_of`.

    >>> position_of(azimuth_of(0.25))
    0.25
    """
    return 0.5 - azimuth / FIELD_OF_VIEW
