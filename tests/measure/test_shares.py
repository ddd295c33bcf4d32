"""Shares and their differences against scipy's Wilson interval, Bonett and Price's formula, and simple designs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backend.measure.shares import mean_share, share, share_difference, wilson_interval


@pytest.mark.parametrize(("right", "n"), [(0, 20), (1, 30), (9, 10), (15, 30), (30, 30), (97, 100)])
def test_one_sample_a_problem_gives_wilsons_interval(right: int, n: int) -> None:
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    found = mean_share([1.0] * right + [0.0] * (n - right), n)
    assert found is not None and (found.value, found.n) == (right / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-5)
    assert wilson_interval(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-5)


def test_samples_that_agree_count_once_and_independent_ones_singly() -> None:
    """Eight samples of 200 problems: all alike they are 200 outcomes, without likeness nearly 1,600."""
    generator = np.random.default_rng(3)
    alike = mean_share(generator.integers(0, 2, 200).astype(float), 1600)
    spread = mean_share(generator.binomial(8, 0.5, 200) / 8, 1600)
    assert alike is not None and spread is not None
    width = [found.high - found.low for found in (alike, spread) if found.high is not None and found.low is not None]
    assert width == pytest.approx([2 * 1.96 * 0.5 / math.sqrt(n) for n in (200, 1600)], rel=0.1)


def test_a_share_of_sums_weighs_units_by_their_size() -> None:
    found = share([1, 0, 9, 0], [2, 0, 10, 3], 15)
    assert found is not None and found.value == pytest.approx(10 / 15) and found.n == 3
    assert share([0, 0], [0, 0], 0) is None and share([], [], 0) is None
    alone = share([3], [4], 4)
    assert alone is not None and (alone.value, alone.low, alone.n) == (0.75, None, 1) and alone.why


def test_precision_of_marks_in_few_texts_is_as_sure_as_the_texts_are_many() -> None:
    """200 of 200 marks are right, in ten texts: no surer than ten texts are."""
    found = share([20] * 10, [20] * 10, 200)
    assert found is not None and (found.low, found.high) == pytest.approx(wilson_interval(1, 10), abs=1e-6)


def test_unknown_shares_are_left_out() -> None:
    found = mean_share([0.5, float("nan"), 1.0], 3)
    assert found is not None and (found.value, found.n) == (0.75, 2)
    assert mean_share([float("nan")], 0) is None


def test_a_difference_is_bonett_and_prices() -> None:
    """Of 30 problems 6 are won and 2 lost: by the published formula."""
    values = [1] * 6 + [0] * 2 + [1] * 10 + [0] * 12
    baseline = [0] * 6 + [1] * 2 + [1] * 10 + [0] * 12
    won, lost = 7 / 32, 3 / 32
    middle, half = won - lost, 1.959964 * math.sqrt((won + lost - (won - lost) ** 2) / 32)
    found = share_difference(values, baseline, 30)
    assert found is not None and found.value == pytest.approx(4 / 30)
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half))


def test_differences_at_the_edges_have_a_width() -> None:
    same, lost = share_difference([1] * 30, [1] * 30, 30), share_difference([0] * 30, [1] * 30, 30)
    assert same is not None and lost is not None and same.high is not None and same.low is not None
    assert same.value == 0 and 0.05 < same.high == -same.low < 0.12
    assert lost.value == lost.low == -1 and lost.high is not None and -0.9 < lost.high < -0.75
    alone = share_difference([1], [0], 1)
    assert alone is not None and (alone.value, alone.low) == (1, None) and alone.why
    assert share_difference([], [], 0) is None


shares = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=20)


@settings(deadline=None)
@given(shares, st.randoms())
def test_intervals_hold_their_value_and_ignore_order(pairs: list[tuple[int, int]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = np.array(pairs).T / 4
    again, other = np.array(shuffled).T / 4
    for one, same in (
        (mean_share(first, 4 * len(first)), mean_share(again, 4 * len(first))),
        (share_difference(second, first, 4 * len(first)), share_difference(other, again, 4 * len(first))),
    ):
        assert one is not None and same is not None and one.low is not None and one.high is not None
        assert one.low <= one.value <= one.high and one.low < one.high
        assert (one.low, one.high) == pytest.approx((same.low, same.high), abs=1e-12)
    there, back = share_difference(second, first, 99), share_difference(first, second, 99)
    assert there is not None and back is not None and there.low is not None and back.high is not None
    assert there.low == pytest.approx(-back.high)
