"""Intervals and paired tests against scipy's, and against what they must do."""

import numpy as np
import pytest
import scipy.stats

from ccstereo.metrics.statistics import bootstrap_interval, paired_comparison


class TestInterval:
    def test_against_scipy(self):
        values = np.random.default_rng(1).gamma(2.0, size=80)
        low, high = bootstrap_interval(values)
        found = scipy.stats.bootstrap((values,), np.mean, method="percentile", rng=2).confidence_interval
        assert low == pytest.approx(found.low, abs=0.02)
        assert high == pytest.approx(found.high, abs=0.02)

    def test_holds_the_true_mean_as_often_as_it_says(self):
        rng = np.random.default_rng(3)
        held = []
        for seed in range(200):
            low, high = bootstrap_interval(rng.normal(5.0, 2.0, size=100), resamples=400, seed=seed)
            held.append(low <= 5 <= high)
        assert 0.89 <= np.mean(held) <= 0.99

    def test_contains_the_mean_and_shrinks_with_more_clips(self):
        values = np.random.default_rng(0).normal(size=1600)
        widths = []
        for count in (25, 100, 400, 1600):
            low, high = bootstrap_interval(values[:count], resamples=2000)
            assert low < values[:count].mean() < high
            widths.append(high - low)
        ratios = np.array(widths[:-1]) / widths[1:]
        assert np.all((ratios > 1.5) & (ratios < 2.6))  # four times the clips halve it

    def test_is_the_same_in_every_run_and_for_every_column(self):
        values = np.random.default_rng(0).normal(size=(30, 2))
        low, high = bootstrap_interval(values)
        again = bootstrap_interval(values)
        assert np.array_equal(low, again[0])
        assert np.array_equal(high, again[1])
        np.testing.assert_allclose([low[1], high[1]], bootstrap_interval(values[:, 1]), rtol=1e-12)
        assert not np.array_equal(low, bootstrap_interval(values, seed=1)[0])

    def test_undefined_values_are_left_out(self):
        values = np.array([1.0, np.nan, 3.0, 2.0, np.nan])
        low, high = bootstrap_interval(np.stack([values, np.full(5, np.nan)], axis=1))
        assert 1 <= low[0] < 2 < high[0] <= 3
        assert np.isnan([low[1], high[1]]).all()

    def test_one_clip_has_no_width(self):
        assert bootstrap_interval([0.7]) == (0.7, 0.7)

    def test_no_clip(self):
        with pytest.raises(ValueError, match="at least one clip"):
            bootstrap_interval([])


class TestComparison:
    def test_with_itself(self):
        values = np.random.default_rng(0).normal(size=50)
        found = paired_comparison(values, values)
        assert (found.clips, found.difference, found.low, found.high, found.better) == (50, 0, 0, 0, 0)
        assert found.p_value == 1

    @pytest.mark.parametrize("clips", [6, 12, 40])
    def test_p_value_is_scipys(self, clips):
        rng = np.random.default_rng(clips)
        first, second = rng.normal(0.3, 1, clips), rng.normal(0, 1, clips)
        found = paired_comparison(first, second).p_value
        expected = scipy.stats.permutation_test(
            (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=10_000, rng=0
        ).pvalue
        assert found == pytest.approx(expected, abs=1e-9 if clips < 13 else 0.02)

    def test_which_way_is_better(self):
        first, second = np.array([1.0, 2.0, 5.0, 4.0]), np.array([2.0, 3.0, 4.0, 4.0])
        lower, higher = (paired_comparison(first, second, higher_is_better=higher) for higher in (False, True))
        assert (lower.better, higher.better) == (0.5, 0.25)  # equal scores are not better
        assert lower.difference == higher.difference == -0.25

    def test_pairs_tell_what_unpaired_intervals_cannot(self):
        hard = np.random.default_rng(0).normal(0, 10, size=60)
        first, second = hard, hard + 0.1 + np.random.default_rng(1).normal(0, 0.1, size=60)
        found = paired_comparison(first, second)
        assert found.low < found.difference < found.high < 0
        assert found.p_value < 0.001
        assert bootstrap_interval(first)[1] > bootstrap_interval(second)[0]

    def test_only_clips_that_both_have(self):
        found = paired_comparison([1.0, np.nan, 3.0], [2.0, 2.0, np.nan])
        assert (found.clips, found.difference) == (1, -1.0)
        nothing = paired_comparison([np.nan], [1.0])
        assert nothing.clips == 0
        assert np.isnan([nothing.difference, nothing.p_value]).all()

    def test_other_clips(self):
        with pytest.raises(ValueError, match="same clips"):
            paired_comparison([1.0], [1.0, 2.0])
