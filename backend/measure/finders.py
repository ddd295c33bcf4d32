"""Comparing finders on the same texts: precision, recall and F1 of each, and the difference in F1 with its interval.

The formulas are those of gold.py; what is owned here is the pairing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.annotation import Span
from backend.measure.bootstrap import LEVEL, Estimate, Floats, resampled_means, sorted_interval
from backend.measure.gold import Compared
from backend.measure.spans import Criterion, pairs


@dataclass(frozen=True, slots=True)
class FinderFigures:
    """Precision, recall and F1 of a finder over `units` that are resampled as wholes; None where undefined.

    Of `found` marks `right` are right, of `gold` spans (in texts that say something about recall) `hit` were found.
    """

    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None
    found: int
    right: int
    gold: int
    hit: int
    units: int


class Contest:
    """Finders on the same texts, by name: each one's list has the same texts in the same order."""

    def __init__(self, finders: Mapping[str, Sequence[Compared]], criterion: Criterion) -> None:
        """Raises ValueError where the texts differ in number."""
        if len({len(texts) for texts in finders.values()}) > 1:
            raise ValueError("Finders can only be compared on the same texts.")
        self._names = list(finders)
        # Side by side in one table, so that all are resampled together: the interval of a difference is then narrower
        # than two intervals beside each other suggest.
        self._table = np.concatenate([_counts(texts, criterion) for texts in finders.values()], axis=1)

    @cached_property
    def figures(self) -> dict[str, FinderFigures]:
        """Each finder's figures by its name."""
        return {name: self._figures(place) for place, name in enumerate(self._names)}

    def lead(self, name: str, other: str) -> Estimate | None:
        """The F1 of `name` minus that of `other`, with an interval; None where either has none."""
        one, two = self._names.index(name), self._names.index(other)
        ours, theirs = self.figures[name].f1, self.figures[other].f1
        if ours is None or theirs is None:
            return None
        value, n = ours.value - theirs.value, len(self._table)
        return (
            _estimate(value, _f1(self._part(one)) - _f1(self._part(two)), n)
            if n > 1
            else Estimate(value, None, None, n)
        )

    @cached_property
    def _means(self) -> Floats:
        return resampled_means(self._table)

    # Each finder has four columns of the table, see `_counts`.
    def _part(self, place: int) -> Floats:
        return self._means[:, 4 * place : 4 * place + 4]

    def _figures(self, place: int) -> FinderFigures:
        found, right, gold, hit = total = self._table[:, 4 * place : 4 * place + 4].sum(axis=0)
        many = self._part(place) if len(self._table) > 1 else total[None]
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = _estimate(right / found, many[:, 1] / many[:, 0], int(found)) if found else None
            recall = _estimate(hit / gold, many[:, 3] / many[:, 2], int(gold)) if gold else None
        both = _estimate(_f1(total[None])[0], _f1(many), int(min(found, gold))) if precision and recall else None
        return FinderFigures(precision, recall, both, int(found), int(right), int(gold), int(hit), len(self._table))


def _counts(texts: Sequence[Compared], criterion: Criterion) -> Floats:
    """A row a unit: found, found and right, gold of blind texts, and how much of that was found."""
    units = {unit: place for place, unit in enumerate(dict.fromkeys(text.unit for text in texts))}
    table = np.zeros((len(units), 4))
    for text in texts:
        found = [Span(one.start, one.end, "") for one in text.found]
        gold = [Span(span.start, span.end, "") for span in text.gold]
        together = len(pairs(found, gold, criterion))
        table[units[text.unit]] += [len(found), together, len(gold) * text.blind, together * text.blind]
    return table


def _f1(totals: Floats) -> Floats:
    """F1 of rows of counts; NaN where nothing was found or there is nothing to find, 0 where nothing found is right."""
    # By precision and recall, not by counts: they rest on different texts, recall on blind ones alone.
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = totals[:, 1] / totals[:, 0], totals[:, 3] / totals[:, 2]
        value: Floats = np.where(totals[:, 1] * totals[:, 3] > 0, 2 * precision * recall / (precision + recall), 0.0)
    return np.where((totals[:, 0] > 0) & (totals[:, 2] > 0), value, np.nan)


def _estimate(value: float, resampled: Floats, n: int) -> Estimate:
    """The percentile interval; none where too many resamples are undefined, or where there is only one."""
    kept = resampled[np.isfinite(resampled)]
    if len(resampled) == 1 or len(kept) < LEVEL * len(resampled):
        return Estimate(float(value), None, None, n)
    low, high = sorted_interval(np.sort(kept)[:, None], 1 - LEVEL)
    return Estimate(float(value), float(low[0]), float(high[0]), n)
