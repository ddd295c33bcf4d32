"""A pair of runs as wholes: differences with intervals, flips, words, distributions.

Owns which statistics a pair gets and over what they are paired (problems). The formulas are in
`measure`. Pure: takes rows, gives figures; knows nothing of the store or of charts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.domain import Group
from backend.measure.bootstrap import Estimate, mean_estimate
from backend.measure.paired import (
    AdjustedDifference,
    Flips,
    density_difference,
    flips,
    holm_intervals,
    mean_difference,
    mean_ratio,
    resolution,
)
from backend.store.parts import GROUP_COLUMNS

Row = dict[str, Any]
Vector = NDArray[np.float64]
PER = 1000.0


@dataclass(frozen=True, slots=True)
class Contrast:
    """A figure of A and of B over the same problems, and what lies between (B - A, or B / A where `ratio`)."""

    a: Estimate | None
    b: Estimate | None
    change: Estimate | None
    ratio: bool = False


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
    densities: Spread


@dataclass(frozen=True, slots=True)
class _Side:
    """One run's traces, and their means by problem (aligned with the shared problems)."""

    rows: list[Row]
    length: Vector
    cues: Vector
    groups: dict[str, Vector]
    accuracy: Vector
    cut: Vector


def pair_statistics(
    a: str, b: str, problems: Sequence[str], rows: list[Row], entries: list[Row], unit: str, verdict: str
) -> PairStatistics:
    """Statistics of runs `a` and `b` over `problems`.

    `rows` are traces (`Queries.per_trace`), `entries` counts by entry (`Queries.entry_counts`); `unit` is
    "tokens" or "words"; `verdict` names the grader's column.
    """
    first, second = (_side(rows, run, problems, unit, verdict) for run in (a, b))
    judged = ~np.isnan(first.accuracy) & ~np.isnan(second.accuracy)
    right_a, right_b = first.accuracy[judged], second.accuracy[judged]
    return PairStatistics(
        n=len(problems),
        judged=int(judged.sum()),
        accuracy=_contrast(right_a, right_b),
        cues=_contrast(first.cues, second.cues),
        per_1k=_pooled(first.cues, first.length, second.cues, second.length),
        length=Contrast(*_means(first.length, second.length), mean_ratio(second.length, first.length), ratio=True),
        cut=_known(first.cut, second.cut),
        groups={group: _group(first, second, column) for group, column in GROUP_COLUMNS.items()},
        words=_words(a, b, problems, entries, first, second),
        flips=flips(right_a, right_b),
        resolution=resolution(int(judged.sum())) if judged.any() else "",
        lengths=Spread(list(problems), first.length.tolist(), second.length.tolist()),
        densities=Spread(list(problems), _density(first).tolist(), _density(second).tolist()),
    )


def _side(rows: list[Row], run: str, problems: Sequence[str], unit: str, verdict: str) -> _Side:
    own = [row for row in rows if row["run_id"] == run]
    by_problem: dict[str, list[Row]] = defaultdict(list)
    for row in own:
        by_problem[row["problem_id"]].append(row)

    def mean(value: Any) -> Vector:
        return np.array([_mean([value(row) for row in by_problem[problem]]) for problem in problems])

    return _Side(
        rows=[row for problem in problems for row in by_problem[problem]],
        length=mean(lambda row: row[unit]),
        cues=mean(lambda row: row["cues"]),
        groups={name: mean(lambda row, name=name: row[name]) for name in GROUP_COLUMNS.values()},
        accuracy=mean(lambda row: row[verdict]),
        cut=mean(lambda row: None if row["finish"] == "unknown" else row["finish"] == "length"),
    )


def _mean(values: Sequence[float | bool | None]) -> float:
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")


def _means(a: Vector, b: Vector) -> tuple[Estimate | None, Estimate | None]:
    return mean_estimate(a), mean_estimate(b)


def _contrast(a: Vector, b: Vector) -> Contrast:
    return Contrast(*_means(a, b), mean_difference(b, a))


def _known(a: Vector, b: Vector) -> Contrast:
    both = ~np.isnan(a) & ~np.isnan(b)
    return _contrast(a[both], b[both])


def _pooled(count_a: Vector, length_a: Vector, count_b: Vector, length_b: Vector) -> Contrast:
    return Contrast(
        mean_ratio(PER * count_a, length_a),
        mean_ratio(PER * count_b, length_b),
        density_difference(count_b, length_b, count_a, length_a),
    )


def _group(first: _Side, second: _Side, name: str) -> tuple[Contrast, Contrast]:
    """(cues a trace, cues per 1,000 units) of one group."""
    a, b = first.groups[name], second.groups[name]
    return _contrast(a, b), _pooled(a, first.length, b, second.length)


def _words(
    a: str, b: str, problems: Sequence[str], entries: list[Row], first: _Side, second: _Side
) -> list[WordChange]:
    """Every entry found in either run, by the size of its change."""
    place = {problem: i for i, problem in enumerate(problems)}
    samples = {a: _samples(first, place), b: _samples(second, place)}
    counts: dict[str, dict[str, Vector]] = defaultdict(lambda: {a: np.zeros(len(place)), b: np.zeros(len(place))})
    groups: dict[str, str] = {}
    for row in entries:
        if row["problem_id"] in place:
            counts[row["entry"]][row["run_id"]][place[row["problem_id"]]] += row["n"]
            groups[row["entry"]] = row["grp"]
    if not counts:
        return []
    names = sorted(counts)
    means = {name: (counts[name][a] / samples[a], counts[name][b] / samples[b]) for name in names}
    changes = holm_intervals(np.stack([means[name][1] - means[name][0] for name in names]))
    words = [
        WordChange(name, groups[name], float(means[name][0].mean()), float(means[name][1].mean()), change)
        for name, change in zip(names, changes, strict=True)
    ]
    return sorted(words, key=lambda word: -abs(word.change.value))


def _samples(side: _Side, place: dict[str, int]) -> Vector:
    numbers = np.zeros(len(place))
    for row in side.rows:
        numbers[place[row["problem_id"]]] += 1
    return numbers


def _density(side: _Side) -> Vector:
    """Cues per 1,000 units by problem: the problem's cues over its length, 0 where it has none."""
    return np.divide(PER * side.cues, side.length, out=np.zeros_like(side.cues), where=side.length > 0)
