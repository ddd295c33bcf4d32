"""Agreement: published worked examples, what must hold for any labels, and the sentences where nothing can be said."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate import Evaluator
from sklearn.metrics import cohen_kappa_score

from backend.annotation import Span
from backend.measure.agreement import Judged, alpha, alpha_of, coincidences, kappa, kappa_of, pairs_of, span_f1
from backend.measure.spans import Criterion, matched, normalised, pairs

_ = -1


def coded(*rows: str) -> np.ndarray:
    """Observers' values as letters or figures, `*` for a missing one, as numbers from 0."""
    values = sorted({letter for row in rows for letter in row.replace(" ", "") if letter != "*"})
    return np.array([[_ if x == "*" else values.index(x) for x in row.replace(" ", "")] for row in rows])


# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", sections A, B and C.
EXAMPLES = {
    "A: two observers, binary": (coded("0100000010", "1110010000"), 0.095),
    "B: two observers, nominal": (coded("aabbdcccedda", "babbbcccedd d"), 0.692),
    "C: four observers, missing values": (
        coded("1233 2141 2***", "1233 2241 25*3", "*333 2342 251*", "1233 2441 251*"), 0.743,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_alpha_equals_krippendorffs_own_examples(name: str) -> None:
    data, published = EXAMPLES[name]
    found = alpha_of(coincidences(data, int(data.max()) + 1))
    assert found is not None and round(found, 3) == published


def test_alpha_over_characters_is_the_same_formula_over_units() -> None:
    """The example of two observers with every unit a character: a letter is the label of a span of one."""
    ben, gerry = "aabbdccceddaa", "babbbcccedddd"
    spans = {name: [Span(i, i + 1, x) for i, x in enumerate(text)] for name, text in (("ben", ben), ("gerry", gerry))}
    unitised = alpha([Judged(len(ben), spans)])
    data = coded(ben, gerry)
    assert unitised.value == pytest.approx(alpha_of(coincidences(data, int(data.max()) + 1)), abs=1e-12)


# Cohen's kappa of 50 applications, both readers yes 20, no 15, apart 5 and 10: observed 0.7, by chance 0.5. The example
# of many textbooks, "Cohen's kappa" in Wikipedia among them; the two below it there share 60 % and differ in kappa.
@pytest.mark.parametrize(
    ("table", "published"), [((20, 5, 10, 15), 0.4), ((45, 15, 25, 15), 0.1304), ((25, 35, 5, 35), 0.2593)]
)
def test_kappa_equals_textbook_examples(table: tuple[float, ...], published: float) -> None:
    assert kappa_of(table) == pytest.approx(published, abs=5e-5)


def test_kappa_over_cues_is_scikit_learns() -> None:
    draw = random.Random(3)
    one, other = ([draw.random() < 0.6 for _ in range(60)] for _ in range(2))
    items = [
        Judged(100, {"a": [], "b": []}, [(k, k + 1) for k in range(6)], {"a": one[i : i + 6], "b": other[i : i + 6]})
        for i in range(0, 60, 6)
    ]
    figure = kappa(items)
    assert figure.value == pytest.approx(cohen_kappa_score(one, other))
    assert figure.n == 10 and figure.low is not None and figure.low <= figure.value <= (figure.high or 1)


def test_f1_is_what_kappa_tends_to_where_nothing_is_common() -> None:
    """Hripcsak and Rothschild 2005: with a, b, c fixed and d growing, kappa tends to 2a / (2a + b + c)."""
    both, one, other = 12, 3, 5
    tends = [kappa_of((nothing, one, other, both)) or 0.0 for nothing in (10, 1_000, 1_000_000)]
    spans = [Span(10 * i, 10 * i + 4, "x") for i in range(20)]
    figure = span_f1(
        [Judged(200, {"a": spans[: both + one], "b": spans[:both] + spans[15 : 15 + other]})], Criterion.EXACT
    )
    assert figure.value == pytest.approx(2 * both / (2 * both + one + other))
    assert [abs(value - (figure.value or 0)) for value in tends] == sorted(
        (abs(value - (figure.value or 0)) for value in tends), reverse=True
    )
    assert tends[-1] == pytest.approx(figure.value, abs=1e-4)


def test_exact_matches_are_nervaluates_strict_where_nothing_overlaps() -> None:
    draw = random.Random(5)
    for _round in range(25):
        lists = []
        for _person in range(2):
            at, spans = 0, []
            while at < 200:
                at += draw.randint(1, 12)
                end = at + draw.choice((3, 4, 5))
                spans.append(Span(at, end, draw.choice("xy")))
                at = end
            lists.append(spans)
        told = [[{"start": s.start, "end": s.end, "label": s.label} for s in spans] for spans in lists]
        theirs = Evaluator([told[0]], [told[1]], tags=["x", "y"], loader="dict").evaluate()["overall"]["strict"]
        ours = matched(lists[0], lists[1], Criterion.EXACT)
        assert ours == theirs.correct
        assert 2 * ours / sum(map(len, lists)) == pytest.approx(theirs.f1)


spans_of = st.lists(
    st.tuples(st.integers(0, 58), st.integers(1, 9), st.sampled_from("abc")).map(
        lambda t: Span(t[0], min(60, t[0] + t[1]), t[2])
    ),
    max_size=9,
)
TEXT = "Wait, maybe (perhaps) the sum is even? Hmm... let me check it"[:60]


@settings(max_examples=60, deadline=None)
@given(spans_of, spans_of, st.sampled_from(list(Criterion)), st.randoms())
def test_matching_is_one_to_one_symmetric_and_as_large_as_can_be(
    ours: list[Span], theirs: list[Span], criterion: Criterion, draw: random.Random
) -> None:
    found = pairs(ours, theirs, criterion)
    assert len({a for a, _b in found}) == len({b for _a, b in found}) == len(found)
    for a, b in found:
        one, other = ours[a], theirs[b]
        assert one.start < other.end and other.start < one.end
        assert criterion is Criterion.POSITION or one.label == other.label
    assert matched(theirs, ours, criterion) == len(found)
    shuffled = draw.sample(ours, len(ours)), draw.sample(theirs, len(theirs))
    assert matched(*shuffled, criterion) == len(found)
    assert len(found) == _largest(ours, theirs, criterion)
    assert matched(ours, ours, criterion) == len(ours)


def _largest(ours: list[Span], theirs: list[Span], criterion: Criterion) -> int:
    """By another library's matching."""
    from scipy.optimize import linear_sum_assignment

    if not ours or not theirs:
        return 0
    fit = np.array([[float(len(pairs([a], [b], criterion))) for b in theirs] for a in ours])
    rows, columns = linear_sum_assignment(fit, maximize=True)
    return int(fit[rows, columns].sum())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(spans_of, spans_of, spans_of), min_size=1, max_size=5), st.randoms())
