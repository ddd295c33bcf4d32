"""Bootstrap-t over problems: means and ratios with intervals, and the resampling that other statistics share.

Method: the studentised bootstrap (Efron & Tibshirani 1993, ch. 12.5), problems drawn with replacement, RESAMPLES times
from a fixed seed, so that the same data always give the same interval. Each resample has a standard error of its own,
by the delta method. Means of what is never negative are studentised on the log, and so are ratios.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from math import fsum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
# A smooth function of means [columns, ...]: its value [...] and its gradient [columns, ...].
Smooth = Callable[[Floats], tuple[Floats, Floats]]

# Simulated coverage of the nominal 95 % of a mean count at 30 and 100 problems (`make coverage`): lognormal of spread
# 0.6 .96/.95, 1.0 .94/.94, 1.3 .92/.93. The percentile interval covers .91/.93, .87/.93 and .85/.88.
LEVEL: Final = 0.95
NORMAL: Final = 1.959964  # the normal distribution's 97.5% point
RESAMPLES: Final = 10_000
SEED: Final = 20260325  # another one would move the last digit of every interval shown so far
TOO_ALIKE: Final = "Too few values differ from one another for an interval."
_CHUNK_CELLS: Final = 2_000_000
_CACHED_PROBLEMS: Final = 600  # 10,000 draws of them take 48 MB
FEWEST: Final = 4  # problems that differ, below which no resampling shows how far others would
_TINY: Final = 1e-12  # of the terms that a variance is summed of: what is smaller is rounding


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval [low, high] over `n` problems; where there is none, `why` gives the reason."""

    value: float
    low: float | None
    high: float | None
    n: int
    why: str = ""


def mean_estimate(values: ArrayLike) -> Estimate | None:
    """The mean of one value per problem with its interval; None for no values.

    Raises ValueError for values that aren't one-dimensional and finite.
    """
    return column_estimates(as_vector(values)[:, None])[0]


def column_estimates(values: ArrayLike) -> list[Estimate | None]:
    """One Estimate a column of `values` [problems, columns]."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError("Values must be finite numbers, one row a problem.")
    if not len(table):
        return [None] * table.shape[1]
    means = _means(table)
    # Skewed counts are nearly symmetric on the log, and their interval can't reach below zero there.
    positive = (table >= 0).all(axis=0) & (means > 0)
    ends = np.full((2, len(means)), np.nan)
    ends[:, positive] = _from_log(_ends(table[None, :, positive], log_mean), means[positive])
    ends[:, ~positive] = _ends(table[None, :, ~positive], _mean)
    return [*_estimates(means, ends, len(table))]


def ratio_estimates(values: Floats, baseline: Floats) -> list[Estimate | None]:
    """mean(column) / mean(baseline) for each column of `values` [problems, columns], problems resampled as wholes.

    `baseline` is [problems], or [problems, columns] where each column has its own. None without problems or where a
    baseline's mean isn't positive.
    """
    problems, columns = values.shape
    below = baseline if baseline.ndim > 1 else baseline[:, None]
    if problems == 0 or below.mean(axis=0).min() <= 0:
        return [None] * columns
    ratios = _means(values) / _means(below)
    ends, some = np.full((2, columns), np.nan), ratios > 0
    both = [values[:, some], np.broadcast_to(below, values.shape)[:, some]]
    ends[:, some] = _from_log(_ends(np.stack(both), log_ratio), ratios[some])
    return [*_estimates(ratios, ends, problems)]


def smooth_estimates(table: Floats, function: Smooth) -> list[Estimate]:
    """A smooth function of each figure's means, with its interval; `table` is [columns, problems, figures]."""
    columns, problems, figures = table.shape
    value, _ = function(_means(np.concatenate([*table], axis=1)).reshape(columns, figures))
    return _estimates(value, _ends(table, function), problems)


def _mean(means: Floats) -> tuple[Floats, Floats]:
    return means[0], np.ones_like(means)


