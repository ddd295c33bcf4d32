"""Inter-annotator agreement: span F1, Krippendorff's alpha on characters, Cohen's kappa on the machine's cues.

Owns these formulas with their intervals, and the sentence that stands in for an undefined figure. Nothing depends on
the order of items, people or spans.

Span F1 between two people is 2 * pairs / (spans of one + spans of the other), pairs being a largest one-to-one
matching: symmetric, and the value kappa tends to where the stretches nobody marked are countless (Hripcsak and
Rothschild 2005). Of several people: pairs of people pooled, each counting by its spans.

Alpha takes every character for a unit and what stands on it for its value, "nothing" included: the nominal alpha of
Krippendorff 2011 ("Computing Krippendorff's Alpha-Reliability") over unitised text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.annotation import Span
from backend.measure.bootstrap import LEVEL, Floats, resampled_means, sorted_interval
from backend.measure.shares import share
from backend.measure.spans import Criterion, matched

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AgreementFigure:
    """A figure of agreement over `n` items with its 95 % interval, or the reason (`why`) for its being undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """An item as the people who are finished with it left it: `spans` by person, over a stretch of `size` characters.

    Offsets count from the stretch's start. `cues` are the machine's there, as [start, end); `answers` says for each
    person and cue whether it is one.
    """

    size: int
    spans: Mapping[str, Sequence[Span]]
    cues: Sequence[tuple[int, int]] = ()
    answers: Mapping[str, Sequence[bool]] | None = None
    # What is resampled as a whole: the pieces of one trace are alike, and drawn singly they would make the interval too
    # narrow. An item without a unit is one of its own.
    unit: str = ""


def pairs_of(items: Sequence[Judged]) -> list[tuple[str, str]]:
    """The pairs of people of whom both finished some item, in order."""
    return sorted({pair for item in items for pair in combinations(sorted(item.spans), 2)})


def span_f1(items: Sequence[Judged], criterion: Criterion, who: tuple[str, str] | None = None) -> AgreementFigure:
    """F1 of spans between two people, or pooled over all pairs of people."""
    rows = []
    for item in items:
        row = np.zeros(2)
        for one, other in [who] if who else combinations(sorted(item.spans), 2):
            if one in item.spans and other in item.spans:
                ours, theirs = list(item.spans[one]), list(item.spans[other])
                row += (2 * matched(ours, theirs, criterion), len(ours) + len(theirs))
        rows.append(row)
    shared = [(item, row) for item, row in zip(items, rows, strict=True) if _both(item, who)]
    if not shared:
        return _nobody(who)
    table = _by_unit([item for item, _ in shared], np.array([row for _, row in shared]))
    if not table[:, 1].any():
        return AgreementFigure(
            None, n=len(shared), why="Nobody marked anything in these items, so that there is nothing to agree on."
        )
    return _ratio(table, len(shared))


def _by_unit(items: Sequence[Judged], rows: Floats) -> Floats:
    """Rows [items, ...] summed by unit, [units, ...]."""
    places: dict[str, int] = {}
    own = [places.setdefault(item.unit or f"item {k}", len(places)) for k, item in enumerate(items)]
    table = np.zeros((len(places), *rows.shape[1:]))
    np.add.at(table, own, rows)
    return table


def alpha(items: Sequence[Judged], who: tuple[str, str] | None = None) -> AgreementFigure:
    """Krippendorff's nominal alpha over characters, of two people or of all."""
    shared = [item for item in items if _both(item, who)]
    if not shared:
        return _nobody(who)
    # Number 0 is "nothing stands here", a value like the others.
    values: dict[tuple[str, ...], int] = {(): 0}
    coded = [_codes(item, who, values) for item in shared]
    # Numbered by name: in the order of their first appearance the resamples would depend on that of the items.
    place = np.argsort(np.argsort([str(labels) for labels in values]))
    tables = _by_unit(shared, np.array([coincidences(place[codes], len(values)).ravel() for codes in coded]))
    size = len(values)
    value = alpha_of(tables.sum(axis=0).reshape(size, size))
    if value is None:
        return AgreementFigure(
            None, n=len(shared), why="Everybody left every character unmarked, so that alpha is undefined."
        )
    if len(tables) == 1:
        return AgreementFigure(value, n=len(shared))
    totals = resampled_means(tables)[::_STRIDE] * len(tables)
    return _with_interval(value, _alphas(totals.reshape(-1, size, size)), len(totals), len(shared))


_STRIDE: Final = 5  # 2,000 resamples of a matrix: enough for two decimals, and a fifth of the time


def coincidences(codes: Codes, size: int) -> Floats:
    """The coincidence matrix [size, size] of codes [observers, units]: each pair of values of a unit, over m - 1."""
    counts = np.stack([(codes == value).sum(axis=0) for value in range(size)], axis=1).astype(np.float64)
    # A unit that one observer alone has coded can't be compared and drops out (Krippendorff 2011).
    observers = counts.sum(axis=1)
    counts = counts[observers >= 2]
    weights = 1.0 / (observers[observers >= 2] - 1)
    weighted = counts * weights[:, None]
    result: Floats = weighted.T @ counts - np.diag(weighted.sum(axis=0))
    return result


def alpha_of(table: Floats) -> float | None:
    """Alpha of a coincidence matrix; None where all values are one and the same, or there are none."""
    by_value = table.sum(axis=1)
    total = by_value.sum()
    expected = total * total - (by_value * by_value).sum()
    if total <= 1 or expected <= 0:
        return None
    disagreement = total - np.trace(table)
    return float(1 - (total - 1) * disagreement / expected)


