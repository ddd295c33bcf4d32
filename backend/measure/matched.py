"""Cue density compared at equal length: do responses of the same length to the same problem hold fewer doubts?

Method: subclassification (Cochran 1968) on the problem and the length. The pooled lengths of both sides are cut at
their quantiles into `bins`; a stratum is one problem's responses within one bin. A stratum that both sides have
something in weighs w = the smaller of its two numbers of responses, and holds for either side the mean count c and the
mean length u of its responses there. A side's density is

    per * sum(w * c) / sum(w * u)    over the matched strata,

and the difference is that of the two, with the bootstrap-t over problems of `paired.density_difference` (bin
edges are kept, not drawn anew).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.measure.bootstrap import Estimate, Floats, as_vector
from backend.measure.paired import density_difference

BINS = 10


@dataclass(frozen=True, slots=True)
class Responses:
    """One side's responses: cues and length of each [responses], and its problem. Raises ValueError where they
    don't fit together.
    """

    counts: Floats
    units: Floats
    problems: Sequence[Hashable]

    def __post_init__(self) -> None:
        """Checked once, when made."""
        if not len(self.counts) == len(self.units) == len(self.problems):
            raise ValueError("Every response needs a count, a length and a problem.")
        if (self.counts < 0).any() or (self.units < 0).any():
            raise ValueError("Counts and lengths can't be negative.")


@dataclass(frozen=True, slots=True)
class Matched:
    """Densities over matched strata, the difference `values` - `baseline` with its interval (n: problems with a
    match), and the share of all responses, both sides together, that lie in matched strata.
    """

    values: float
    baseline: float
    difference: Estimate
    # Where lengths hardly overlap few responses are matched, and a few hundredths of them say little of the rest.
    share: float


def responses(counts: ArrayLike, units: ArrayLike, problems: Sequence[Hashable]) -> Responses:
    """One side from plain lists. Raises ValueError as `Responses`."""
    return Responses(as_vector(counts), as_vector(units), list(problems))


def matched_density(values: Responses, baseline: Responses, per: float = 1000.0, bins: int = BINS) -> Matched | None:
    """Cues per `per` units of both sides at equal length; None where no stratum holds responses of both.

    Independent of the order of responses; equal sides give exactly zero. Raises ValueError for `bins` below 1.
    """
    if bins < 1:
        raise ValueError("Lengths need at least one bin.")
    edges = _edges(np.concatenate([values.units, baseline.units]), bins)
    strata = [_strata(side, edges) for side in (values, baseline)]
    by_problem: dict[Hashable, NDArray[np.float64]] = {}
    in_both = 0
    for key in sorted(strata[0].keys() & strata[1].keys(), key=str):
        one, other = strata[0][key], strata[1][key]
        # The smaller number: a side with many responses in a stratum doesn't outweigh what the other has nothing like.
        weight = min(len(one), len(other))
        in_both += len(one) + len(other)
        sums = weight * np.concatenate([np.mean(one, axis=0), np.mean(other, axis=0)])
        by_problem[key[0]] = by_problem.get(key[0], np.zeros(4)) + sums
    if not by_problem:
        return None
    table = np.array(list(by_problem.values()))
    difference = density_difference(table[:, 0], table[:, 1], table[:, 2], table[:, 3], per)
    if difference is None:
        return None
    sums = table.sum(axis=0)
    share = in_both / (len(values.units) + len(baseline.units))
    return Matched(float(per * sums[0] / sums[1]), float(per * sums[2] / sums[3]), difference, share)


def _edges(lengths: Floats, bins: int) -> Floats:
    """The upper edge of every bin but the last: quantiles of `lengths`, or each distinct length where these are few."""
    different = np.unique(lengths)
    # Lengths in words of short answers are few: quantiles of them would coincide.
    if len(different) <= bins:
        return different[:-1]
    return np.unique(np.quantile(lengths, np.arange(1, bins) / bins))


def _strata(side: Responses, edges: Floats) -> dict[tuple[Hashable, int], list[tuple[float, float]]]:
    """(problem, bin) -> (count, length) of each response there, sorted."""
    # Sorted, so that sums of floats don't depend on the order of responses: equal sides give exactly zero.
    places = np.searchsorted(edges, side.units, "left").tolist()
    found: dict[tuple[Hashable, int], list[tuple[float, float]]] = {}
    for problem, place, count, length in zip(side.problems, places, side.counts, side.units, strict=True):
        found.setdefault((problem, place), []).append((float(count), float(length)))
    return {key: sorted(rows) for key, rows in found.items()}
