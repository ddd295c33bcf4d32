"""Whether a claim of the paper is reproduced: the tests, fixed before the runs they decide on, and pooling over seeds.

Owns the three verdicts, the two kinds of test and the pooling. Which outcome each claim is tested on, and with which
smallest effect, is written beside the claims (backend/services/reproduction/claims.py).

A test of an *effect* has a direction and a smallest effect that matters. It is

- *reproduced* when the whole interval lies beyond zero in the claimed direction, the estimate is at least the smallest
  effect, and every seed's own estimate has the claimed sign;
- *not reproduced* when the whole interval lies on the other side of the smallest effect: an effect of the size that
  matters is excluded;
- *undecided* otherwise.

A test of *keeping* has a margin (non-inferiority; Piaggio et al. 2012, CONSORT): reproduced when the whole interval
lies above minus the margin, not reproduced when it lies below, else undecided. "Doesn't rise" is the same with the sign
turned.

A claim of several clauses is reproduced when each of them is, not reproduced when any is not, else undecided.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final

import numpy as np

from backend.measure.bootstrap import FEWEST, Estimate, Floats
from backend.measure.paired import mean_ratio
from backend.measure.shares import share_difference, wilson_interval

# What was trained with fewer seeds is undecided, whatever its interval: the interval is over problems alone.
SEEDS_NEEDED: Final = 3


class ClaimVerdict(StrEnum):
    """The outcome of a test or of a whole claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Effect:
    """The claim that something rises (`direction` 1) or falls (-1), by `smallest` at least; in the outcome's unit."""

    direction: int
    smallest: float

    def judge(self, found: Estimate, seeds: Sequence[float]) -> ClaimVerdict:
        """The verdict on the pooled estimate and every seed's own, whatever their number."""
        ends = _ends(found, self.direction)
        if ends is None:
            return ClaimVerdict.UNDECIDED
        low, high = ends
        # The interval holds for these training seeds. That others would agree is what this demand is for; it asks for
        # the sign alone, not for the smallest effect.
        agreed = all(self.direction * seed > 0 for seed in seeds)
        if low > 0 and self.direction * found.value >= self.smallest and agreed:
            return ClaimVerdict.REPRODUCED
        return ClaimVerdict.NOT_REPRODUCED if high < self.smallest else ClaimVerdict.UNDECIDED

    def clause(self, unit: str) -> str:
        """The test as a clause of a sentence; `unit` is that of the outcome."""
        word = "higher" if self.direction > 0 else "lower"
        return f"{word}, by at least {self.smallest:g} {unit}, in every seed"


@dataclass(frozen=True, slots=True)
class Keeps:
    """The claim that something doesn't fall (`direction` 1) or doesn't rise (-1) by `margin` or more."""

    direction: int
    margin: float

    def judge(self, found: Estimate, _seeds: Sequence[float]) -> ClaimVerdict:
        """The verdict on the pooled estimate."""
        # No demand on single seeds here: a seed may well fall a little within the margin.
        ends = _ends(found, self.direction)
        if ends is None:
            return ClaimVerdict.UNDECIDED
        low, high = ends
        if low > -self.margin:
            return ClaimVerdict.REPRODUCED
        return ClaimVerdict.NOT_REPRODUCED if high < -self.margin else ClaimVerdict.UNDECIDED

    def clause(self, unit: str) -> str:
        """The test as a clause of a sentence; `unit` is that of the outcome."""
        word = "lower" if self.direction > 0 else "higher"
        return f"not {word} by {self.margin:g} {unit} or more"


Rule = Effect | Keeps


@dataclass(frozen=True, slots=True)
class PooledEffect:
    """An effect over all seeds (n counts problems), and each seed's own estimate of it."""

    estimate: Estimate
    seeds: tuple[float, ...]


Paired = Mapping[str, tuple[float, float]]
_Compare = Callable[[Floats, Floats], Estimate | None]


def pooled_difference(seeds: Sequence[Paired]) -> PooledEffect | None:
    """Value minus baseline, averaged over the seeds that hold a problem, then over problems; None without problems.

    `seeds` holds for each seed: problem -> (value, baseline), shares in percent. The interval is that of `shares`, over
    problems.
    """

    def difference(values: Floats, baseline: Floats) -> Estimate | None:
        # Every seed answers a problem once at least.
        found = share_difference(values / 100, baseline / 100, len(seeds) * len(values))
        return found and _scaled(found, lambda points: 100 * points)

    return _pooled(seeds, difference, lambda values, baseline: float((values - baseline).mean()))


