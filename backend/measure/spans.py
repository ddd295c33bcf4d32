"""Matching two lists of spans one to one, the base of every span figure; and trimming spans at their ends."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from backend.annotation import Span


class Criterion(StrEnum):
    """When two spans say the same."""

    EXACT = "exact"  # the same characters and the same label
    OVERLAP = "overlap"  # at least one character in common, and the same label
    POSITION = "position"  # at least one character in common, whatever the label


def normalised(spans: Iterable[Span], text: str) -> list[Span]:
    """Spans without white space and punctuation at their ends, each once, by place.

    A span of nothing else stays as it is.
    """
    # A slip of the mouse, one space too far, is no disagreement.
    return sorted({_trimmed(span, text) for span in spans})


def _trimmed(span: Span, text: str) -> Span:
    start, end = span.start, span.end
    while start < end and _loose(text[start]):
        start += 1
    while end > start and _loose(text[end - 1]):
        end -= 1
    return Span(start, end, span.label) if start < end else span


def _loose(character: str) -> bool:
    return character.isspace() or unicodedata.category(character)[0] in "PZ"


def matched(ours: Sequence[Span], theirs: Sequence[Span], criterion: Criterion) -> int:
    """How many pairs a largest one-to-one matching of two lists of spans has."""
    return len(pairs(ours, theirs, criterion))


def pairs(ours: Sequence[Span], theirs: Sequence[Span], criterion: Criterion) -> list[tuple[int, int]]:
    """(place in `ours`, place in `theirs`) of a largest one-to-one matching, found by Kuhn's augmenting paths."""
    # nervaluate 1.2.1 pairs spans greedily in the order they come, so that with overlapping labels its figures depend
    # on that order and on who is called the truth. Agreement has no truth, and labels here may overlap: a largest
    # matching is symmetric. Where nothing overlaps both agree, and a test holds them together.
    if criterion is Criterion.EXACT:
        return _same(ours, theirs)
    edges = _edges(ours, theirs, criterion)
    taken: dict[int, int] = {}
    chosen: dict[int, int] = {}
    # Spans that are the very same are paired first, as a reader would; augmenting keeps the size the largest.
    for place, other in _same(ours, theirs):
        chosen[place], taken[other] = other, place
    for place in range(len(ours)):
        if place not in chosen:
            _augment(place, edges, chosen, taken)
    return sorted(chosen.items())


def _same(ours: Sequence[Span], theirs: Sequence[Span]) -> list[tuple[int, int]]:
    places: dict[Span, list[int]] = {}
    for place, span in reversed(list(enumerate(theirs))):
        places.setdefault(span, []).append(place)
    return [(place, places[span].pop()) for place, span in enumerate(ours) if places.get(span)]


def _edges(ours: Sequence[Span], theirs: Sequence[Span], criterion: Criterion) -> list[list[int]]:
    order = sorted(range(len(theirs)), key=lambda place: theirs[place].start)
    edges = []
    for span in ours:
        found = []
        for place in order:
            other = theirs[place]
            if other.start >= span.end:
                break
            if other.end > span.start and (criterion is Criterion.POSITION or other.label == span.label):
                found.append(place)
        edges.append(found)
    return edges


def _augment(root: int, edges: Sequence[Sequence[int]], chosen: dict[int, int], taken: dict[int, int]) -> None:
    """Give `root` a partner along an augmenting path, if there is one."""
    # Without recursion: 20,000 spans that overlap in a chain make a path as long.
    parent: dict[int, int] = {}
    stack = [root]
    while stack:
        place = stack.pop()
        for other in edges[place]:
            if other in parent:
                continue
            parent[other] = place
            if other not in taken:
                _flip(other, parent, chosen, taken)
                return
            stack.append(taken[other])


def _flip(free: int, parent: dict[int, int], chosen: dict[int, int], taken: dict[int, int]) -> None:
    # Back along the path: each place takes the partner that was found for it and sets its former one free.
    other: int | None = free
    while other is not None:
        place = parent[other]
        before = chosen.get(place)
        chosen[place], taken[other] = other, place
        other = before


def counted(spans: Iterable[Span]) -> Counter[str]:
    """How many spans carry each label."""
    return Counter(span.label for span in spans)
