"""Finders on the same texts: the figures of gold.py, and a difference with an interval of its own."""

from __future__ import annotations

import random

import pytest

from backend.annotation import Span
from backend.measure.finders import Contest
from backend.measure.gold import Compared, FoundSpan, evaluate
from backend.measure.spans import Criterion


def texts(seed: int, share: float, units: int = 12, blind: float = 1.0) -> list[Compared]:
    """A finder that finds `share` of the gold, and marks as much again that is none."""
    draw, gold = random.Random(seed), random.Random(0)
    made = []
    for number in range(3 * units):
        spans = tuple(Span(10 * i, 10 * i + 5, "") for i in range(gold.randint(0, 6)))
        found = [FoundSpan(s.start, s.end - draw.randint(0, 2), "", "") for s in spans if draw.random() < share]
        found += [FoundSpan(100 + 10 * i, 105 + 10 * i, "", "") for i in range(draw.randint(0, 2))]
        made.append(Compared(tuple(found), spans, f"unit {number % units}", number < blind * 3 * units))
    return made


@pytest.mark.parametrize("criterion", [Criterion.OVERLAP, Criterion.EXACT])
@pytest.mark.parametrize("blind", [1.0, 0.5])
def test_the_figures_are_those_of_gold(criterion: Criterion, blind: float) -> None:
    finders = {"good": texts(1, 0.9, blind=blind), "bad": texts(2, 0.3, blind=blind)}
    contest = Contest(finders, criterion)
    for name, compared in finders.items():
        mine, theirs = contest.figures[name], evaluate(compared, criterion).whole
        assert (mine.found, mine.gold, mine.units) == (theirs.found, theirs.recall_gold, theirs.units)
        for ours, other in ((mine.precision, theirs.precision), (mine.recall, theirs.recall), (mine.f1, theirs.f1)):
            assert ours is not None and other is not None
            assert ours.value == pytest.approx(other.value) and ours.low == pytest.approx(other.low, abs=0.02)


def test_a_lead_is_paired() -> None:
    contest = Contest({"good": texts(1, 0.9), "bad": texts(2, 0.3), "same": texts(1, 0.9)}, Criterion.OVERLAP)
    lead, behind = contest.lead("good", "bad"), contest.lead("bad", "good")
    assert lead is not None and behind is not None and lead.low is not None and behind.high is not None
    assert 0 < lead.low < lead.value and (behind.value, behind.high) == (
        pytest.approx(-lead.value),
        pytest.approx(-lead.low),
    )
    same = contest.lead("good", "same")
    assert same is not None and same.low is not None and same.high is not None
    assert same.value == 0 and -0.1 < same.low == -same.high, "even equal finders may differ on other texts"


def test_what_cannot_be_told_is_none() -> None:
    nothing = [Compared((), (Span(0, 3, ""),), "a"), Compared((), (), "b")]
    one = [Compared((FoundSpan(0, 3, "", ""),), (Span(0, 3, ""),), "a"), Compared((), (), "a")]
    figures = Contest({"nothing": nothing}, Criterion.OVERLAP).figures["nothing"]
    assert figures.precision is None and figures.f1 is None and figures.recall is not None and figures.recall.value == 0
    contest = Contest({"one": one, "nothing": [Compared((), (), "a")] * 2}, Criterion.EXACT)
    single = contest.figures["one"].f1
    assert single is not None and (single.value, single.low, single.high) == (1, None, None)
    assert contest.lead("one", "nothing") is None
    with pytest.raises(ValueError, match="same texts"):
        Contest({"a": one, "b": one[:1]}, Criterion.EXACT)