def test_figures_are_symmetric_ordered_by_nothing_and_bounded(
    lists: list[tuple[list[Span], ...]], draw: random.Random
) -> None:
    items = [Judged(60, dict(zip("abc", three, strict=True))) for three in lists]
    renamed = [Judged(60, dict(zip("cab", (draw.sample(s, len(s)) for s in three), strict=True))) for three in lists]
    other = draw.sample(renamed, len(renamed))
    for figure in (lambda x: alpha(x), lambda x: span_f1(x, Criterion.EXACT), lambda x: span_f1(x, Criterion.OVERLAP)):
        one, two = figure(items), figure(other)
        assert (one.value is None) == (two.value is None) and bool(one.why) == (one.value is None)
        if one.value is not None:
            assert one.value == pytest.approx(two.value) and one.value <= 1
            assert one.low == pytest.approx(two.low) and one.high == pytest.approx(two.high)
    exact, overlap, position = (span_f1(items, criterion).value for criterion in Criterion)
    assert exact is None or 0 <= exact <= (overlap or 0) + 1e-12 <= (position or 0) + 2e-12
    same = [Judged(60, dict.fromkeys("ab", three[0])) for three in lists]
    agreed = alpha(same).value, span_f1(same, Criterion.EXACT).value
    assert all(value is None or value == pytest.approx(1) for value in agreed)


@settings(max_examples=40, deadline=None)
@given(spans_of)
def test_white_space_and_punctuation_at_the_ends_are_no_disagreement(spans: list[Span]) -> None:
    wide = []
    for start, end, label in normalised(spans, TEXT):
        while end < len(TEXT) and not TEXT[end].isalnum():
            end += 1
        while start > 0 and not TEXT[start - 1].isalnum():
            start -= 1
        wide.append(Span(start, end, label))
    assert normalised(wide, TEXT) == normalised(normalised(spans, TEXT), TEXT) or not all(
        any(c.isalnum() for c in TEXT[s.start : s.end]) for s in spans
    )
    assert normalised([Span(0, 5, "a")], TEXT) == normalised([Span(0, 4, "a")], TEXT) == [Span(0, 4, "a")]


def test_what_cannot_be_said_is_said_in_words() -> None:
    alone, silent = Judged(50, {"a": [Span(0, 3, "x")]}), Judged(50, {"a": [], "b": []})
    for figure in (alpha([alone]), span_f1([alone], Criterion.EXACT), span_f1([], Criterion.EXACT)):
        assert figure.value is None and "two people have finished" in figure.why
    assert "Nobody marked anything" in span_f1([silent], Criterion.OVERLAP).why
    assert "alpha is undefined" in alpha([silent]).why
    assert "machine cues" in kappa([silent]).why
    agreed = Judged(50, {"a": [], "b": []}, [(0, 3)], {"a": [True], "b": [True]})
    assert "kappa is undefined" in kappa([agreed, agreed]).why
    assert pairs_of([alone, silent]) == [("a", "b")]
    assert "these two" in span_f1([silent], Criterion.EXACT, ("a", "z")).why


def test_the_pieces_of_a_trace_are_resampled_as_one() -> None:
    """Copies of an item under one name add nothing to what is known; under names of their own they would."""
    draw = random.Random(7)
    made = []
    for trace in range(6):
        spans = [Span(8 * k, 8 * k + 4, "x") for k in range(7)]
        other = draw.sample(spans, draw.randint(2, 6))
        made.append((f"trace {trace}", {"a": spans, "b": other}))
    pieces = [Judged(60, spans, unit=name) for name, spans in made for _copy in range(5)]
    apart = [Judged(60, spans, unit=f"{name} {k}") for k, (name, spans) in enumerate(made * 5)]
    for figure in (lambda items: span_f1(items, Criterion.EXACT), alpha):
        whole, many = figure(pieces), figure(apart)
        assert whole.value == pytest.approx(many.value) and whole.n == many.n == 30
        assert (whole.high or 0) - (whole.low or 0) > 1.5 * ((many.high or 0) - (many.low or 0))
    assert span_f1(pieces[:5], Criterion.EXACT).low is None, "one trace has no spread"
