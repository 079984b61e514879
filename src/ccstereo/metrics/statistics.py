"""How far a mean over clips can be trusted: bootstrap intervals, and two systems compared clip by clip.

Both draw with a seed and are the same in every run. Undefined scores (NaN) are skipped, and what is returned says of
how many clips it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 5_000
_AT_ONCE = 4_000_000  # drawn numbers held at a time
Statistic = Callable[..., Any]
"""A function of one (..., n) array or several, over the axis `axis`."""


@dataclass(frozen=True)
class Estimate:
    """A statistic over clips, its 95 % bootstrap interval, and the number of clips in which the score is defined."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class PairedComparison:
    """How one system compares with another on the same clips.

    Attributes:
        clips: on which both have a score.
        difference: mean of first minus second.
        low, high: 95 % bootstrap interval of that mean.
        better: fraction of the clips on which the first is better; equal scores are not better.
        p_value: probability of a mean difference at least this large if on each clip either system could as well have
            had the other's score (sign-flip test, two-sided).
    """

    clips: int
    difference: float
    low: float
    high: float
    better: float
    p_value: float


def ratio_of_means(first: NDArray[np.float64], second: NDArray[np.float64], axis: int = -1) -> Any:
    """Mean of one score over the mean of another."""
    return first.mean(axis) / second.mean(axis)


def estimate(
    statistic: Statistic,
    *columns: ArrayLike,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate | None:
    """A statistic with its percentile bootstrap interval over clips (Efron 1979), by `scipy.stats.bootstrap`.

    Args:
        statistic: such as `np.mean`, of all columns; clips are resampled, so columns stay paired.
        columns: each (n,), a value a clip; clips with a NaN in any are skipped.
        resamples: how many are drawn.
        seed: of the draws.

    Returns:
        The estimate; None where no clip is left.

    Raises:
        ValueError: the columns are not of the same clips.

    >>> estimate(np.mean, np.array([1.0, 3.0, np.nan]))
    Estimate(value=2.0, low=1.0, high=3.0, count=2)
    """
    table = [np.asarray(column, dtype=np.float64) for column in columns]
    if any(column.ndim != 1 or column.shape != table[0].shape for column in table):
        raise ValueError(f"expected columns (n,) of the same clips, got {[column.shape for column in table]}")
    known = ~np.isnan(np.stack(table)).any(0)
    table = [column[known] for column in table]
    count = len(table[0])
    if count == 0:
        return None
    value = float(statistic(*table, axis=-1))
    if count == 1:  # of which scipy draws no interval
        return Estimate(value, value, value, 1)
    from scipy.stats import bootstrap

    found = bootstrap(
        table,
        statistic,
        n_resamples=resamples,
        batch=max(1, _AT_ONCE // count),
        vectorized=True,
        paired=True,
        axis=-1,
        confidence_level=0.95,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value, float(found.low), float(found.high), count)


def paired_comparison(
    first: ArrayLike,
    second: ArrayLike,
    *,
    higher_is_better: bool = False,
    seed: int = 0,
) -> PairedComparison:
    """Compare two systems' scores of the same clips: a bootstrap interval and `scipy.stats.permutation_test`.

    Args:
        first, second: (n,) scores of one system and of the other, clip by clip.
        higher_is_better: whether a larger score is the better one.
        seed: of the draws of interval and test; where all 2^n sign flips are fewer than these, each is taken once.

    Returns:
        The comparison; NaN throughout where no clip has both scores.

    Raises:
        ValueError: the scores are not of the same clips.

    >>> paired_comparison([1.0, 2.0, 3.0], [1.5, 2.5, 3.5]).better
    1.0
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"expected two scores (n,) of the same clips, got {one.shape} and {other.shape}")
    gaps = (one - other)[~np.isnan(one - other)]
    found = estimate(np.mean, gaps, seed=seed)
    if found is None:
        return PairedComparison(0, *[float("nan")] * 5)
    better = gaps > 0 if higher_is_better else gaps < 0
    p_value = _sign_flip(gaps, seed)
    return PairedComparison(found.count, found.value, found.low, found.high, float(better.mean()), p_value)


def _sign_flip(gaps: NDArray[np.float64], seed: int) -> float:
    """P-value of the mean of gaps whose signs might as well have been the other ones."""
    if len(gaps) == 1:  # of which scipy flips nothing: both signs lie equally far from 0
        return 1.0
    from scipy.stats import permutation_test

    found = permutation_test(
        (gaps,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _AT_ONCE // len(gaps)),
        rng=np.random.default_rng(seed),
        axis=-1,
    )
    return float(found.pvalue)
