"""Figures of an arm pooled over its seeds: accuracy, length, cues, pass@k, finished responses, words, matched density.

Owns the pooling: a problem's values are averaged over the seeds that answered it, then problems are resampled, as the
verdicts do (measure/claim_tests.py). The formulas are in `measure`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import Final

import numpy as np

from backend.measure.accuracy import pass_chance
from backend.measure.bootstrap import Estimate, column_estimates, mean_estimate
from backend.measure.cues import PER
from backend.measure.matched import Matched, Responses, matched_density, responses
from backend.measure.run_figures import density_estimate, pass_sizes
from backend.measure.shares import mean_share, share, share_difference
from backend.measure.word_tests import AdjustedDifference, adjusted_differences
from backend.services.reproduction.sections.response_numbers import NumberSource, RunNumbers, Vector, Words

_KEPT: Final = 4_000
Runs = tuple[str, ...]


class PooledFigures:
    """An arm's figures over problems, its seeds put together; each is made when it is first asked for.

    `accuracy`, `finished` and `given_finished` (the share of right responses among the finished ones) are shares,
    `cues` are a response, `density` is pooled per 1,000 units of length. None where nothing is known.
    """

    def __init__(self, runs: Runs, seeds: Sequence[RunNumbers]) -> None:
        self.runs, self._seeds = runs, seeds
        self.problems = len({problem for own in seeds for problem in own.problems})
        self.traces = sum(len(own.problems) for own in seeds)

    def values(self, measure: str) -> Vector:
        """A value of each problem [problems], in the order of their ids: "right", "length", "cues" or "finished"."""
        means = _over_seeds([_by_problem(own.problems, getattr(own, measure)) for own in self._seeds])
        return np.array([means[problem] for problem in sorted(means)])

    def _known(self, measure: str) -> float:
        """How many responses its value is known of."""
        return float(sum((~np.isnan(getattr(own, measure))).sum() for own in self._seeds))

    def mean(self, measure: str) -> float | None:
        """ "accuracy", "length", "cues" or "density" without an interval, which takes a moment to make."""
        if measure == "density":
            length = self.mean("length")
            return PER * (self.mean("cues") or 0.0) / length if length else None
        values = self.values("right" if measure == "accuracy" else measure)
        return fsum(values) / len(values) if len(values) else None

    @cached_property
    def accuracy(self) -> Estimate | None:
        """Share of right responses."""
        return mean_share(self.values("right"), self._known("right"))

    @cached_property
    def length(self) -> Estimate | None:
        """Units a response."""
        return mean_estimate(self.values("length"))

    @cached_property
    def cues(self) -> Estimate | None:
        """Cues a response."""
        return mean_estimate(self.values("cues"))

    @cached_property
    def density(self) -> Estimate | None:
        """Cues per 1,000 units of length, pooled over problems."""
        # Lengths and cues are known of every response, so that the two vectors hold the same problems.
        return density_estimate(self.values("cues"), self.values("length"))

    @cached_property
    def finished(self) -> Estimate | None:
        """Share of responses that ended by themselves."""
        return mean_share(self.values("finished"), self._known("finished"))

    @cached_property
    def given_finished(self) -> Estimate | None:
        """Right among finished: the ratio of two means over problems."""
        # Not the mean of problems' ratios: one where nothing finished has none, and those are the hard problems.
        finished, both = _known(self._seeds)
        return share(both, finished, sum(float(np.nansum(own.finished)) for own in self._seeds))

    @cached_property
    def passes(self) -> dict[int, Estimate]:
        """pass@k by k = 2, 4, 8, ... and the samples that every problem of every seed has; {} for one sample."""
        counts = [_right_of(own) for own in self._seeds]
        # The fewest samples of any problem: beyond them problems would drop out, and the k would be of different ones.
        most = min((n for own in counts for _, n in own.values()), default=0)
        found: dict[int, Estimate] = {}
        for k in pass_sizes(most):
            chances = [{problem: pass_chance(c, n, k) for problem, (c, n) in own.items()} for own in counts]
            estimate = mean_share([*_over_seeds(chances).values()], sum(n for own in counts for _, n in own.values()))
            found |= {k: estimate} if estimate else {}
        return found


@dataclass(frozen=True, slots=True)
class WordFigure:
    """How often a response holds an entry, and how often 1,000 units of it do."""

    entry: str
    count: Estimate
    density: float | None


class ReproductionFigures:
    """Figures from one source of numbers by one lexicon, each made once."""

    def __init__(self, source: NumberSource, lexicon: str, kept: dict[tuple[str, Runs, str], PooledFigures]) -> None:
        """`lexicon` is the id of the one cues are counted by; `kept` is where pooled figures are kept between calls."""
        self._source, self._lexicon, self._kept = source, lexicon, kept

    def pooled(self, runs: Sequence[str]) -> PooledFigures | None:
        """One arm's figures; `runs` are one a seed, the same one counts once. None where none is there."""
        wanted = tuple(dict.fromkeys(runs))
        key = (type(self._source).__name__, wanted, self._lexicon)  # shipped and stored runs may share an id
        if key not in self._kept:
            found = self._source.numbers(wanted, self._lexicon)
            if len(found) < len(wanted) or not found:  # not kept: the runs may still come
                return None
            while len(self._kept) >= _KEPT:  # the oldest goes first: a dict keeps the order of insertion
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = PooledFigures(wanted, [found[run] for run in wanted])
        return self._kept[key]

    def change(self, runs: Sequence[str], base: Sequence[str]) -> Estimate | None:
        """Accuracy of `runs` minus that of `base`, paired by problem, over those both have a verdict on."""
        one, other = (self._accuracies(tuple(dict.fromkeys(side))) for side in (runs, base))
        shared = [problem for problem in one if problem in other]
        seeds = min(len(set(runs)), len(set(base)))  # each answers every problem once at least
        return share_difference([one[p] for p in shared], [other[p] for p in shared], seeds * len(shared))

    def matched(self, runs: Sequence[str], base: Sequence[str]) -> Matched | None:
        """Density of `runs` against `base` at equal length."""
        sides = [self._source.numbers(tuple(dict.fromkeys(side)), self._lexicon) for side in (runs, base)]
        if not all(sides):
            return None
        one, other = (_responses(list(side.values())) for side in sides)
        return matched_density(one, other)

    def words(self, runs: Sequence[str]) -> dict[str, WordFigure] | None:
        """Entry -> its figures in an arm, those it holds anywhere; None where words aren't known."""
        table = self._word_table(tuple(dict.fromkeys(runs)))
        if table is None:
            return None
        entries, counts, lengths = table
        means = column_estimates(counts) if entries else []
        total = lengths.mean()
        return {
            entry: WordFigure(entry, mean, PER * mean.value / total if total else None)
            for entry, mean in zip(entries, means, strict=True)
            if mean
        }

    def word_changes(self, runs: Sequence[str], base: Sequence[str]) -> dict[str, AdjustedDifference] | None:
        """Entry -> change of its count a response from `base`, adjusted for the number of entries (Holm)."""
        sides = [self._word_means(tuple(dict.fromkeys(side))) for side in (runs, base)]
        if sides[0] is None or sides[1] is None:
            return None
        one, other = sides[0], sides[1]
        problems = [problem for problem in one if problem in other]
        entries = sorted({entry for side in (one, other) for counts in side.values() for entry in counts})
        if not entries or not problems:
            return {}
        table = np.array([[one[p].get(e, 0.0) - other[p].get(e, 0.0) for p in problems] for e in entries])
        return dict(zip(entries, adjusted_differences(table), strict=True))

    def _accuracies(self, runs: Runs) -> dict[str, float]:
        found = self._source.numbers(runs, self._lexicon)
        seeds = [_by_problem(own.problems, own.right) for own in found.values()]
        return _over_seeds(seeds)

    def _word_means(self, runs: Runs) -> dict[str, dict[str, float]] | None:
        """Problem -> entry -> mean count a response, over seeds."""
        numbers = self._source.numbers(runs, self._lexicon)
        found: dict[str, list[dict[str, float]]] = defaultdict(list)
        for run in runs:
            words = self._source.words(run, self._lexicon)
            if words is None or run not in numbers:
                return None
            for problem, counts in _word_rows(words, numbers[run]).items():
                found[problem].append(counts)
        # A seed whose responses lack an entry used it 0 times; leaving it out would overstate rare words.
        return {
            problem: {
                entry: sum(counts.get(entry, 0.0) for counts in seeds) / len(seeds)
                for entry in {entry for counts in seeds for entry in counts}
            }
            for problem, seeds in found.items()
        }

    def _word_table(self, runs: Runs) -> tuple[list[str], Vector, Vector] | None:
        """Entries, their mean counts [problems, entries], and mean lengths [problems]."""
        means, numbers = self._word_means(runs), self._source.numbers(runs, self._lexicon)
        if means is None or not means:
            return None
        lengths = _over_seeds([_by_problem(own.problems, own.length) for own in numbers.values()])
        entries = sorted({entry for counts in means.values() for entry in counts})
        table = np.array([[means[problem].get(entry, 0.0) for entry in entries] for problem in means])
        return entries, table.reshape(len(means), len(entries)), np.array([lengths[problem] for problem in means])


