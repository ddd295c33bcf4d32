"""Density at equal length: by hand, and what has to hold for any responses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.measure.matched import Matched, Responses, matched_density, responses

ROW = st.tuples(st.integers(0, 30), st.integers(1, 400), st.integers(0, 6))
ROWS = st.lists(ROW, min_size=1, max_size=30)
SOME = settings(max_examples=40, deadline=None)


def side(rows: list[tuple[int, int, int]]) -> Responses:
    return responses([c for c, _, _ in rows], [u for _, u, _ in rows], [p for _, _, p in rows])


def test_two_problems_by_hand() -> None:
    """One bin: a stratum is a problem. Problem 1 weighs 1 (one response on the left), problem 2 weighs 2, problem 3
    has no response on the right and doesn't count."""
    left = side([(2, 100, 1), (1, 50, 2), (3, 150, 2), (9, 90, 3)])
    right = side([(6, 100, 1), (4, 100, 1), (2, 50, 2), (4, 150, 2), (6, 100, 2)])
    found = matched_density(left, right, bins=1)
    assert found is not None
    assert found.values == pytest.approx(1000 * (2 + 2 * 2) / (100 + 2 * 100))
    assert found.baseline == pytest.approx(1000 * (5 + 2 * 4) / (100 + 2 * 100))
    assert found.difference.value == pytest.approx(found.values - found.baseline)
    assert found.difference.n == 2
    assert found.share == pytest.approx(8 / 9)


def test_length_is_held_equal() -> None:
    """The taught side only dropped its long responses: at equal length nothing has changed, though the raw density has."""
    short, long = [(1, 50, p) for p in range(8)], [(40, 400, p) for p in range(8)]
    found = matched_density(side(short), side(short + long), bins=2)
    assert found is not None
    assert found.difference.value == 0 and found.difference.low is None and found.difference.why


def test_nothing_in_common_gives_nothing() -> None:
    assert matched_density(side([(1, 10, 1)]), side([(1, 10, 2)])) is None
    assert matched_density(side([(1, 10, 1)] * 9), side([(1, 400, 1)] * 9), bins=2) is None
    assert matched_density(responses([], [], []), side([(1, 10, 1)])) is None


@pytest.mark.parametrize(
    ("counts", "units", "problems"), [([1], [1, 2], [1]), ([1], [1], []), ([-1], [1], [1]), ([1], [-1], [1])]
)
def test_lists_that_do_not_fit_are_refused(counts: list[int], units: list[int], problems: list[int]) -> None:
    with pytest.raises(ValueError, match=r"response|negative"):
        responses(counts, units, problems)
    with pytest.raises(ValueError, match="bin"):
        matched_density(side([(1, 1, 1)]), side([(1, 1, 1)]), bins=0)


@SOME
@given(ROWS)
def test_equal_sides_differ_by_nothing(rows: list[tuple[int, int, int]]) -> None:
    found = matched_density(side(rows), side(rows))
    assert found is not None
    assert found.difference.value == 0 and found.share == 1
    assert found.difference.low in (None, 0) and found.difference.high in (None, 0)


@SOME
@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_the_order_of_responses_does_not_matter(
    one: list[tuple[int, int, int]], other: list[tuple[int, int, int]], random: object
) -> None:
    before = matched_density(side(one), side(other))
    random.shuffle(one)  # type: ignore[attr-defined]
    random.shuffle(other)  # type: ignore[attr-defined]
    assert matched_density(side(one), side(other)) == before


@SOME
@given(ROWS, ROWS)
def test_sides_exchanged_turn_the_sign(one: list[tuple[int, int, int]], other: list[tuple[int, int, int]]) -> None:
    there, back = matched_density(side(one), side(other)), matched_density(side(other), side(one))
    assert (there is None) == (back is None)
    if isinstance(there, Matched) and back is not None:
        assert there.values == back.baseline and there.share == back.share
        assert there.difference.value == pytest.approx(-back.difference.value)
