"""Options of a conversion that are out of range are refused, in Python as on the command line."""

import pytest

from ccstereo.conversion import ConversionOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({"gain": gain}, "the gain must be from -60 to 60 dB") for gain in (float("nan"), float("inf"), 800, -61)),
        *(({"true_peak": peak}, "the true peak must be") for peak in (float("nan"), 0.1, -41)),
        *(({"start": start}, "the start must be 0 s or more") for start in (float("nan"), float("inf"), -1)),
        *(({"duration": length}, "the duration must be more") for length in (float("nan"), float("inf"), 0, -1)),
        *(({"audio_track": track}, "an audio track is a number from 1 on") for track in (0, -1, True, "")),
        ({"mixdown": "sum"}, "the mixdown must be one of auto, mean, left, right, louder"),
        ({"preview": True, "start": 3.0}, "a preview chooses its part itself"),
        ({"preview": True, "duration": 3.0}, "a preview chooses its part itself"),
    ],
)
def test_values_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        ConversionOptions(**options)
