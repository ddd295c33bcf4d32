"""Loops: stretches of a text that repeat themselves.

Owns the rule for repetition. A loop is a stretch in which the same passages return again and again, at least `TIMES`
times, so that hardly anything new is said in it. Its first round belongs to it: nobody can say which of equal words
were meant. An enumeration ("n = 1: ... n = 2: ...") is none, however alike its lines are, because each holds new text.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Chosen on 20 traces read by eye and kept in the test: all lengths in code points.
PASSAGE: Final = 50  # what has to return verbatim
TIMES: Final = 4  # so often at least
REACH: Final = 5_000  # from one occurrence of a passage to its next: a round may be a page long
JOIN: Final = 100  # a gap between repeated passages that a counter or a changed word may leave
STRETCH: Final = 500  # the shortest loop: a table's rule or a formula copied over a few lines is none
NEW: Final = 0.45  # the largest share of a loop's passages that may be new in it; four equal rounds have 0.25
BRIEF, BRIEF_NEW = 200, 0.1  # a shorter one counts where the same returns ten times: "Wait. Wait. Wait. ..."

Numbers = NDArray[Any]
_EMPTY = np.zeros(0, np.int64)


class LoopSpan(NamedTuple):
    """A stretch `[start, end)` of a text that repeats itself."""

    start: int
    end: int


def find_loops(text: str) -> tuple[LoopSpan, ...]:
    """The loops of `text`, in order and apart from each other. Takes a time that grows with the text's length alone."""
    if len(text) < BRIEF:
        return ()
    order, same = _sorted(_passages(text))
    starts, ends = _stretches(order, same & (np.diff(order) <= REACH))
    before = np.full(len(order), -1)
    before[order[1:][same]] = order[:-1][same]
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        new = np.mean(before[start : end - PASSAGE + 1] < start)
        if (end - start >= STRETCH and new <= NEW) or (end - start >= BRIEF and new <= BRIEF_NEW):
            found.append(LoopSpan(start, end))
    return tuple(found)


def inside(loops: Sequence[LoopSpan], places: Numbers) -> NDArray[np.bool_]:
    """Whether each of `places` lies in one of the loops, which are in order."""
    edges = np.array(loops, dtype=np.int64).reshape(-1)
    # Of the edges start, end, start, end ... an odd number lies before a place within.
    return np.asarray(np.searchsorted(edges, places, side="right") % 2 == 1)


def _passages(text: str) -> Numbers:
    """A number for the passage that begins at each place: equal ones for equal passages."""
    found = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    size = 1
    while size < PASSAGE:
        # Two halves that may overlap make the next longer passage: six steps, however long the text is.
        step = min(size, PASSAGE - size)
        found = (found[:-step] * np.uint64(0x9E3779B97F4A7C15)) ^ (found[step:] + np.uint64(0x7F4A7C15))
        found = found * np.uint64(0xBF58476D1CE4E5B9)
        found ^= found >> np.uint64(29)
        size += step
    return found


def _sorted(passages: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """The places of passages, equal ones in a row and in order, and whether each is followed by an equal one."""
    # One number of 64 bits holds passage and place: sorting that is five times as fast as sorting places by passage.
    width = np.uint64(len(passages).bit_length())
    keys = np.sort((passages << width) | np.arange(len(passages), dtype=np.uint64))
    order = keys & ((np.uint64(1) << width) - np.uint64(1))
    return order.astype(np.int64), keys[1:] >> width == keys[:-1] >> width


def _stretches(order: Numbers, near: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Where passages that return often enough begin and end, joined over small gaps.

    `order` holds the places of passages, equal ones in a row; `near` tells where the next is the same and in reach.
    """
    first = np.flatnonzero(np.concatenate([[True], ~near, [True]]))
    rounds = np.diff(first)
    places = np.sort(order[np.repeat(rounds >= TIMES, rounds)])
    if not len(places):
        return _EMPTY, _EMPTY
    apart = np.flatnonzero(np.diff(places) > PASSAGE + JOIN)
    return places[np.concatenate([[0], apart + 1])], places[np.concatenate([apart, [-1]])] + PASSAGE
