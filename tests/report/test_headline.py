"""Headlines follow the figures: every combination of signs, and what no figure supports is not claimed."""

from __future__ import annotations

import itertools

import pytest

from backend.measure.bootstrap import Estimate
from backend.report.headline import Direction, direction, headline, lost_doubts


def change(value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(value, low, high, 40)


CHANGES = {
    Direction.RISES: change(2.0, 0.5, 3.5),
    Direction.FALLS: change(-2.0, -3.5, -0.5),
    Direction.SAME: change(0.0, 0.0, 0.0),
    Direction.UNDECIDED: change(2.0, -0.5, 4.0),
    Direction.UNKNOWN: None,
}
DOUBTS = {
    Direction.RISES: "More doubts",
    Direction.FALLS: "Fewer doubts",
    Direction.SAME: "As many doubts",
    Direction.UNDECIDED: "No clear change in doubts",
    Direction.UNKNOWN: "Doubts unknown",
}
RIGHT = {
    Direction.RISES: "more right answers",
    Direction.FALLS: "fewer right answers",
    Direction.SAME: "as many right answers",
    Direction.UNDECIDED: "no clear change in accuracy",
    Direction.UNKNOWN: "accuracy unknown",
}


@pytest.mark.parametrize(("cues", "accuracy"), list(itertools.product(Direction, Direction)))
def test_every_combination_of_signs_has_its_headline(cues: Direction, accuracy: Direction) -> None:
    assert headline(CHANGES[cues], CHANGES[accuracy]) == f"{DOUBTS[cues]}, {RIGHT[accuracy]}"


@pytest.mark.parametrize(
    ("low", "high", "goes"),
    [
        (None, None, Direction.UNDECIDED),
        (None, 3.0, Direction.UNDECIDED),
        (0.0, 3.0, Direction.UNDECIDED),
        (-3.0, 0.0, Direction.UNDECIDED),
        (-3.0, 3.0, Direction.UNDECIDED),
        (1e-9, 3.0, Direction.RISES),
        (-3.0, -1e-9, Direction.FALLS),
    ],
)
def test_a_direction_needs_an_interval_beside_zero(low: float | None, high: float | None, goes: Direction) -> None:
    assert direction(change(1.0, low, high)) is goes


def test_doubts_are_lost_where_nearly_all_are_gone() -> None:
    fell, some, none = CHANGES[Direction.FALLS], Estimate(9.0, 8.0, 10.0, 40), Estimate(0.2, 0.0, 0.4, 40)
    assert lost_doubts(some, none, fell)
    assert not lost_doubts(some, Estimate(4.0, 3.0, 5.0, 40), fell)
    assert not lost_doubts(some, none, CHANGES[Direction.UNDECIDED]) and not lost_doubts(None, none, fell)
