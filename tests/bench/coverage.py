"""How often the app's intervals hold the truth and its tests alarm for nothing: `make coverage`, by simulation.

Every row draws data whose truth is known, asks the app's own functions, and says how often the interval held it (or a
test found what isn't there), with the Monte-Carlo standard error, beside the least (or most) that is asked for.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.measure.bootstrap import Estimate, column_estimates, ratio_estimates
from backend.measure.paired import density_differences
from backend.measure.shares import mean_share, share_difference
from backend.measure.word_tests import adjusted_differences

Draw = np.random.Generator
Outcomes = Iterable[bool | None]  # held the truth (or alarmed); None: no interval was given
_BATCH = 100


@dataclass(frozen=True)
class Scenario:
    """A method on a distribution over `n` problems; `bound` is the least coverage, or the most errors, asked for."""

    method: str
    data: str
    n: int
    bound: float
    run: Callable[[Draw, int], Outcomes]
    error: bool = False


@dataclass(frozen=True)
class Outcome:
    """The share of simulations that held (or alarmed), among those with an interval, and that of those without."""

    scenario: Scenario
    share: float
    without: float
    times: int

    @property
    def monte_carlo(self) -> float:
        """The standard error that the number of simulations leaves."""
        return math.sqrt(max(self.share * (1 - self.share), 1e-4) / self.times)

    def holds(self, errors: float) -> bool:
        """Whether the bound is kept, up to so many Monte-Carlo standard errors."""
        beyond = self.share - self.scenario.bound
        return (beyond <= 0 if self.scenario.error else beyond >= 0) or abs(beyond) <= errors * self.monte_carlo


def _held(found: Sequence[Estimate | None], truth: float) -> Iterator[bool | None]:
    for one in found:
        assert one is not None
        yield None if one.low is None or one.high is None else one.low <= truth <= one.high


def _counts(spread: float, n: int) -> Callable[[Draw, int], Outcomes]:
    def run(draw: Draw, times: int) -> Outcomes:
        return _held(column_estimates(draw.lognormal(0, spread, (n, times))), math.exp(spread**2 / 2))

    return run


def _ratios(spread: float, n: int) -> Callable[[Draw, int], Outcomes]:
    """Lengths of two runs on the same problems, the second half as long on average."""

    def run(draw: Draw, times: int) -> Outcomes:
        for _ in range(times):
            base = draw.lognormal(0, spread, n)
            yield from _held(ratio_estimates((base * draw.lognormal(-0.125, 0.5, n) / 2)[:, None], base), 0.5)

    return run


def _densities(spread: float, n: int) -> Callable[[Draw, int], Outcomes]:
    """Ten and five cues in 1,000 units of responses whose lengths are as spread, Poisson with a rate of each problem."""

    def run(draw: Draw, times: int) -> Outcomes:
        shape = (n, times)
        lengths = draw.lognormal(6.5, spread, (2, n))
        rates = draw.gamma(4, 1 / 4, (2, *shape)) * np.array([10, 5])[:, None, None] / 1000
        counts = draw.poisson(rates * lengths[:, :, None]).astype(np.float64)
        return _held(density_differences(counts[1], lengths[1], counts[0], lengths[0]), -5.0)

    return run


def _right(draw: Draw, p: float, n: int, samples: int, likeness: float) -> NDArray[np.float64]:
    """Shares of right samples; problems differ as a beta distribution whose intraclass correlation is `likeness`."""
    a = (1 - likeness) / likeness
    return draw.binomial(samples, draw.beta(p * a, (1 - p) * a, n)) / samples


def _accuracy(p: float, n: int, samples: int) -> Callable[[Draw, int], Outcomes]:
    def run(draw: Draw, times: int) -> Outcomes:
        shares = (_right(draw, p, n, samples, 0.5) for _ in range(times))
        return _held([mean_share(share, n * samples) for share in shares], p)

    return run


def _differences(p: float, q: float, n: int, samples: int) -> Callable[[Draw, int], Outcomes]:
    """Two runs on problems of which half are as hard for both."""

    def one(draw: Draw) -> Estimate | None:
        same = draw.random(n) < 0.5
        first, chance = _right(draw, p, n, samples, 0.5), draw.random(n) < min(1, q / p)
        second = np.where(same, first * chance, _right(draw, q, n, samples, 0.5))
        return share_difference(second, first, n * samples)

    return lambda draw, times: _held([one(draw) for _ in range(times)], q - p)


def _alarms(words: int, n: int) -> Callable[[Draw, int], Outcomes]:
    """Words that are as frequent in both runs: rare and common ones, in clumps, as in traces."""

    def run(draw: Draw, times: int) -> Outcomes:
        rates = np.geomspace(0.02, 3, words)[:, None]
        for _ in range(times):
            # Of every problem and word its own rate in either run: where one trace dwells, counts are sparse and large.
            one, other = (draw.poisson(rates * draw.gamma(0.5, 2, (words, n))) for _ in "ab")
            found = adjusted_differences((one - other).astype(np.float64))
            yield any(word.p_holm is not None and word.p_holm <= 0.05 for word in found)

    return run


def scenarios() -> list[Scenario]:
    """Everything that is asked for."""
    found = []
    for n in (30, 100):
        for spread in (0.6, 1.0, 1.3):
            least = 0.91 if n == 30 else 0.93 if spread < 1.3 else 0.915
            data = f"lognormal, spread {spread}"
            found.append(Scenario("mean count, bootstrap-t", data, n, least, _counts(spread, n)))
            found.append(Scenario("ratio of means, bootstrap-t", data, n, least, _ratios(spread, n)))
            found.append(Scenario("difference of densities, bootstrap-t", data, n, least, _densities(spread, n)))
        for p, samples in ((0.97, 1), (0.5, 1), (0.97, 4), (0.5, 4)):
            data = f"p = {p}, {samples} sample{'s' * (samples > 1)}"
            found.append(Scenario("accuracy, Wilson", data, n, 0.93, _accuracy(p, n, samples)))
        for p, q, samples in ((0.5, 0.3, 1), (0.97, 0.9, 1), (0.9, 0.9, 1), (0.5, 0.3, 4), (0.97, 0.9, 4)):
            data = f"p = {p} and {q}, {samples} sample{'s' * (samples > 1)}"
            method = "difference of accuracies, Bonett-Price"
            found.append(Scenario(method, data, n, 0.93, _differences(p, q, n, samples)))
        for words in (10, 40):
            method = "words, sign flips with Holm: family-wise error"
            found.append(Scenario(method, f"{words} words, no effect", n, 0.05, _alarms(words, n), error=True))
    return found


def simulate(scenario: Scenario, times: int, seed: int = 11) -> Outcome:
    """The outcome of `times` simulations from a fixed seed."""
    draw = np.random.default_rng([seed, *scenario.method.encode(), *scenario.data.encode(), scenario.n])
    told: list[bool | None] = []
    while len(told) < times:
        told += scenario.run(draw, min(_BATCH, times - len(told)))
    known = [one for one in told if one is not None]
    return Outcome(scenario, sum(known) / max(1, len(known)), 1 - len(known) / times, times)


def main(times: int = 2_000) -> int:
    """Print the table; returns 1 where a bound is missed by more than two Monte-Carlo standard errors."""
    print(f"{'method':48} {'data':26} {'n':>4} {'found':>6} {'± MC':>6} {'asked':>6} {'no interval':>12}")
    missed = 0
    for scenario in scenarios():
        found = simulate(scenario, times)
        sign, mark = "≤" if scenario.error else "≥", "" if found.holds(2) else "  missed"
        missed += bool(mark)
        print(f"{scenario.method:48} {scenario.data:26} {scenario.n:>4} {found.share:6.3f} {found.monte_carlo:6.3f} "
              f"{sign}{scenario.bound:5.3f} {found.without:12.3f}{mark}", flush=True)  # fmt: skip
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:2])))
