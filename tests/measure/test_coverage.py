"""The quick form of `make coverage`: few simulations from fixed seeds, held to the bounds up to Monte-Carlo error."""

from __future__ import annotations

import pytest

from tests.bench.coverage import Scenario, scenarios, simulate

SMALL = [one for one in scenarios() if one.n == 30]


@pytest.mark.parametrize("scenario", SMALL, ids=lambda one: f"{one.method}, {one.data}")
def test_intervals_hold_the_truth_and_tests_seldom_alarm(scenario: Scenario) -> None:
    found = simulate(scenario, 60 if scenario.error else 150)
    assert found.holds(errors=3), f"{found.share:.3f} where {scenario.bound} is asked for"
    assert found.without < 0.04, "simulations that gave no interval"


def test_a_method_that_misses_is_told() -> None:
    """Half of the asked coverage is no Monte-Carlo error."""
    found = simulate(SMALL[0], 100)
    assert not type(found)(SMALL[0], found.share / 2, 0, 100).holds(errors=3)