def _known(seeds: Sequence[RunNumbers]) -> tuple[Vector, Vector]:
    """By problem: the share that finished, and that finished and is right, where both are known."""
    finished, both = [], []
    for own in seeds:
        known = ~np.isnan(own.right) & ~np.isnan(own.finished)
        problems = [problem for problem, kept in zip(own.problems, known, strict=True) if kept]
        finished.append(_by_problem(problems, own.finished[known]))
        both.append(_by_problem(problems, own.finished[known] * own.right[known]))
    first, second = _over_seeds(finished), _over_seeds(both)
    return np.array(list(first.values())), np.array([second[problem] for problem in first])


def _right_of(own: RunNumbers) -> dict[str, tuple[int, int]]:
    """Problem -> right responses, and those with a verdict."""
    found: dict[str, tuple[int, int]] = {}
    for problem, right in zip(own.problems, own.right.tolist(), strict=True):
        if right == right:  # NaN, which differs from itself, is unknown
            c, n = found.get(problem, (0, 0))
            found[problem] = (c + int(right), n + 1)
    return found


def _by_problem(problems: Sequence[str], values: Vector) -> dict[str, float]:
    """Problem -> the mean of its known values."""
    found: dict[str, list[float]] = defaultdict(list)
    for problem, value in zip(problems, values.tolist(), strict=True):
        if value == value:  # not NaN
            found[problem].append(value)
    return {problem: sum(own) / len(own) for problem, own in found.items()}


def _over_seeds(seeds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Problem -> the mean over the seeds that have it."""
    found: dict[str, list[float]] = defaultdict(list)
    for own in seeds:
        for problem, value in own.items():
            found[problem].append(value)
    return {problem: sum(values) / len(values) for problem, values in found.items()}


def _responses(seeds: Sequence[RunNumbers]) -> Responses:
    counts, units = (np.concatenate([getattr(own, name) for own in seeds]) for name in ("cues", "length"))
    return responses(counts, units, [problem for own in seeds for problem in own.problems])


def _word_rows(words: Words, numbers: RunNumbers) -> dict[str, dict[str, float]]:
    """Problem -> entry -> mean count a response, of one run."""
    samples: dict[str, int] = defaultdict(int)
    for problem in numbers.problems:
        samples[problem] += 1
    rows: dict[str, dict[str, float]] = {problem: {} for problem in samples}
    for entry, by_problem in words.items():
        for problem, count in by_problem.items():
            if problem in rows:
                rows[problem][entry] = count / samples[problem]
    return rows
