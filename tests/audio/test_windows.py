import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstereo.audio import frame_index, overlap_average, window_count

SIZES = st.integers(1, 60).flatmap(lambda window: st.tuples(st.just(window), st.integers(1, window)))


@given(length=st.integers(1, 2_000), sizes=SIZES)
@settings(deadline=None)
def test_windows_cover_the_signal_and_none_is_spare(length, sizes):
    window, hop = sizes
    count = window_count(length, window, hop)
    assert (count - 1) * hop + window >= length
    assert count == 1 or (count - 2) * hop + window < length


def test_nothing_needs_no_window():
    assert window_count(0, 10, 5) == 0


@pytest.mark.parametrize(("window", "hop"), [(10, 0), (10, 11), (0, 1), (-1, -1), (10, -2)])
def test_windows_that_leave_gaps_are_refused(window, hop):
    with pytest.raises(ValueError, match="0 < hop <= window"):
        window_count(100, window, hop)


@given(
    start=st.integers(0, 10**8), window=st.integers(1_600, 48_000), rate=st.sampled_from([16_000, 44_100]),
    frame_rate=st.sampled_from([10.0, 25.0, 29.97]),
)  # fmt: skip
@settings(deadline=None)
def test_the_frame_is_the_nearest_to_the_middle(start, window, rate, frame_rate):
    centre = (start + window / 2) / rate
    index = frame_index(start, window, rate, frame_rate)
    assert abs(index / frame_rate - centre) <= 0.5 / frame_rate + 1e-6


@given(length=st.integers(1, 300), sizes=SIZES, middle=st.sampled_from([(), (2,), (3, 2)]), seed=st.integers(0, 99))
@settings(deadline=None)
def test_windows_cut_out_of_a_signal_give_it_back(length, sizes, middle, seed):
    window, hop = sizes
    x = torch.randn(*middle, length, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    count = window_count(length, window, hop)
    padded = torch.nn.functional.pad(x, (0, count * hop + window))
    pieces = torch.stack([padded[..., i * hop : i * hop + window] for i in range(count)])
    torch.testing.assert_close(overlap_average(pieces, hop, length), x)


@given(count=st.integers(1, 12), sizes=SIZES, data=st.data())
@settings(deadline=None)
def test_each_sample_is_the_mean_of_the_windows_over_it(count, sizes, data):
    window, hop = sizes
    length = data.draw(st.integers(1, (count - 1) * hop + window))
    pieces = np.random.default_rng(count).standard_normal((count, window))
    expected = [
        np.mean([pieces[i, t - i * hop] for i in range(count) if 0 <= t - i * hop < window]) for t in range(length)
    ]
    np.testing.assert_allclose(overlap_average(torch.from_numpy(pieces), hop, length), expected, atol=1e-12)


def test_keeps_the_type_and_fills_what_no_window_covers_with_silence():
    out = overlap_average(torch.ones(2, 2, 4), hop=2, length=9)
    assert out.dtype == torch.float32
    assert out.tolist() == [[1.0] * 6 + [0.0] * 3] * 2
