"""Cue counts and densities: per trace, per problem and pooled, with intervals.

It takes counts, and lengths in whatever unit the caller names (tokens, or words). There are two densities, because they
answer different questions. *Per trace*: each trace's own density, averaged within a problem and then over problems, so
that a trace of 300 tokens weighs as much as one of 30,000. *Pooled*: all cues over all units, so that long traces
dominate. Both resample problems, never single traces.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from backend.domain import Cue
from backend.measure.bootstrap import Estimate, Floats, as_vector, column_estimates, mean_estimate, ratio_estimates
from backend.measure.shares import mean_share

PER: Final = 1000
By = Literal["entry", "group", "section"]


@dataclass(frozen=True, slots=True)
class CueSummary:
    """Figures of an entry, group or section.

    Cues a trace, density per 1,000 units (per trace, and pooled), share of traces with any.
    """

    count: Estimate
    density: Estimate | None
    pooled: Estimate | None
    share: Estimate


def tally(cues: Iterable[Cue], by: By = "entry") -> Counter[str]:
    """How many of `cues` are of each entry, group or section."""
    return Counter(str(getattr(cue, by)) for cue in cues)


def density(count: float, units: float) -> float | None:
    """Cues per 1,000 units; None for a trace without length. Raises ValueError for negative numbers."""
    if count < 0 or units < 0:
        raise ValueError("Counts and lengths can't be negative.")
    return PER * count / units if units else None


def by_problem(values: ArrayLike, problems: Sequence[Hashable]) -> Floats:
    """The mean of `values` [traces, ...] within each problem, in the order in which problems first appear.

    `problems` names each trace's problem. Raises ValueError where lengths differ.
    """
    # Problems are resampled, never single traces: samples of one problem are alike, and drawn singly they would make
    # every interval too narrow.
    table = np.asarray(values, dtype=np.float64)
    if len(table) != len(problems):
        raise ValueError("Every trace needs its problem.")
    index: dict[Hashable, int] = {}
    places = np.array([index.setdefault(problem, len(index)) for problem in problems], dtype=np.intp)
    sums = np.zeros((len(index), *table.shape[1:]))
    np.add.at(sums, places, table)
    sizes = np.bincount(places, minlength=len(index)).reshape(-1, *(1,) * (table.ndim - 1))
    means: Floats = sums / np.maximum(sizes, 1)
    return means


def fraction(flags: Sequence[bool | None], problems: Sequence[Hashable]) -> Estimate | None:
    """The share of traces for which `flags` holds (finished, cut off, with a cue), averaged over problems.

    Traces whose flag is None (unknown) are left out; None if none is left.
    """
    known = [(bool(flag), problem) for flag, problem in zip(flags, problems, strict=True) if flag is not None]
    return mean_share(by_problem([flag for flag, _ in known], [problem for _, problem in known]), len(known))


def trace_density(counts: ArrayLike, units: ArrayLike, problems: Sequence[Hashable]) -> Estimate | None:
    """The per-trace density per 1,000 units. Traces without length are left out; None if none is left."""
    found, lengths = _pair(counts, units)
    # An empty response has no density; as 0 it would pull the mean down.
    kept = lengths > 0
    chosen = [problem for problem, keep in zip(problems, kept, strict=True) if keep]
    return mean_estimate(by_problem(PER * found[kept] / lengths[kept], chosen))


def pooled_density(counts: ArrayLike, units: ArrayLike, problems: Sequence[Hashable]) -> Estimate | None:
    """All cues over all units, per 1,000; None where there are no units.

    With the same number of samples for every problem this is exactly the sum of counts over the sum of units.
    """
    # Each problem contributes the mean over its samples: one that was sampled more often weighs no more.
    found, lengths = _pair(counts, units)
    totals = by_problem(np.stack([found, lengths], axis=1), problems)
    return ratio_estimates(PER * totals[:, :1], totals[:, 1])[0]


def summarise(
    tallies: Sequence[Mapping[str, int]], units: ArrayLike, problems: Sequence[Hashable], names: Sequence[str]
) -> dict[str, CueSummary]:
    """The figures of each of `names` (entries, groups or sections) over the traces of a run.

    `tallies` holds each trace's counts by name (an absent name is 0), `units` [traces] its length. Empty
    without traces. Raises ValueError where lengths differ.
    """
    lengths = as_vector(units)
    if not len(tallies) == len(lengths) == len(problems):
        raise ValueError("Counts, lengths and problems must be lists of the same length, one entry a trace.")
    if not tallies:
        return {}
    counts = np.array([[found.get(name, 0) for name in names] for found in tallies], dtype=np.float64)
    table = counts.reshape(len(tallies), len(names))
    means = column_estimates(by_problem(table, problems))
    shares = [mean_share(column, len(table)) for column in by_problem(table > 0, problems).T]
    kept = lengths > 0
    chosen = [problem for problem, keep in zip(problems, kept, strict=True) if keep]
    # One call for all names, so that they share the resamples and the cost.
    densities = column_estimates(by_problem(PER * table[kept] / lengths[kept, None], chosen))
    pooled = ratio_estimates(PER * by_problem(table, problems), by_problem(lengths, problems))
    rows = zip(names, means, densities, pooled, shares, strict=True)
    return {
        name: CueSummary(count, each, together, share)
        for name, count, each, together, share in rows
        if count is not None and share is not None
    }


def _pair(counts: ArrayLike, units: ArrayLike) -> tuple[Floats, Floats]:
    found, lengths = as_vector(counts), as_vector(units)
    if found.shape != lengths.shape or (found < 0).any() or (lengths < 0).any():
        raise ValueError("Counts and lengths must be two lists of the same length without negative numbers.")
    return found, lengths
