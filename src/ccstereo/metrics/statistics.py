"""How far a mean over clips can be trusted: bootstrap intervals, and two systems compared clip by clip.

Both draw with a seed and are the same in every run. Undefined scores (NaN) are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000
_AT_ONCE = 4_000_000  # drawn numbers held at a time


@dataclass(frozen=True)
class PairedComparison:
    """How one system compares with another on the same clips.

    Attributes:
        clips: on which both have a score.
        difference: mean of first minus second.
        low, high: 95 % bootstrap interval of that mean.
        better: share of the clips on which the first is better; equal scores are not better.
        p_value: probability of a mean difference at least this large if on each clip either system could as well have
            had the other's score (sign-flip test, two-sided).
    """

    clips: int
    difference: float
    low: float
    high: float
    better: float
    p_value: float


def bootstrap_interval(
    values: ArrayLike, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile bootstrap interval of the mean over clips (Efron 1979).

    Args:
        values: (n, ...) a row a clip; all columns see the same resampled clips.
        level: share of the resampled means inside.
        resamples: how many means are drawn.
        seed: of the draws.

    Returns:
        Lower and upper end, each (...); NaN where no value is known.

    Raises:
        ValueError: there is no clip.

    >>> low, high = bootstrap_interval(np.arange(100.0))
    >>> bool(low < 49.5 < high), round(float(high - low))
    (True, 11)
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim == 0 or len(table) == 0:
        raise ValueError(f"expected values of at least one clip, got shape {table.shape}")
    flat = table.reshape(len(table), -1)
    known = ~np.isnan(flat)
    filled = np.where(known, flat, 0.0)
    means = []
    with np.errstate(invalid="ignore"):  # a resample without a known value has no mean
        for counts in _resampled(len(flat), resamples, seed):
            means.append((counts @ filled) / (counts @ known))
    drawn = np.concatenate(means)
    ends = np.full((2, flat.shape[1]), np.nan)
    some = known.any(0)
    if some.any():
        ends[:, some] = np.nanquantile(drawn[:, some], [(1 - level) / 2, (1 + level) / 2], axis=0)
    low, high = ends.reshape(2, *table.shape[1:])
    return low, high


def paired_comparison(
    first: ArrayLike,
    second: ArrayLike,
    *,
    higher_is_better: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compare two systems' scores of the same clips.

    Args:
        first: (n,) scores of one system.
        second: (n,) of the other, clip by clip.
        higher_is_better: whether a larger score is the better one.
        resamples: of the interval and of the test; where all 2^n sign flips are fewer, each is taken once.
        seed: of the draws.

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
    if len(gaps) == 0:
        return PairedComparison(0, *[float("nan")] * 5)
    low, high = bootstrap_interval(gaps, resamples=resamples, seed=seed)
    better = gaps > 0 if higher_is_better else gaps < 0
    return PairedComparison(
        clips=len(gaps),
        difference=float(gaps.mean()),
        low=float(low),
        high=float(high),
        better=float(better.mean()),
        p_value=_sign_flip(gaps, resamples, seed),
    )


def _resampled(clips: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each clip is drawn: (some, clips) until there are `resamples` rows."""
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // clips)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(clips, size=(rows, clips)) + clips * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * clips).reshape(rows, clips).astype(np.float64)


def _sign_flip(gaps: NDArray[np.float64], resamples: int, seed: int) -> float:
    """Share of the sign flips whose mean is as far from 0 as the observed one, which counts as one of them."""
    observed = abs(gaps.sum()) * (1 - 1e-9)  # flips that give the same sum but for rounding count
    if len(gaps) < np.log2(resamples):
        signs = 1 - 2 * (np.arange(2 ** len(gaps))[:, None] >> np.arange(len(gaps)) & 1)
        return float(np.mean(np.abs(signs @ gaps) >= observed))
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // len(gaps))
    extreme = 0
    for start in range(0, resamples, step):
        signs = 1 - 2 * rng.integers(2, size=(min(step, resamples - start), len(gaps)))
        extreme += int(np.sum(np.abs(signs @ gaps) >= observed))
    return (extreme + 1) / (resamples + 1)
