"""acc@k and pass@k against hand-computed values, enumeration, and properties of the interval."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.measure.accuracy import accuracy, pass_at_k

COUNTS = st.lists(
    st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=15
)


def columns(counts: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [c for c, _ in counts], [n for _, n in counts]


def test_every_problem_weighs_the_same() -> None:
    estimate = accuracy([1, 0, 16], [2, 4, 16])
    assert estimate is not None
    assert estimate.value == pytest.approx((0.5 + 0 + 1) / 3)
    assert estimate.n == 3


@pytest.mark.parametrize(
    ("correct", "samples", "k", "value"),
    [
        ([1], [2], 1, 0.5),
        ([1], [2], 2, 1.0),
        ([3], [10], 5, 1 - 21 / 252),
        ([0, 4], [4, 4], 3, 0.5),
        ([1], [16], 8, 0.5),
    ],
)
def test_pass_at_k_by_hand(correct: list[int], samples: list[int], k: int, value: float) -> None:
    estimate = pass_at_k(correct, samples, k)
    assert estimate is not None
    assert estimate.value == pytest.approx(value)


@settings(deadline=None)
@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_draws_with_a_right_sample(case: tuple[int, int, int]) -> None:
    correct, samples, k = case
    draws = list(combinations([True] * correct + [False] * (samples - correct), k))
    estimate = pass_at_k([correct], [samples], k)
    assert estimate is not None
    assert estimate.value == pytest.approx(sum(any(draw) for draw in draws) / len(draws))


@settings(deadline=None)
@given(COUNTS)
def test_pass_at_1_is_accuracy(counts: list[tuple[int, int]]) -> None:
    one, all_samples = pass_at_k(*columns(counts), 1), accuracy(*columns(counts))
    assert one is not None and all_samples is not None
    assert one.value == pytest.approx(all_samples.value)


@settings(deadline=None)
@given(COUNTS)
def test_pass_at_k_grows_with_k(counts: list[tuple[int, int]]) -> None:
    least = min(n for _, n in counts)
    values = [pass_at_k(*columns(counts), k) for k in range(1, least + 1)]
    shares = [estimate.value for estimate in values if estimate is not None]
    assert all(earlier <= later + 1e-12 for earlier, later in pairwise(shares))


def test_degenerate_inputs() -> None:
    assert accuracy([], []) is None
    assert accuracy([0, 0], [0, 0]) is None
    alone = accuracy([1, 0], [2, 0])
    assert alone is not None and (alone.value, alone.low, alone.n) == (0.5, None, 1) and alone.why
    assert pass_at_k([1, 1], [1, 2], 3) is None
    fewer = pass_at_k([1, 1], [1, 2], 2)
    assert fewer is not None and fewer.n == 1


def test_where_all_are_alike_the_interval_is_as_wide_as_for_one_sample_a_problem() -> None:
    """0 of 30 problems: [0, 11.4 %], whatever the samples, for nobody knows how alike those of a problem are."""
    for samples in (1, 8):
        none, all_right = accuracy([0] * 30, [samples] * 30), accuracy([samples] * 30, [samples] * 30)
        assert none is not None and all_right is not None
        assert (none.low, none.high) == pytest.approx((0, 0.1135), abs=1e-4)
        assert (all_right.low, all_right.high) == pytest.approx((1 - 0.1135, 1), abs=1e-4)
    chance = pass_at_k([2] * 30, [2] * 30, 2)
    assert chance is not None and chance.low == pytest.approx(1 - 0.1135, abs=1e-4)


@pytest.mark.parametrize(
    ("correct", "samples", "k"), [([2], [1], 1), ([-1], [1], 1), ([1, 1], [1], 1), ([1], [1], 0), ([[1]], [[1]], 1)]
)
def test_counts_that_do_not_fit_are_refused(correct: list[int], samples: list[int], k: int) -> None:
    with pytest.raises(ValueError, match=r"\."):
        pass_at_k(correct, samples, k)