def pooled_change(seeds: Sequence[Paired]) -> PooledEffect | None:
    """The relative change in percent: 100 * (mean value / mean baseline - 1), pooled as by `pooled_difference`.

    None without problems or where a baseline's mean isn't positive.
    """
    return _pooled(seeds, _change, lambda values, baseline: 100 * float(values.mean() / baseline.mean() - 1))


def difference_between(one: PooledEffect | None, other: PooledEffect | None) -> PooledEffect | None:
    """`one` - `other`, measured on different problems: their intervals joined as those of independent means.

    The square-and-add limits of Zou and Donner 2008 (MOVER), which keep the two intervals' asymmetry. n is the smaller.
    None where either is missing, or where they were trained with different numbers of seeds.
    """
    if one is None or other is None or len(one.seeds) != len(other.seeds):
        return None
    a, b = one.estimate, other.estimate
    value, n = a.value - b.value, min(a.n, b.n)
    seeds = tuple(x - y for x, y in zip(one.seeds, other.seeds, strict=True))
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return PooledEffect(Estimate(value, None, None, n), seeds)
    low = value - sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    high = value + sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return PooledEffect(Estimate(value, low, high, n), seeds)


def verdict(rule: Rule, found: PooledEffect | None, trained: bool = True) -> ClaimVerdict:
    """What `rule` says of `found`; undecided without values, and for what was trained with too few seeds."""
    if found is None or (trained and len(found.seeds) < SEEDS_NEEDED):
        return ClaimVerdict.UNDECIDED
    return rule.judge(found.estimate, found.seeds)


def together(clauses: Iterable[ClaimVerdict]) -> ClaimVerdict:
    """The verdict on a claim from those on its clauses. Raises ValueError for a claim without clauses."""
    found = set(clauses)
    if not found:
        raise ValueError("A claim needs at least one clause.")
    # All have to hold, so that no clause's level needs correcting for their number (intersection-union; Berger 1982).
    if ClaimVerdict.NOT_REPRODUCED in found:
        return ClaimVerdict.NOT_REPRODUCED
    return ClaimVerdict.UNDECIDED if ClaimVerdict.UNDECIDED in found else ClaimVerdict.REPRODUCED


def _ends(found: Estimate, direction: int) -> tuple[float, float] | None:
    """The interval's ends with the claimed direction as the positive one, the smaller first."""
    if found.low is None or found.high is None:
        return None
    return (found.low, found.high) if direction > 0 else (-found.high, -found.low)


def _change(values: Floats, baseline: Floats) -> Estimate | None:
    ratio, n = mean_ratio(values, baseline), len(values)
    if ratio is None:
        return None
    if ratio.low is None and n > 1 and (holding := int((values > 0).sum())) < min(n, FEWEST):
        # What is gone from nearly every problem has no spread. At most, as many problems hold any as Wilson's upper end
        # says, and these as much as before.
        ratio = Estimate(ratio.value, 0.0, max(ratio.value, wilson_interval(holding / n, n)[1]), n)
    return _scaled(ratio, lambda times: 100 * (times - 1))


def _scaled(found: Estimate, scale: Callable[[float], float]) -> Estimate:
    low, high = (None if end is None else scale(end) for end in (found.low, found.high))
    return Estimate(scale(found.value), low, high, found.n, found.why)


def _pooled(
    seeds: Sequence[Paired], compare: _Compare, effect: Callable[[Floats, Floats], float]
) -> PooledEffect | None:
    """`compare` gives the effect with its interval, `effect` the same without."""
    columns = [_columns(list(pairs.values())) for pairs in seeds]
    # One seed without problems, or whose change has nothing to be relative to, leaves nothing to pool.
    if any(not len(baseline) or (compare is _change and baseline.mean() <= 0) for _, baseline in columns):
        return None
    # The same problems are answered in every seed: a problem's values are averaged first, and problems are resampled.
    problems = sorted(set().union(*seeds)) if seeds else []
    means = [np.mean([pairs[problem] for pairs in seeds if problem in pairs], axis=0) for problem in problems]
    estimate = compare(*_columns(means))
    return PooledEffect(estimate, tuple(effect(*pair) for pair in columns)) if estimate else None


def _columns(pairs: Sequence[Sequence[float] | Floats]) -> tuple[Floats, Floats]:
    table = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
