"""A run's figures by problem: accuracy, length, cues, density, and the responses that were cut off or ended.

Owns how each figure is formed of what was counted, and when it is the count without loops that has the interval. Every
problem weighs the same, however many samples it has, and intervals are over problems (bootstrap.py, shares.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from backend.measure.accuracy import pass_at_k
from backend.measure.bootstrap import Estimate, Floats, column_estimates
from backend.measure.cues import PER
from backend.measure.paired import mean_ratio
from backend.measure.shares import mean_share

LOOPED: Final = 0.1  # of a count: above it one trace decides, and no interval over problems covers


@dataclass(frozen=True, slots=True, eq=False)
class ProblemMeans:
    """A run by problem: means over each problem's samples, all [problems] in parallel; NaN where nothing is known.

    `length` is in the run's unit and `cues` are a response, by whatever they were counted by (a lexicon, a group).
    `samples` counts its responses. `accuracy` is the share of right ones among the judged; `cut` and `finished` are the
    shares that hit the token limit and that ended by themselves, among the responses whose ending is known.
    """

    samples: Floats
    length: Floats
    cues: Mapping[str, Floats]
    accuracy: Floats
    cut: Floats
    finished: Floats
    # The same without what lies in loops; None where that is unknown for any response.
    free: ProblemMeans | None = None

    def loop_share(self, *names: str) -> float | None:
        """The share of the cues of `names` that lies in loops, the largest; "" is the length. None where unknown."""
        if self.free is None:
            return None
        own, rest = ({"": means.length, **means.cues} for means in (self, self.free))
        pairs = [(own[name], rest[name]) for name in names]
        return max(1 - free.sum() / whole.sum() if whole.sum() else 0.0 for whole, free in pairs)

    def length_and_cues(self) -> tuple[Estimate | None, dict[str, Estimate | None]]:
        """The mean length and cues of a response."""
        # One table: all columns share the resamples, which are the dear part of an interval.
        length, *cues = column_estimates(np.column_stack([self.length, *self.cues.values()]))
        return length, dict(zip(self.cues, cues, strict=True))

    def density(self, name: str) -> float | None:
        """Cues per 1,000 units, pooled, without an interval; None without any length."""
        length = float(self.length.mean())
        return PER * float(self.cues[name].mean()) / length if length > 0 else None


def problem_means(
    samples: ArrayLike,
    length: ArrayLike,
    cues: Mapping[str, ArrayLike],
    right: ArrayLike,
    judged: ArrayLike,
    cut: ArrayLike,
    ended: ArrayLike,
    free: tuple[ArrayLike, Mapping[str, ArrayLike]] | None = None,
) -> ProblemMeans:
    """A run by problem from what was counted on its responses, summed by problem; all are [problems] in parallel.

    `right` of `judged` responses are right; `cut` of `ended`, whose ending is known, hit the token limit. `free` is the
    length and the cues outside loops. Every problem has at least one of `samples`.
    """
    # Each mean within its problem first: a problem with more samples must not weigh more.
    limit, known = np.asarray(cut, dtype=np.float64), np.asarray(ended, dtype=np.float64)
    means = ProblemMeans(
        samples=np.asarray(samples, dtype=np.float64),
        length=_share(length, samples),
        cues={name: _share(counts, samples) for name, counts in cues.items()},
        accuracy=_share(right, judged),
        cut=_share(limit, known),
        finished=_share(known - limit, known),
    )
    if free is None:
        return means
    rest = {name: _share(counts, samples) for name, counts in free[1].items()}
    return replace(means, free=replace(means, length=_share(free[0], samples), cues=rest))


def outside_loops(found: Estimate | None, share: float | None) -> Estimate | None:
    """`found` without its interval where more than LOOPED of the count lies in loops, and the reason."""
    if found is None or share is None or share <= LOOPED:
        return found
    # One looping trace in fifty, and no method's interval of a mean covers at 30 problems (.43 to .45).
    why = f"{share:.0%} of it lies in loops: the figure without them has the interval."
    return replace(found, low=None, high=None, why=why)


@dataclass(frozen=True, slots=True)
class LengthAndCues:
    """Length, cues and density (per 1,000 units, pooled) of a response."""

    length: Estimate
    cues: Estimate
    per_1k: Estimate | None


def length_and_cues(means: ProblemMeans, name: str) -> LengthAndCues | None:
    """The figures of one kind of cues; None without problems."""
    length, by_name = means.length_and_cues()
    cues = by_name[name]
    if length is None or cues is None:
        return None
    return LengthAndCues(length, cues, density_estimate(means.cues[name], means.length))


def known_share(shares: Floats, samples: Floats) -> Estimate | None:
    """The mean share over the problems where it is known (not NaN), with its interval; None where none is."""
    return mean_share(shares, samples[~np.isnan(shares)].sum())


def density_estimate(cues: Floats, length: Floats) -> Estimate | None:
    """Cues per 1,000 units, all cues over all units: the ratio of two means over problems; None without any length."""
    return mean_ratio(PER * cues, length)


def pass_sizes(samples: int) -> list[int]:
    """The k of pass@k where every problem has `samples`: 2, 4, 8, ... and `samples` itself; none for one sample."""
    # `samples` too: with all of them pass@k says what the run did, not what a smaller one would have done.
    powers = {2**i for i in range(1, samples.bit_length())}
    return sorted(k for k in powers | {samples} if k > 1)


def passes(right: Sequence[int], judged: Sequence[int]) -> dict[int, Estimate | None]:
    """pass@k by k, of every size that all problems have enough judged samples for; {} for one sample."""
    return {k: pass_at_k(right, judged, k) for k in pass_sizes(min(judged, default=0))}


def _share(part: ArrayLike, whole: ArrayLike) -> Floats:
    """`part` / `whole` by problem, NaN where the whole is 0."""
    above, below = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
