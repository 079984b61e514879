"""Intervals and paired tests against what they must do, and against draws made by hand."""

import numpy as np
import pytest
import scipy.stats

from ccstereo.metrics.statistics import estimate, paired_comparison, ratio_of_means


class TestInterval:
    def test_are_the_quantiles_of_resampled_means(self):
        values = np.random.default_rng(1).gamma(2.0, size=80)
        found = estimate(np.mean, values, resamples=2_000, seed=3)
        drawn = np.random.default_rng(3).integers(80, size=(2_000, 80))
        low, high = np.quantile(values[drawn].mean(-1), [0.025, 0.975])
        assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high), rel=1e-12)
        assert found.count == 80

    def test_draws_do_not_depend_on_how_many_are_held(self, monkeypatch):
        values = np.random.default_rng(1).gamma(2.0, size=37)
        whole = estimate(np.mean, values, resamples=500)
        monkeypatch.setattr("ccstereo.metrics.statistics._AT_ONCE", 1000)
        assert estimate(np.mean, values, resamples=500) == whole

    def test_holds_the_true_mean_as_often_as_it_says(self):
        rng = np.random.default_rng(3)
        held = []
        for seed in range(200):
            found = estimate(np.mean, rng.normal(5.0, 2.0, size=100), resamples=400, seed=seed)
            held.append(found.low <= 5 <= found.high)
        assert 0.89 <= np.mean(held) <= 0.99

    def test_contains_the_mean_and_shrinks_with_more_clips(self):
        values = np.random.default_rng(0).normal(size=1600)
        widths = []
        for count in (25, 100, 400, 1600):
            found = estimate(np.mean, values[:count], resamples=2000)
            assert found.low < values[:count].mean() < found.high
            widths.append(found.high - found.low)
        ratios = np.array(widths[:-1]) / widths[1:]
        assert np.all((ratios > 1.5) & (ratios < 2.6))  # four times the clips halve it

    def test_is_the_same_in_every_run(self):
        values = np.random.default_rng(0).normal(size=30)
        assert estimate(np.mean, values) == estimate(np.mean, values)
        assert estimate(np.mean, values) != estimate(np.mean, values, seed=1)

    def test_of_a_ratio_resamples_pairs(self):
        mono = np.random.default_rng(1).uniform(0.1, 10, 50)
        found = estimate(ratio_of_means, 0.3 * mono, mono)
        assert (found.value, found.low, found.high) == pytest.approx((0.3, 0.3, 0.3))

    def test_undefined_values_are_left_out_and_counted(self):
        found = estimate(np.mean, np.array([1.0, np.nan, 3.0, 2.0, np.nan]))
        assert 1 <= found.low < 2 < found.high <= 3
        assert found.count == 3
        assert estimate(np.mean, np.full(5, np.nan)) is None
        assert estimate(np.mean, np.array([])) is None

    def test_one_clip_has_no_width(self):
        found = estimate(np.mean, [0.7])
        assert (found.value, found.low, found.high, found.count) == (0.7, 0.7, 0.7, 1)

    def test_other_clips(self):
        with pytest.raises(ValueError, match="same clips"):
            estimate(ratio_of_means, [1.0], [1.0, 2.0])


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
            (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=5_000, rng=1
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
        assert estimate(np.mean, first).high > estimate(np.mean, second).low

    def test_only_clips_that_both_have(self):
        found = paired_comparison([1.0, np.nan, 3.0], [2.0, 2.0, np.nan])
        assert (found.clips, found.difference) == (1, -1.0)
        nothing = paired_comparison([np.nan], [1.0])
        assert nothing.clips == 0
        assert np.isnan([nothing.difference, nothing.p_value]).all()

    def test_other_clips(self):
        with pytest.raises(ValueError, match="same clips"):
            paired_comparison([1.0], [1.0, 2.0])
