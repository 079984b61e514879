from pathlib import Path

import av
import numpy as np
import pytest

from ccstereo.media.remix import Remix, channel_names, mono_weights

FILE = Path("sound.wav")


def frame(values, layout, fmt="flt"):
    data = np.array(values)[:, None].repeat(4, axis=1)
    if not fmt.endswith("p"):
        data = data.T.reshape(1, -1)
    return av.AudioFrame.from_ndarray(np.ascontiguousarray(data), fmt, layout)


def test_stereo_is_the_mean():
    assert Remix(FILE)(frame(np.float32([0.25, 0.75]), "stereo")).tolist() == [0.5] * 4


def test_mono_stays():
    assert Remix(FILE)(frame(np.float32([0.3]), "mono")).tolist() == [np.float32(0.3)] * 4


@pytest.mark.parametrize(
    "layout", ["5.1", "7.1", "quad", "2.1", "5.1(side)", "7.1(wide)", "6.1", "22.2", "3.0", "5.1.4"]
)
def test_full_scale_everywhere_is_full_scale(layout):
    channels = av.AudioLayout(layout).nb_channels
    assert Remix(FILE)(frame(np.ones(channels, np.float32), layout)) == pytest.approx(1.0)
    assert mono_weights(channel_names(av.AudioLayout(layout))).min() >= 0


def test_surround_after_bs775():
    weights = dict(
        zip(channel_names(av.AudioLayout("5.1")), mono_weights(channel_names(av.AudioLayout("5.1"))), strict=True)
    )
    assert weights["LFE"] == 0
    assert weights["FC"] / weights["FL"] == pytest.approx(2**0.5)
    assert weights["BL"] / weights["FL"] == pytest.approx(0.5**0.5)
    assert weights["FL"] == weights["FR"]


def test_unknown_places():
    assert mono_weights(("NONE",) * 3) == pytest.approx([1 / 3] * 3)
    assert mono_weights(("NONE",) * 6)[3] == 0  # six channels are 5.1


def test_ambisonics_gives_its_omnidirectional_channel():
    assert mono_weights(("AMBI0", "AMBI1", "AMBI2", "AMBI3")).tolist() == [1, 0, 0, 0]


def test_low_frequency_alone_is_not_lost():
    assert mono_weights(("LFE",)).tolist() == [1]


@pytest.mark.parametrize(
    ("fmt", "dtype", "half"),
    [("u8", np.uint8, 192), ("s16", np.int16, 16384), ("s32p", np.int32, 2**30), ("dbl", float, 0.5)],
)
def test_every_sample_format(fmt, dtype, half):
    mono = Remix(FILE)(frame(np.array([half, half], dtype), "stereo", fmt))
    assert mono.dtype == np.float32
    assert mono.tolist() == [0.5] * 4