def log_mean(means: Floats) -> tuple[Floats, Floats]:
    """The log of a mean."""
    return np.log(means[0]), 1 / means


def log_ratio(means: Floats) -> tuple[Floats, Floats]:
    """The log of a mean over another."""
    return np.log(means[0] / means[1]), np.stack([1 / means[0], -1 / means[1]])


def _from_log(ends: Floats, values: Floats) -> Floats:
    # A thousandfold of the value or a thousandth says nothing; a handful of very different problems leads there.
    near = np.abs(ends - np.log(values)).max(axis=0) < np.log(1000)
    return np.exp(np.where(near, ends, np.nan))


def _estimates(values: Floats, ends: Floats, n: int) -> list[Estimate]:
    # An interval without width would claim certainty where nothing is known of how problems differ.
    return [
        Estimate(float(value), float(low), float(high), n)
        if low < high
        else Estimate(float(value), None, None, n, TOO_ALIKE)
        for value, low, high in zip(values, *ends, strict=True)
    ]


def _ends(table: Floats, function: Smooth) -> Floats:
    """The ends [2, figures] of the interval of a function of each figure's means, on its own scale; NaN where unknown.

    `table` is [columns, problems, figures].
    """
    columns, problems, figures = table.shape
    # Of three problems every ninth resample holds one alone, which has no spread.
    if problems < FEWEST or not figures:
        return np.full((2, figures), np.nan)
    # Every figure in an order of its own: its interval depends neither on that in which problems arrive, for workers
    # finish in any order, nor on what else is asked for with it.
    order = np.stack([np.lexsort(table[::-1, :, figure]) for figure in range(figures)], axis=1)
    table = np.take_along_axis(table, order[None], axis=1)
    centre = _means(np.concatenate([*table], axis=1)).reshape(columns, figures)
    deviations = table - centre[:, None]
    pairs = list(combinations_with_replacement(range(columns), 2))
    products = np.stack([deviations[one] * deviations[other] for one, other in pairs])
    # Covariances of a resample come from its means of products: one multiplication gives both.
    table = np.concatenate([*deviations, *products], axis=1)
    drawn = multiplied(_draws, table) / problems
    drawn = drawn.reshape(len(drawn), -1, figures).swapaxes(0, 1)
    shift, squares = drawn[:columns], drawn[columns:]
    with np.errstate(divide="ignore", invalid="ignore"):
        value, gradient = function(centre)
        variance, size = _variance(gradient, _means(table).reshape(-1, figures)[columns:], pairs)
        values, gradients = function(centre[:, None] + shift)
        covariances = [squares[at] - shift[one] * shift[other] for at, (one, other) in enumerate(pairs)]
        variances, _ = _variance(gradients, covariances, pairs)
        # A resample without spread is infinitely many of its errors away from the value.
        t = (values - value) / np.sqrt(np.where(variances > _TINY * size, variances, 0.0))
        lower, upper = _tails(t)
        # Resamples hold nothing beyond the sample's own values: Student's quantile over the normal's makes up for it.
        error = np.sqrt(variance * problems / (problems - 1)) * student(problems - 1) / NORMAL
        ends = np.stack([value - upper * error, value - lower * error])
    # Half of an interval would be taken for a whole one.
    return np.where(np.isfinite(ends).all(axis=0) & (variance > _TINY * size), ends, np.nan)


def _variance(
    gradient: Floats, covariances: Sequence[Floats] | Floats, pairs: Sequence[tuple[int, int]]
) -> tuple[Floats, Floats]:
    """The delta method's variance, and the size of the terms it is the sum of."""
    terms = [
        covariance * gradient[one] * gradient[other] * (1 + (one != other))
        for covariance, (one, other) in zip(covariances, pairs, strict=True)
    ]
    return sum(terms, np.zeros(())), sum(map(np.abs, terms), np.zeros(()))


