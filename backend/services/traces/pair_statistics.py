"""The paired statistics of two runs: differences with intervals, flips, words, distributions.

Owns which statistics a pair gets and that they are paired by problem. Pure: takes the store's rows, gives figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.domain import Group
from backend.measure.bootstrap import Estimate, Floats, column_estimates, mean_estimate, ratio_estimates
from backend.measure.cues import PER
from backend.measure.paired import (
    Flips,
    density_differences,
    flips,
    mean_ratio,
    resolution,
)
from backend.measure.run_figures import ProblemMeans, outside_loops
from backend.measure.shares import mean_share, share_difference
from backend.measure.word_tests import AdjustedDifference, adjusted_differences
from backend.services.traces.problem_rows import by_problem
from backend.store.parts import GROUP_COLUMNS

Row = Mapping[str, Any]
_ALL = "cues"  # the column of all cues, whatever their group


@dataclass(frozen=True, slots=True)
class Contrast:
    """A figure of A and of B over the same problems, and what lies between (B - A, or B / A where `ratio`).

    `free` is the same without what lies in loops, `loops` the share of A's and of B's count that does; None where it is
    unknown, and of shares of traces.
    """

    a: Estimate | None
    b: Estimate | None
    change: Estimate | None
    ratio: bool = False
    free: Contrast | None = None
    loops: tuple[float, float] | None = None

    @property
    def covered(self) -> Contrast:
        """The contrast that has an interval: the one without loops where they carry too much of the count."""
        return self.free if self.free and self.change and self.change.why else self


@dataclass(frozen=True, slots=True)
class WordChange:
    """One entry: mean count a trace in A and B, and B - A adjusted for the number of entries (Holm)."""

    entry: str
    group: str
    a: float
    b: float
    change: AdjustedDifference


@dataclass(frozen=True, slots=True)
class Spread:
    """A value of every problem in A and in B (means over samples); the three lists run in parallel."""

    problems: list[str]
    a: list[float]
    b: list[float]

    def within(self, side: str, low: float, high: float) -> set[str]:
        """The problems whose value on `side` ("A", "B" or "change", B - A) lies in [low, high]."""
        values = {"A": self.a, "B": self.b}.get(side) or [b - a for a, b in zip(self.a, self.b, strict=True)]
        return {problem for problem, value in zip(self.problems, values, strict=True) if low <= value <= high}


@dataclass(frozen=True, slots=True)
class PairStatistics:
    """Everything said of a pair. `n` problems; `judged` of them have a verdict on both sides."""

    n: int
    judged: int
    accuracy: Contrast
    cues: Contrast
    per_1k: Contrast
    length: Contrast
    cut: Contrast
    groups: dict[Group, tuple[Contrast, Contrast]]
    words: list[WordChange]
    flips: Flips
    resolution: str
    lengths: Spread
    counts: Spread  # of cues
    densities: Spread


def pair_statistics(
    a: str, b: str, problems: Sequence[str], rows: Sequence[Row], entries: Sequence[Row], unit: str, grader: str
) -> PairStatistics:
    """Statistics of runs `a` and `b` over `problems`, which both hold.

    `rows` are problems (`Queries.per_problem`), `entries` counts by entry (`Queries.entry_counts`); `unit` is
    "tokens" or "words".
    """
    by_run = {(row["run_id"], row["problem_id"]): row for row in rows}
    # In the order of `problems` on both sides: every difference below pairs by position.
    own = {run: [by_run[run, problem] for problem in problems] for run in (a, b)}
    first, second = (_means(own[run], unit, grader) for run in (a, b))
    # Accuracy is of the problems that both sides have a verdict on, the other figures of all.
    judged = ~np.isnan(first.accuracy) & ~np.isnan(second.accuracy)
    right_a, right_b = first.accuracy[judged], second.accuracy[judged]
    samples = {run: np.array([row["n"] for row in own[run]], dtype=np.float64) for run in (a, b)}
    cues, densities = _with_loops(first, second, _cues), _with_loops(first, second, _densities, "")
    return PairStatistics(
        n=len(problems),
        judged=int(judged.sum()),
        accuracy=_shares(first.accuracy, second.accuracy, samples[a], samples[b]),
        cues=cues[_ALL],
        per_1k=densities[_ALL],
        length=_with_loops(first, second, _lengths)[""],
        cut=_shares(first.cut, second.cut, samples[a], samples[b]),
        groups={group: (cues[column], densities[column]) for group, column in GROUP_COLUMNS.items()},
        words=_words(a, b, problems, entries, samples),
        flips=flips(right_a, right_b),
        resolution=resolution(int(judged.sum())) if judged.any() else "",
        lengths=Spread(list(problems), first.length.tolist(), second.length.tolist()),
        counts=Spread(list(problems), first.cues[_ALL].tolist(), second.cues[_ALL].tolist()),
        densities=Spread(list(problems), _density(first).tolist(), _density(second).tolist()),
    )


def _means(rows: Sequence[Row], unit: str, grader: str) -> ProblemMeans:
    columns = (_ALL, *GROUP_COLUMNS.values())
    cues, looped = ({column: [row[name + column] for row in rows] for column in columns} for name in ("", "loop_"))
    return by_problem(rows, unit, cues, grader, looped)


_Contrasts = dict[str, Contrast]  # by the column that was counted, "" for the length


def _with_loops(
    a: ProblemMeans, b: ProblemMeans, form: Callable[[ProblemMeans, ProblemMeans], _Contrasts], *beside: str
) -> _Contrasts:
    """Contrasts with and without what lies in loops; the columns `beside` have a part in each."""
    whole = form(a, b)
    if a.free is None or b.free is None:
        return whole
    free = form(a.free, b.free) if a.loop_share(*a.cues, "") or b.loop_share(*b.cues, "") else whole
    found: _Contrasts = {}
    for name, one in whole.items():
        shares = a.loop_share(name, *beside) or 0.0, b.loop_share(name, *beside) or 0.0
        change = outside_loops(one.change, max(shares))
        sides = outside_loops(one.a, shares[0]), outside_loops(one.b, shares[1])
        found[name] = Contrast(*sides, change, one.ratio, free[name], shares)
    return found


def _cues(a: ProblemMeans, b: ProblemMeans) -> _Contrasts:
    first, second = (np.stack([*side.cues.values()], axis=1) for side in (a, b))
    columns = (column_estimates(table) for table in (first, second, second - first))
    return {name: Contrast(*row) for name, row in zip(a.cues, zip(*columns, strict=True), strict=True)}


def _densities(a: ProblemMeans, b: ProblemMeans) -> _Contrasts:
    first, second = (np.stack([*side.cues.values()], axis=1) for side in (a, b))
    columns = (
        ratio_estimates(PER * first, a.length),
        ratio_estimates(PER * second, b.length),
        density_differences(second, b.length, first, a.length),
    )
    return {name: Contrast(*row) for name, row in zip(a.cues, zip(*columns, strict=True), strict=True)}


def _lengths(a: ProblemMeans, b: ProblemMeans) -> _Contrasts:
    change = mean_ratio(b.length, a.length)
    return {"": Contrast(mean_estimate(a.length), mean_estimate(b.length), change, ratio=True)}


def _shares(a: Floats, b: Floats, samples_a: Floats, samples_b: Floats) -> Contrast:
    """A contrast of shares by problem, over the problems where both are known."""
    both = ~np.isnan(a) & ~np.isnan(b)
    first, second = samples_a[both].sum(), samples_b[both].sum()
    a, b = a[both], b[both]
    return Contrast(mean_share(a, first), mean_share(b, second), share_difference(b, a, min(first, second)))


def _words(
    a: str, b: str, problems: Sequence[str], entries: Sequence[Row], samples: Mapping[str, Floats]
) -> list[WordChange]:
    """Every entry found in either run, by the size of its change."""
    place = {problem: i for i, problem in enumerate(problems)}
    counts: dict[str, dict[str, Floats]] = defaultdict(lambda: {a: np.zeros(len(place)), b: np.zeros(len(place))})
    groups: dict[str, str] = {}
    for row in entries:
        if row["problem_id"] in place:
            counts[row["entry"]][row["run_id"]][place[row["problem_id"]]] += row["n"]
            groups[row["entry"]] = row["grp"]
    # An entry that neither run holds is no test: it would only widen the others' intervals.
    if not counts:
        return []
    names = sorted(counts)
    means = {name: (counts[name][a] / samples[a], counts[name][b] / samples[b]) for name in names}
    # All entries in one call: Holm's adjustment and the intervals depend on how many were tested.
    changes = adjusted_differences(np.stack([means[name][1] - means[name][0] for name in names]))
    words = [
        WordChange(name, groups[name], float(means[name][0].mean()), float(means[name][1].mean()), change)
        for name, change in zip(names, changes, strict=True)
    ]
    return sorted(words, key=lambda word: -abs(word.change.value))


def _density(means: ProblemMeans) -> Floats:
    """Cues per 1,000 units by problem: the problem's cues over its length, 0 where it has none."""
    cues, length = means.cues[_ALL], means.length
    return np.divide(PER * cues, length, out=np.zeros_like(cues), where=length > 0)
