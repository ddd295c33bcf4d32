"""Precision, recall and F1 of a lexicon or detector against gold annotations, and counts corrected by them.

Owns these formulas with their intervals; it takes spans. Precision is the share of what was found that people marked
too, recall the share of what they marked that was found, F1 their harmonic mean.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from backend.annotation import Span
from backend.measure.bootstrap import LEVEL, Estimate, Floats, mean_estimate, resampled_means, sorted_interval
from backend.measure.shares import mean_share, share
from backend.measure.spans import Criterion, pairs


class FoundSpan(NamedTuple):
    """A stretch `[start, end)` that a finder marked, with the lexicon's entry and cue group."""

    start: int
    end: int
    entry: str
    group: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A text with a finder's marks and with people's: `gold` spans carry the cue group as their label ("" for none).

    `unit` names what is resampled as a whole: a trace cut into several items, a document of many sentences.
    """

    found: tuple[FoundSpan, ...]
    gold: tuple[Span, ...]
    unit: str
    # Its people saw no marks of a machine. Where they did, they find less of what the machine missed, so that the text
    # says nothing about recall and counts for precision alone.
    blind: bool = True


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1 of a finder, or of one of its groups or entries, with the counts behind them.

    `recall_gold` is how many gold spans recall rests on (those of blind texts), `texts` and `units` how many there are.
    None where nothing was found (precision), nothing is there (recall), or either is missing (F1).
    """

    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None
    found: int
    gold: int
    matched: int
    recall_gold: int
    texts: int
    units: int


@dataclass(frozen=True, slots=True)
class FinderEvaluation:
    """A finder's score as a whole, by cue group and by entry. Entries have no recall, for people mark no entries."""

    whole: Score
    groups: Mapping[str, Score]
    entries: Mapping[str, Score]


# Columns of the table behind a score, a row a unit: found, found and right, gold of blind texts, gold found of those.
_FOUND, _RIGHT, _GOLD, _HIT = range(4)


def evaluate(texts: Sequence[Compared], criterion: Criterion = Criterion.OVERLAP) -> FinderEvaluation:
    """Precision, recall and F1 over `texts`, as a whole, by group and by entry.

    EXACT asks for the same characters. Groups count in the figures by group alone, so that POSITION and OVERLAP are the
    same here.
    """
    # Overlap leads, one to one: a finder that marks "maybe" where a person marked "maybe not" has found it. As a whole
    # the group doesn't count, because lexicons divide doubt into groups differently.
    tables = _Tables(texts)
    for text in texts:
        tables.add(text, criterion)
    whole = _score(tables.rows(""), len(texts), tables.counts[""])
    groups = {name: _score(tables.rows(f"g:{name}"), len(texts), tables.counts[f"g:{name}"]) for name in tables.groups}
    entries = {
        name: _score(tables.rows(f"e:{name}"), len(texts), tables.counts[f"e:{name}"], entry=True)
        for name in tables.entries
    }
    return FinderEvaluation(whole, groups, entries)


class _Tables:
    """The counts of each unit: as a whole under "", by group under "g:name" and by entry under "e:name"."""

    def __init__(self, texts: Sequence[Compared]) -> None:
        self._units = {unit: place for place, unit in enumerate(dict.fromkeys(text.unit for text in texts))}
        self._tables: dict[str, Floats] = defaultdict(lambda: np.zeros((len(self._units), 4)))
        self.counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        self.groups = sorted({f.group for text in texts for f in text.found} | {s.label for t in texts for s in t.gold})
        self.entries = sorted({found.entry for text in texts for found in text.found})

    def rows(self, name: str) -> Floats:
        return self._tables[name]

    def add(self, text: Compared, criterion: Criterion) -> None:
        unit = self._units[text.unit]
        found = [Span(one.start, one.end, "") for one in text.found]
        gold = [Span(span.start, span.end, "") for span in text.gold]
        together = pairs(found, gold, criterion)
        right, hit = {mine for mine, _ in together}, {theirs for _, theirs in together}
        for place, one in enumerate(text.found):
            for name in ("", f"e:{one.entry}"):
                self._count(name, unit, place in right)
        for place in range(len(gold)):
            self._count_gold("", unit, place in hit, text.blind)
        self._add_groups(text, unit, criterion)

    def _add_groups(self, text: Compared, unit: int, criterion: Criterion) -> None:
        """The counts by group, where a hit has to be of the group that people gave it."""
        kind = Criterion.EXACT if criterion is Criterion.EXACT else Criterion.OVERLAP
        found = [Span(one.start, one.end, one.group) for one in text.found]
        together = pairs(found, text.gold, kind)
        right, hit = {mine for mine, _ in together}, {theirs for _, theirs in together}
        for place, one in enumerate(text.found):
            self._count(f"g:{one.group}", unit, place in right)
        for place, span in enumerate(text.gold):
            self._count_gold(f"g:{span.label}", unit, place in hit, text.blind)

    def _count(self, name: str, unit: int, right: bool) -> None:
        self._tables[name][unit, _FOUND] += 1
        self._tables[name][unit, _RIGHT] += right
        self.counts[name][0] += 1
        self.counts[name][2] += right

    def _count_gold(self, name: str, unit: int, hit: bool, blind: bool) -> None:
        self.counts[name][1] += 1
        if blind:
            self._tables[name][unit, _GOLD] += 1
            self._tables[name][unit, _HIT] += hit