def _tails(t: Floats) -> tuple[Floats, Floats]:
    """The 2.5% and 97.5% points of each column."""
    place = int((1 - LEVEL) / 2 * (len(t) + 1) + 1e-9) - 1
    lost = np.isnan(t)  # which way it lies is unknown: it counts at either end
    ordered = np.sort(np.where(lost, -np.inf, t), axis=0)
    last = np.sort(np.where(lost, np.inf, t), axis=0) if lost.any() else ordered
    return ordered[place], last[len(t) - 1 - place]


def student(freedom: int) -> float:
    """Student's 97.5% point, by the expansion of Fisher and Cornish (1960): right to 1 % from 3 degrees on."""
    z, f = NORMAL, freedom
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / f + second / f**2 + third / f**3


def resampled_means(table: Floats) -> Floats:
    """Means [RESAMPLES, columns] of `table` [problems, columns] under resampling of its rows.

    Memory stays near 6 million cells whatever the number of problems.
    """
    problems = len(table)
    # Sorted, so that the interval doesn't depend on the order in which problems arrive: workers finish in any order.
    rows = table[np.lexsort(table.T[::-1])]
    centre = _means(table)
    # Centred while they are summed: a constant column has an interval without width, not one of rounding errors.
    deviations = rows - centre
    return multiplied(_draws, deviations) / problems + centre


def multiplied(make: Callable[[int], Iterator[Floats]], table: Floats) -> Floats:
    """The matrix that `make` gives in chunks of rows for a number of problems, times `table` [problems, columns]."""
    problems = len(table)
    chunks = (_kept(make, problems),) if problems <= _CACHED_PROBLEMS else make(problems)
    return np.concatenate([chunk @ table for chunk in chunks])


@lru_cache(maxsize=6)
def _kept(make: Callable[[int], Iterator[Floats]], problems: int) -> Floats:
    # Runs mostly hold the same few numbers of problems, and drawing takes longer than multiplying.
    made = list(make(problems))
    return np.concatenate(made)


def _draws(problems: int) -> Iterator[Floats]:
    """How often each row is drawn, [resamples, problems], in chunks that make RESAMPLES together."""
    generator = np.random.default_rng(SEED)
    chunk = max(1, _CHUNK_CELLS // problems)
    for start in range(0, RESAMPLES, chunk):
        size = min(chunk, RESAMPLES - start)
        drawn = generator.integers(0, problems, (size, problems), dtype=np.int32)
        # One bincount over all resamples: each one's problems are shifted to a range of their own.
        flat = (drawn + np.arange(size, dtype=np.int32)[:, None] * problems).ravel()
        yield np.bincount(flat, minlength=size * problems).reshape(size, problems).astype(np.float64)


def _means(table: Floats) -> Floats:
    """Column means from exactly rounded sums: the same to the last bit whatever the order of rows."""
    return np.array([fsum(column) / len(table) for column in table.T.tolist()])


def sorted_interval(resampled: Floats, alpha: float) -> tuple[Floats, Floats]:
    """The two-sided 1 - alpha percentile interval of each column of `resampled`, which is sorted.

    With B resamples the bounds are the k-th smallest and k-th largest, k = floor(alpha/2 * (B + 1)). Infinite when
    alpha is too small for B.
    """
    count = len(resampled)
    # B + 1, and no interpolation as numpy.quantile has it: zero then lies outside exactly when `two_sided_p` is at most
    # alpha, so that a chart's interval and a table's p-value never contradict each other. The tiny term keeps
    # 0.05 / 2 * 10,001 and the like on the right side of an integer.
    place = int(np.floor(alpha / 2 * (count + 1) + 1e-9)) - 1
    if place < 0:
        infinite = np.full(resampled.shape[1:], np.inf)
        return -infinite, infinite
    return resampled[place], resampled[count - 1 - place]


def as_vector(values: ArrayLike) -> Floats:
    """`values` as a vector of floats. Raises ValueError if they aren't one-dimensional and finite."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ValueError("Values must be finite numbers, one a problem.")
    return vector
