"""Bins of a histogram whose edges are round numbers."""

import bisect
import math
from collections.abc import Sequence

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def bin_edges(values: Sequence[float], *, most: int, whole: bool = False) -> list[float]:
    """At most `most` + 1 equal bins over `values`, their edges multiples of 1, 2, 2.5 or 5 times a power of ten.

    Zero is always an edge where the values lie on both sides of it. `whole` keeps the step at a whole number.
    Values that aren't finite are ignored; none at all gives one bin from 0 to 1.
    """
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    step = _step((high - low) / most if high > low else 0.0, whole)
    first = math.floor(low / step)
    last = max(math.floor(high / step) + 1, first + 1)  # bins are half-open: the largest value needs one above it
    if round(last * step, 12) <= high:  # 0.7 / 0.1 is a hair less than 7
        last += 1
    return [round(k * step, 12) for k in range(first, last + 1)]


def histogram(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    """How many of `values` lie in each half-open bin [edges[i], edges[i + 1]); what lies outside isn't counted."""
    counts = [0] * (len(edges) - 1)
    for value in values:
        at = bisect.bisect_right(edges, value) - 1
        if 0 <= at < len(counts):
            counts[at] += 1
    return counts


def _step(raw: float, whole: bool) -> float:
    if raw <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    steps = [step * power for step in _STEPS if step * power >= raw * (1 - 1e-9)]
    if not whole:
        return steps[0]
    # 2.5 counts would be no step: the next whole one, or where there is none the least that holds.
    return max(1.0, next((step for step in steps if step == int(step)), math.ceil(steps[0])))