def _score(table: Floats, texts: int, counts: Sequence[int], entry: bool = False) -> Score:
    found, gold, matched = counts
    figures = shares_of(table)
    precision, recall, f1 = figures[0], *((None, None) if entry else figures[1:])
    return Score(
        precision, recall, f1, found, gold, matched, 0 if entry else int(table[:, _GOLD].sum()), texts, len(table)
    )


def shares_of(table: Floats) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    """Precision, recall and F1 of counts [units, 4]: found, found and right, gold of blind texts, found of those."""
    columns = table.T
    precision = _share(columns[_RIGHT], columns[_FOUND])
    recall = _share(columns[_HIT], columns[_GOLD])
    values = f1_by_unit(table)
    if precision is None or recall is None or values is None:
        return precision, recall, None
    n = min(precision.n, recall.n)
    f1 = mean_share(values, n)
    return precision, recall, f1 and replace(f1, n=n)


def _share(right: Floats, of: Floats) -> Estimate | None:
    # `n` is what the share rests on: marks or gold spans, not texts.
    found = share(right, of, of.sum())
    return found and replace(found, n=int(of.sum()))


def f1_by_unit(table: Floats) -> Floats | None:
    """Values [units] whose mean is F1 and whose spread is that of F1 over units, by the delta method; None without F1.

    It is formed of precision and recall, not of counts: they rest on different texts, recall on blind ones alone.
    """
    found, right, gold, hit = table.T
    if not found.sum() or not gold.sum():
        return None
    precision, recall = right.sum() / found.sum(), hit.sum() / gold.sum()
    total = precision + recall
    if not total:
        return np.zeros(len(table))
    of_precision = (right - precision * found) / found.mean()
    of_recall = (hit - recall * gold) / gold.mean()
    f1: Floats = 2 * (precision * recall * total + recall**2 * of_precision + precision**2 * of_recall) / total**2
    return f1


@dataclass(frozen=True, slots=True)
class Corrected:
    """Cues a trace as counted, and as estimated from the precision and recall of the counter.

    `gold` says how many of the counter's marks people checked, `blind` how many gold cues its recall rests on. `real`
    is None where precision is unknown; without recall it leaves out what was missed (`missed` False).
    """

    counted: Estimate
    real: Estimate | None
    gold: int
    blind: int
    missed: bool


# An entry that people checked seldom leans on the precision of the whole, as if it had been checked so often before:
# otherwise one wrong hit of a rare word would set its precision to 0.
PRIOR = 5.0


def corrected(
    counts: Floats, entries: Sequence[str], texts: Sequence[Compared], criterion: Criterion = Criterion.OVERLAP
) -> Corrected | None:
    """A run's `counts` [problems, entries] corrected: each entry's by its precision, all of them by recall.

    The precision of an entry that was checked n times is (right + PRIOR * p) / (n + PRIOR), with p that of all entries.
    The interval, by percentiles, resamples the run's problems and the judged texts' units, both. None without problems.
    """
    if not len(counts):
        return None
    per_unit = _entry_tables(texts, entries, criterion)
    run = resampled_means(counts) if len(counts) > 1 else None
    counted = mean_estimate(counts.sum(axis=1))
    assert counted is not None
    judged = int(per_unit[:, : len(entries)].sum())
    blind = int(per_unit[:, -2].sum())
    if not judged:
        return Corrected(counted, None, 0, blind, False)
    value = _real(counts.mean(axis=0)[None], per_unit.mean(axis=0)[None] * len(per_unit), len(entries))[0]
    real = Estimate(float(value), None, None, judged)
    if run is not None and len(per_unit) > 1:
        gold = resampled_means(per_unit) * len(per_unit)
        # Both are resampled from one seed: shifting one against the other makes them independent.
        many = _real(run, np.roll(gold, len(gold) // 2, axis=0), len(entries))
        kept = np.isfinite(many)
        if kept.mean() >= LEVEL:
            low, high = sorted_interval(np.sort(many[kept])[:, None], 1 - LEVEL)
            real = Estimate(float(value), float(low[0]), float(high[0]), judged)
    return Corrected(counted, real, judged, blind, blind > 0)


def _entry_tables(texts: Sequence[Compared], entries: Sequence[str], criterion: Criterion) -> Floats:
    """A row a unit: found by entry, right by entry, gold of blind texts, and how much of that was found."""
    units = {unit: place for place, unit in enumerate(dict.fromkeys(text.unit for text in texts))}
    places = {name: place for place, name in enumerate(entries)}
    width = len(entries)
    table = np.zeros((len(units), 2 * width + 2))
    for text in texts:
        row = table[units[text.unit]]
        found = [Span(one.start, one.end, "") for one in text.found]
        gold = [Span(span.start, span.end, "") for span in text.gold]
        together = pairs(found, gold, criterion)
        right = {mine for mine, _ in together}
        for place, one in enumerate(text.found):
            if one.entry in places:
                row[places[one.entry]] += 1
                row[width + places[one.entry]] += place in right
        if text.blind:
            row[-2] += len(gold)
            row[-1] += len(together)
    return table


def _real(counts: Floats, gold: Floats, width: int) -> Floats:
    """Real cues a trace, [samples], from counts [samples, entries] and judged totals [samples, 2 * entries + 2]."""
    found, right = gold[:, :width], gold[:, width : 2 * width]
    total = found.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        base = right.sum(axis=1, keepdims=True) / total
        precision = (right + PRIOR * base) / (found + PRIOR)
        # Nothing is known of what was missed without blind texts: then nothing is added for it.
        recall = np.where(gold[:, -2] > 0, gold[:, -1] / gold[:, -2], 1.0)
        result: Floats = (counts * precision).sum(axis=1) / recall
    return result
