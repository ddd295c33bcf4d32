"""Precision, recall and corrected counts against gold, on texts small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.annotation import Span
from backend.measure.gold import PRIOR, Compared, FoundSpan, corrected, evaluate
from backend.measure.spans import Criterion

HEDGE, HESITATION = "hedge", "hesitation"


def text(
    found: list[tuple[int, int, str, str]], gold: list[tuple[int, int, str]], unit: str, blind: bool = True
) -> Compared:
    return Compared(tuple(FoundSpan(*one) for one in found), tuple(Span(*one) for one in gold), unit, blind)


# Two texts: of three marks two are right, of four gold spans two are found; one is right but of another group.
TEXTS = [
    text([(0, 5, "maybe", HEDGE), (10, 14, "wait", HESITATION)], [(0, 9, HEDGE), (20, 24, HEDGE)], "one"),
    text([(3, 6, "hmm", HESITATION)], [(3, 6, HEDGE), (30, 33, HESITATION)], "two"),
]


def test_figures_are_what_counting_by_hand_gives() -> None:
    found = evaluate(TEXTS)
    whole = found.whole
    assert whole.precision and whole.recall and whole.f1
    assert (whole.precision.value, whole.recall.value) == (pytest.approx(2 / 3), pytest.approx(2 / 4))
    assert whole.f1.value == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert (whole.found, whole.gold, whole.matched, whole.recall_gold) == (3, 4, 2, 4)
    assert (whole.texts, whole.units, whole.precision.n, whole.recall.n) == (2, 2, 3, 4)
    hedge, hesitation = found.groups[HEDGE], found.groups[HESITATION]
    assert (
        hedge.precision and hedge.precision.value == 1 and hedge.recall and hedge.recall.value == pytest.approx(1 / 3)
    )
    assert hesitation.precision and hesitation.precision.value == 0, "the right place, but of another group"
    assert {name: one.precision.value for name, one in found.entries.items() if one.precision} == {
        "maybe": 1, "wait": 0, "hmm": 1,
    }  # fmt: skip
    exact = evaluate(TEXTS, Criterion.EXACT).whole
    assert exact.precision and exact.precision.value == pytest.approx(1 / 3)


def test_recall_rests_on_blind_texts_alone() -> None:
    assisted = Compared(TEXTS[1].found, TEXTS[1].gold, "two", blind=False)
    whole = evaluate([TEXTS[0], assisted]).whole
    assert whole.precision and whole.precision.value == pytest.approx(2 / 3), "precision rests on all"
    assert whole.recall and (whole.recall.value, whole.recall.n) == (pytest.approx(1 / 2), 2)
    nothing = evaluate([assisted]).whole
    assert nothing.recall is None and nothing.f1 is None and nothing.precision is not None


def test_units_are_resampled_as_wholes() -> None:
    many = [text([(0, 1, "x", HEDGE)], [(0, 1, HEDGE)] if k % 2 else [], f"unit {k}") for k in range(40)]
    whole = evaluate(many).whole
    assert whole.precision and whole.precision.low is not None and whole.precision.high is not None
    assert 0.3 < whole.precision.low < 0.5 < whole.precision.high < 0.7
    one_unit = evaluate([Compared(one.found, one.gold, "all", True) for one in many]).whole
    assert one_unit.precision and one_unit.precision.low is None, "one unit has no spread"


def test_corrected_counts_by_hand() -> None:
    """10 cues a trace by an entry that is right 3 of 4 times, and half of what people mark is found."""
    texts = [
        text([(k, k + 1, "maybe", HEDGE) for k in range(0, 8, 2)], [(0, 1, HEDGE), (2, 3, HEDGE), (4, 5, HEDGE)], "a"),
        text([], [(50, 51, HEDGE), (60, 61, HEDGE), (70, 71, HEDGE)], "b"),
    ]
    found = corrected(np.array([[8.0], [12.0]]), ["maybe"], texts)
    assert found and found.counted.value == 10 and found.real
    precision = (3 + PRIOR * 0.75) / (4 + PRIOR)
    assert precision == pytest.approx(0.75)
    assert found.real.value == pytest.approx(10 * precision / 0.5)
    assert (found.gold, found.blind, found.missed) == (4, 6, True)
    blindless = corrected(
        np.array([[8.0], [12.0]]), ["maybe"], [Compared(t.found, t.gold, t.unit, False) for t in texts]
    )
    assert blindless and blindless.real and blindless.real.value == pytest.approx(7.5) and not blindless.missed
    assert corrected(np.zeros((0, 1)), ["maybe"], texts) is None
    no_gold = corrected(np.array([[8.0], [12.0]]), ["maybe"], [])
    assert no_gold and no_gold.real is None and no_gold.gold == 0


def test_a_rare_entry_leans_on_all_of_them() -> None:
    texts = [
        text([(k, k + 1, "often", HEDGE) for k in range(0, 40, 2)], [(k, k + 1, HEDGE) for k in range(0, 20, 2)], "a"),
        text([(0, 1, "once", HEDGE)], [(0, 1, HEDGE)], "b"),
    ]
    found = corrected(np.array([[0.0, 1.0]]), ["often", "once"], texts)
    assert found and found.real
    base = 11 / 21
    assert found.real.value == pytest.approx((1 + PRIOR * base) / (1 + PRIOR)), "one hit isn't a precision of one"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 30), max_size=6), st.lists(st.integers(0, 30), max_size=6)), max_size=8)
)
def test_figures_stay_within_bounds_in_any_order(lists: list[tuple[list[int], list[int]]]) -> None:
    texts = [
        text([(a, a + 2, "x", HEDGE) for a in found], [(b, b + 2, HEDGE) for b in gold], f"u{k % 3}")
        for k, (found, gold) in enumerate(lists)
    ]
    one, two = evaluate(texts).whole, evaluate(texts[::-1]).whole
    for ours, theirs in ((one.precision, two.precision), (one.recall, two.recall), (one.f1, two.f1)):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            assert 0 <= ours.value <= 1 and ours.value == pytest.approx(theirs.value)
            assert ours.low is None or theirs.low is None or ours.low == pytest.approx(theirs.low)
