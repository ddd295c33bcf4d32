"""Paired comparison of two runs: differences, ratios, McNemar's test, and many words at once with Holm's correction.

Values come aligned: entry i of both sides belongs to problem i. Differences are always `values - baseline`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from backend.measure.bootstrap import (
    LEVEL,
    Estimate,
    Floats,
    as_vector,
    mean_estimate,
    ratio_estimates,
    resampled_means,
    sorted_interval,
    two_sided_p,
)


@dataclass(frozen=True, slots=True)
class Flips:
    """Problems by their verdicts in the first run and in the second; `p` is McNemar's, two-sided and exact."""

    both_right: int
    both_wrong: int
    right_to_wrong: int
    wrong_to_right: int
    p: float

    @property
    def problems(self) -> int:
        """How many problems were compared."""
        return self.both_right + self.both_wrong + self.right_to_wrong + self.wrong_to_right


@dataclass(frozen=True, slots=True)
class AdjustedDifference:
    """One of several mean differences. `p_holm` is adjusted for all of them; with `n` < 2 only `value` is known.

    [low, high] excludes zero exactly when p_holm <= 1 - level.
    """

    # Of sparse counts these p-values are too small: simulated without any effect, one of 10 words over 30 problems came
    # out significant in 12 of 100 cases instead of 5.

    value: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    n: int


def mean_difference(values: ArrayLike, baseline: ArrayLike) -> Estimate | None:
    """The mean over problems of values - baseline, with a bootstrap interval over problems; None without problems.

    Both are [problems], in the same unit. Raises ValueError where they differ in length.
    """
    second, first = _aligned(values, baseline)
    return mean_estimate(second - first)


def mean_ratio(values: ArrayLike, baseline: ArrayLike, level: float = LEVEL) -> Estimate | None:
    """mean(values) / mean(baseline), with a bootstrap interval that resamples problems as pairs.

    None without problems or where the baseline's mean isn't positive. No interval with a single problem, or
    where a resample's baseline is zero (then the ratio has no finite spread). Raises ValueError as mean_difference.
    """
    second, first = _aligned(values, baseline)
    return ratio_estimates(second[:, None], first, level)[0]


def density_difference(
    counts: ArrayLike, units: ArrayLike, baseline_counts: ArrayLike, baseline_units: ArrayLike, per: float = 1000.0
) -> Estimate | None:
    """Pooled density of the second run minus that of the first, per `per` units, resampling problems as pairs.

    All four are [problems], aligned: means over a problem's samples. None without problems or units; no
    interval with a single problem or where a resample has no units. Raises ValueError as mean_difference.
    """
    found, length = _aligned(counts, units)
    found_before, length_before = _aligned(baseline_counts, baseline_units)
    _aligned(found, found_before)
    if len(found) == 0 or length.mean() <= 0 or length_before.mean() <= 0:
        return None
    value = float(per * (found.mean() / length.mean() - found_before.mean() / length_before.mean()))
    means = resampled_means(np.stack([found, length, found_before, length_before], axis=1))
    # A resample without units has no density, and leaving it out would narrow the interval.
    if len(found) < 2 or (means[:, [1, 3]] <= 0).any():
        return Estimate(value, None, None, len(found))
    differences = per * (means[:, 0] / means[:, 1] - means[:, 2] / means[:, 3])
    low, high = sorted_interval(np.sort(differences)[:, None], 1 - LEVEL)
    return Estimate(value, float(low[0]), float(high[0]), len(found))


def flips(first: ArrayLike, second: ArrayLike) -> Flips:
    """Problems by verdict before and after, from each problem's share of right samples [problems], in [0, 1].

    A problem counts as right in a run when more than half of its samples are; a tie is not right. Without problems all
    counts are 0 and p is 1. Raises ValueError where lengths differ or a share lies outside [0, 1].
    """
    before, after = _aligned(first, second)
    if ((before < 0) | (before > 1) | (after < 0) | (after > 1)).any():
        raise ValueError("Shares of right samples lie between 0 and 1.")
    was, is_now = before > 0.5, after > 0.5
    lost, won = int((was & ~is_now).sum()), int((~was & is_now).sum())
    return Flips(int((was & is_now).sum()), int((~was & ~is_now).sum()), lost, won, mcnemar(lost, won))


