"""Sign-flip tests of words against scipy's permutation test, and the agreement of intervals with decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from backend.measure.word_tests import adjusted_differences, holm

TABLES = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 12)), elements=st.integers(-5, 6).map(float))


def flipped_p(values: np.ndarray, flips: float = np.inf) -> float:
    found = stats.permutation_test(
        (values,), lambda x, axis: np.abs(x.mean(axis=axis)), permutation_type="samples", n_resamples=flips,
        alternative="greater", rng=1,
    )  # fmt: skip
    return float(found.pvalue)


@pytest.mark.parametrize("problems", [4, 9, 14])
def test_few_problems_are_flipped_in_every_way(problems: int) -> None:
    values = np.random.default_rng(problems).integers(-2, 5, problems).astype(float)
    (found,) = adjusted_differences([values])
    assert found.p == pytest.approx(flipped_p(values))


def test_many_problems_are_flipped_at_random() -> None:
    values = np.random.default_rng(2).normal(0.35, 1, 60)
    (found,) = adjusted_differences([values])
    assert found.p == pytest.approx(flipped_p(values, 20_000), abs=0.005) and 0 < found.p < 0.05


def test_the_interval_holds_the_shifts_that_are_not_rejected() -> None:
    """Just inside its ends the test of the shifted differences passes, just outside it doesn't."""
    values = np.random.default_rng(6).normal(1, 1, 11)
    (found,) = adjusted_differences([values])
    assert found.low is not None and found.high is not None
    for shift, rejected in (
        (found.low - 1e-6, True), (found.low + 1e-6, False), (found.high - 1e-6, False), (found.high + 1e-6, True)
    ):  # fmt: skip
        assert (flipped_p(values - shift) <= 0.05) is rejected


def test_holm_on_the_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_raw_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for raw, value in zip(p_values, adjusted, strict=True):
        assert raw <= value <= min(1.0, raw * len(p_values)) + 1e-12 or value == max(adjusted)
    order = np.argsort(p_values, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)


@settings(deadline=None, max_examples=60)
@given(TABLES)
def test_intervals_exclude_zero_exactly_when_holm_rejects(table: np.ndarray) -> None:
    results = adjusted_differences(table)
    assert [result.value for result in results] == pytest.approx(table.mean(axis=1).tolist())
    for result in results:
        assert result.p_holm is not None
        if result.low is None or result.high is None:
            # Nothing can be rejected, or all problems differ by the same: then p alone says so.
            assert result.p_holm > 0.05 or len(set(table[results.index(result)])) == 1
            continue
        assert (result.low > 0 or result.high < 0) == (result.p_holm <= 1 - 0.95 + 1e-12)
        assert result.low - 1e-9 <= result.value <= result.high + 1e-9


def test_words_with_an_effect_are_told_from_words_without() -> None:
    generator = np.random.default_rng(11)
    table = generator.normal(0, 1, (10, 60))
    table[0] += 2
    table[1] -= 2
    rejected = [result.p_holm is not None and result.p_holm <= 0.05 for result in adjusted_differences(table)]
    assert rejected[:2] == [True, True]
    assert sum(rejected[2:]) <= 1


def test_words_that_never_occur_are_no_difference() -> None:
    (result,) = adjusted_differences(np.zeros((1, 9)))
    assert (result.value, result.low, result.high, result.p, result.p_holm) == (0, None, None, 1, 1)


def test_one_problem_has_no_interval_and_none_nothing() -> None:
    (result,) = adjusted_differences([[3.0]])
    assert (result.value, result.low, result.p, result.p_holm, result.n) == (3.0, None, None, None, 1)
    assert adjusted_differences(np.empty((0, 5))) == []
    assert adjusted_differences(np.empty((5, 0))) == []
    with pytest.raises(ValueError, match="finite"):
        adjusted_differences([[float("nan"), 1.0]])


def test_more_words_than_flips_resolve() -> None:
    results = adjusted_differences(np.ones((300, 4)))
    assert all(result.low is None and result.p_holm is not None and result.p_holm > 0.05 for result in results)
