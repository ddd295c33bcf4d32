"""A run's figures by problem: accuracy, length, cues, density, and the responses that were cut off or ended.

Owns how each figure is formed of what was counted. Every problem weighs the same, however many samples it has, and
intervals resample problems (bootstrap.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from backend.measure.accuracy import pass_at_k
from backend.measure.bootstrap import Estimate, Floats, column_estimates
from backend.measure.cues import PER
from backend.measure.paired import mean_ratio
from backend.measure.shares import mean_share


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
) -> ProblemMeans:
    """A run by problem from what was counted on its responses, summed by problem; all are [problems] in parallel.

    `right` of `judged` responses are right; `cut` of `ended`, whose ending is known, hit the token limit. Every problem
    has at least one of `samples`.
    """
    # Each mean within its problem first: a problem with more samples must not weigh more.
    limit, known = np.asarray(cut, dtype=np.float64), np.asarray(ended, dtype=np.float64)
    return ProblemMeans(
        samples=np.asarray(samples, dtype=np.float64),
        length=_share(length, samples),
        cues={name: _share(counts, samples) for name, counts in cues.items()},
        accuracy=_share(right, judged),
        cut=_share(limit, known),
        finished=_share(known - limit, known),
    )


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
