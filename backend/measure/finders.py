"""Comparing finders on the same texts: precision, recall and F1 of each, and the difference in F1 with its interval.

The formulas are those of gold.py; what is owned here is the pairing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.annotation import Span
from backend.measure.bootstrap import Estimate, Floats
from backend.measure.gold import Compared, f1_by_unit, shares_of
from backend.measure.shares import share_difference
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
        values, others = (f1_by_unit(self._part(place)) for place in (one, two))
        assert values is not None and others is not None
        return share_difference(values, others, min(ours.n, theirs.n))

    # Each finder has four columns of the table, see `_counts`.
    def _part(self, place: int) -> Floats:
        return self._table[:, 4 * place : 4 * place + 4]

    def _figures(self, place: int) -> FinderFigures:
        found, right, gold, hit = self._part(place).sum(axis=0).astype(int).tolist()
        return FinderFigures(*shares_of(self._part(place)), found, right, gold, hit, len(self._table))


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
