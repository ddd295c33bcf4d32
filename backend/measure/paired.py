"""Paired comparison of two runs: differences, ratios and McNemar's test.

Values come aligned: entry i of both sides belongs to problem i. Differences are always `values - baseline`.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from backend.measure.bootstrap import Estimate, Floats, ratio_estimates, smooth_estimates
from backend.measure.shares import paired_vectors


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


def mean_ratio(values: ArrayLike, baseline: ArrayLike) -> Estimate | None:
    """mean(values) / mean(baseline), with a bootstrap interval that resamples problems as pairs.

    Both are [problems]. None without problems or where the baseline's mean isn't positive. Raises ValueError where they
    differ in length.
    """
    second, first = paired_vectors(values, baseline)
    return ratio_estimates(second[:, None], first)[0]


def density_difference(
    counts: ArrayLike, units: ArrayLike, baseline_counts: ArrayLike, baseline_units: ArrayLike, per: float = 1000.0
) -> Estimate | None:
    """Pooled density of the second run minus that of the first, per `per` units, resampling problems as pairs.

    All four are [problems], aligned: means over a problem's samples. None without problems or units. Raises ValueError
    where they differ in length.
    """
    found, length = paired_vectors(counts, units)
    before, length_before = paired_vectors(baseline_counts, baseline_units)
    paired_vectors(found, before)
    return density_differences(found[:, None], length, before[:, None], length_before, per)[0]


def density_differences(
    counts: Floats, units: Floats, baseline_counts: Floats, baseline_units: Floats, per: float = 1000.0
) -> list[Estimate] | list[None]:
    """`density_difference` of every column of counts, [problems, columns] on both sides."""
    if len(units) == 0 or units.mean() <= 0 or baseline_units.mean() <= 0:
        return [None] * counts.shape[1]

    def difference(means: Floats) -> tuple[Floats, Floats]:
        now, before = means[0] / means[1], means[2] / means[3]
        gradient = np.stack([1 / means[1], -now / means[1], -1 / means[3], before / means[3]])
        return per * (now - before), per * gradient

    lengths = [np.broadcast_to(side[:, None], counts.shape) for side in (units, baseline_units)]
    return smooth_estimates(np.stack([counts, lengths[0], baseline_counts, lengths[1]]), difference)


def flips(first: ArrayLike, second: ArrayLike) -> Flips:
    """Problems by verdict before and after, from each problem's share of right samples [problems], in [0, 1].

    A problem counts as right in a run when more than half of its samples are; a tie is not right. Without problems all
    counts are 0 and p is 1. Raises ValueError where lengths differ or a share lies outside [0, 1].
    """
    before, after = paired_vectors(first, second)
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