def _alphas(tables: Floats) -> list[float]:
    """`alpha_of` many coincidence matrices at once, [samples, size, size]; those without one are left out."""
    by_value = tables.sum(axis=2)
    total = by_value.sum(axis=1)
    expected = total * total - (by_value * by_value).sum(axis=1)
    known = (total > 1) & (expected > 0)
    disagreement = total - np.trace(tables, axis1=1, axis2=2)
    found: list[float] = (1 - (total[known] - 1) * disagreement[known] / expected[known]).tolist()
    return found


def kappa(items: Sequence[Judged], who: tuple[str, str] | None = None) -> AgreementFigure:
    """Cohen's kappa over the machine's cues: is it one, or not? Of several people, the mean over pairs (Light)."""
    chosen = [item for item in items if item.answers is not None and item.cues and _both(item, who)]
    if not chosen:
        return AgreementFigure(None, why="No two people finished an item that shows machine cues.")
    people = [who] if who else pairs_of(chosen)
    table = _by_unit(chosen, np.array([np.concatenate([_answers(item, pair) for pair in people]) for item in chosen]))
    # The mean over the pairs whose kappa is defined (Light 1971); four counts a pair.
    defined = [one for counts in table.sum(axis=0).reshape(-1, 4) if (one := kappa_of(counts)) is not None]
    if not defined:
        return AgreementFigure(None, n=len(chosen), why="All answers are the same, so that kappa is undefined.")
    value = sum(defined) / len(defined)
    if len(table) == 1:
        return AgreementFigure(value, n=len(chosen))
    means = resampled_means(table)[::_STRIDE]
    return _with_interval(value, _mean_kappas(means), len(means), len(chosen))


def _answers(item: Judged, pair: tuple[str, str]) -> Floats:
    """How often the two answered no and no, no and yes, yes and no, yes and yes."""
    row = np.zeros(4)
    if item.answers is not None and all(person in item.answers for person in pair):
        for first, second in zip(item.answers[pair[0]], item.answers[pair[1]], strict=True):
            row[2 * first + second] += 1
    return row


def kappa_of(table: Floats | Sequence[float]) -> float | None:
    """Cohen's kappa of a square table of counts, given as a flat row; None where chance alone agrees wholly."""
    flat = np.asarray(table, dtype=np.float64)
    size = int(np.sqrt(len(flat)))
    square = flat.reshape(size, size)
    total = square.sum()
    if total <= 0:
        return None
    observed = np.trace(square) / total
    chance = float((square.sum(axis=0) * square.sum(axis=1)).sum() / total**2)
    # Where chance is 1 both gave one and the same answer throughout: 0 / 0, up to rounding.
    return float((observed - chance) / (1 - chance)) if chance < 1 - 1e-12 else None


def _mean_kappas(rows: Floats) -> list[float]:
    """The mean kappa of many rows at once, [samples, 4 * pairs]; rows in which no pair has one are left out."""
    tables = rows.reshape(len(rows), -1, 4)
    with np.errstate(divide="ignore", invalid="ignore"):
        none, other, one, both = np.moveaxis(tables / tables.sum(axis=2, keepdims=True), 2, 0)
        chance = (none + other) * (none + one) + (one + both) * (other + both)
        kappas = np.where(chance < 1 - 1e-12, (none + both - chance) / (1 - chance), np.nan)
    known = np.isfinite(kappas)
    count, total = known.sum(axis=1), np.where(known, kappas, 0).sum(axis=1)
    found: list[float] = (total[count > 0] / count[count > 0]).tolist()
    return found


def _codes(item: Judged, who: tuple[str, str] | None, values: dict[tuple[str, ...], int]) -> Codes:
    """What each person has on each character, [people, characters], as numbers of `values`, which grows."""
    # Labels change at the ends of spans alone: even a text of 100,000 characters takes no more steps than it has spans.
    people = list(who) if who else sorted(item.spans)
    rows = []
    for person in people:
        edges = sorted(
            {0, item.size, *(at for s in item.spans[person] for at in (s.start, s.end) if 0 <= at <= item.size)}
        )
        row = np.zeros(item.size, dtype=np.int64)
        for start, end in pairwise(edges):
            # Overlapping labels together are a value of their own: nominal alpha knows no partial match.
            labels = tuple(sorted({s.label for s in item.spans[person] if s.start <= start and s.end >= end}))
            row[start:end] = values.setdefault(labels, len(values))
        rows.append(row)
    return np.array(rows).reshape(len(people), item.size)


def _both(item: Judged, who: tuple[str, str] | None) -> bool:
    return len(item.spans) >= 2 if who is None else all(person in item.spans for person in who)


def _nobody(who: tuple[str, str] | None) -> AgreementFigure:
    people = "these two" if who else "two people"
    return AgreementFigure(
        None, why=f"There is no item that {people} have finished, so that there is nothing to compare."
    )


def _ratio(table: Floats, n: int) -> AgreementFigure:
    # A pair of spans counts twice in either column.
    found = share(table[:, 0], table[:, 1], table[:, 1].sum() / 2)
    assert found is not None
    return AgreementFigure(found.value, found.low, found.high, n)


def _with_interval(value: float, many: Sequence[float], of: int, n: int) -> AgreementFigure:
    """The percentile interval; none where too many resamples are undefined, or all are the same."""
    # The bounds would come from the defined resamples alone, and they aren't a fair sample of all.
    if len(many) < LEVEL * of:
        return AgreementFigure(value, n=n)
    low, high = sorted_interval(np.sort(np.array(many))[:, None], 1 - LEVEL)
    return AgreementFigure(value, float(low[0]), float(high[0]), n) if low[0] < high[0] else AgreementFigure(value, n=n)
