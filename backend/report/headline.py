"""The headline of a pair of runs: what the figures say of doubts and right answers, by the sign and interval of each.

A headline claims a direction only where the interval of the paired change lies on one side of zero.
"""

from enum import StrEnum

from backend.measure.bootstrap import Estimate


class Direction(StrEnum):
    """Where a figure goes from A to B."""

    RISES = "rises"
    FALLS = "falls"
    SAME = "same"
    UNDECIDED = "undecided"  # zero lies in the interval, or there is none
    UNKNOWN = "unknown"


def direction(change: Estimate | None) -> Direction:
    """The direction of a difference B - A by its interval."""
    if change is None:
        return Direction.UNKNOWN
    low, high = change.low, change.high
    if low is None or high is None or low < 0 < high:
        return Direction.UNDECIDED
    if low == high == 0:
        return Direction.SAME
    # An end that lies at zero exactly leaves "no change" open.
    return Direction.RISES if low > 0 else Direction.FALLS if high < 0 else Direction.UNDECIDED


_DOUBTS = {
    Direction.RISES: "More doubts",
    Direction.FALLS: "Fewer doubts",
    Direction.SAME: "As many doubts",
    Direction.UNDECIDED: "No clear change in doubts",
    Direction.UNKNOWN: "Doubts unknown",
}
_RIGHT = {
    Direction.RISES: "more right answers",
    Direction.FALLS: "fewer right answers",
    Direction.SAME: "as many right answers",
    Direction.UNDECIDED: "no clear change in accuracy",
    Direction.UNKNOWN: "accuracy unknown",
}


def headline(cues: Estimate | None, accuracy: Estimate | None) -> str:
    """The title over a pair, from the paired changes (B - A) of cues per trace and of accuracy: "Fewer doubts, more
    right answers".
    """
    return f"{_DOUBTS[direction(cues)]}, {_RIGHT[direction(accuracy)]}"


def lost_doubts(a: Estimate | None, b: Estimate | None, change: Estimate | None) -> bool:
    """Whether nearly all doubts are gone from A to B: nine of ten, beyond what chance does."""
    if a is None or b is None:
        return False
    return direction(change) is Direction.FALLS and b.value <= a.value / 10