def mcnemar(one_way: int, other_way: int) -> float:
    """McNemar's exact two-sided p-value from the two discordant counts (binomial with chance 1/2; McNemar 1947).

    It is 1 when both are 0. Raises ValueError for negative counts.
    """
    if min(one_way, other_way) < 0:
        raise ValueError("Counts of flips can't be negative.")
    total = one_way + other_way
    tail = sum(comb(total, count) for count in range(min(one_way, other_way) + 1))
    # Whole numbers up to here: as a float, 2**-total is 0 from 1,075 flips on.
    p: float = 2 * tail / 2**total
    return min(1.0, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number by Holm's step-down (Holm 1979), in the order given.

    The j-th smallest (from 0) of m becomes the largest of (m - i) * p_i over i <= j, at most 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]))
    adjusted = np.empty_like(p)
    adjusted[order] = steps
    return [float(value) for value in adjusted]


def holm_intervals(differences: ArrayLike, level: float = LEVEL) -> list[AdjustedDifference]:
    """Mean differences of several words with Holm-adjusted p-values and intervals that agree with them.

    `differences` is [words, problems]: per problem, values - baseline. With alpha = 1 - level and words ranked by p
    from 0, a word that Holm rejects at rank j gets the percentile interval at level 1 - alpha / (m - j); all words from
    the first rank r that isn't rejected on get the one at level 1 - alpha / (m - r). So an interval excludes zero
    exactly when its p_holm <= alpha. Raises ValueError for other shapes.
    """
    # Holm bounds the family-wise error of the decisions. The intervals show the decisions, and are narrower than
    # Bonferroni's, whose joint coverage they therefore don't have.
    table = np.asarray(differences, dtype=np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError("Differences must be finite numbers, one row a word and one column a problem.")
    words, problems = table.shape
    if words == 0 or problems == 0:
        return []
    values = table.mean(axis=1)
    if problems == 1:
        return [AdjustedDifference(float(value), None, None, None, None, 1) for value in values]
    # All words share the resamples: counts of words that stand in the same traces rise and fall together.
    resampled = np.sort(resampled_means(table.T), axis=0)
    p = two_sided_p(resampled)
    lows, highs = _step_down_intervals(resampled, p, 1 - level)
    columns = (values.tolist(), lows.tolist(), highs.tolist(), p.tolist(), holm(p.tolist()))
    return [AdjustedDifference(*row, problems) for row in zip(*columns, strict=True)]


def _step_down_intervals(resampled: Floats, p: Floats, alpha: float) -> tuple[Floats, Floats]:
    words = len(p)
    lows, highs = np.empty(words), np.empty(words)
    share, rejecting = alpha, True
    for rank, word in enumerate(np.argsort(p, kind="stable")):
        if rejecting:
            share = alpha / (words - rank)
            rejecting = bool(p[word] <= share)
        low, high = sorted_interval(resampled[:, word : word + 1], share)
        lows[word], highs[word] = low[0], high[0]
    return lows, highs


def points_per_problem(problems: int) -> float:
    """How many percentage points of accuracy one flip is worth. Raises ValueError without problems."""
    if problems < 1:
        raise ValueError("Without problems there is nothing to flip.")
    return 100 / problems


def resolution(problems: int) -> str:
    """`points_per_problem` as a clause: "30 problems: one flip is 3.3 points"."""
    # A difference below it can't be seen at all with so few problems, which readers of AIME tables forget.
    points = points_per_problem(problems)
    shown = f"{points:.1f}" if points >= 0.1 else f"{points:.2g}"
    noun, unit = "problem" if problems == 1 else "problems", "point" if shown == "1.0" else "points"
    return f"{problems:,} {noun}: one flip is {shown} {unit}"


def _aligned(left: ArrayLike, right: ArrayLike) -> tuple[Floats, Floats]:
    one, other = as_vector(left), as_vector(right)
    if one.shape != other.shape:
        raise ValueError("Paired values must be two lists of the same length, entry i of both for problem i.")
    return one, other
