"""Many words at once: sign-flip tests of their mean differences with Holm's correction, and intervals that agree.

Method: where neither run holds more of a word, a problem's difference is as likely to have the other sign, so that the
mean is compared with those of differences whose signs are flipped at random (Fisher's randomisation; exact where all
flips can be tried). The interval holds every shift that this test doesn't reject; its ends are means of some of the
problems (Hartigan 1969).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from backend.measure.bootstrap import LEVEL, RESAMPLES, SEED, Floats, multiplied

_ALL_FLIPS: Final = 14  # problems: of 2**13 flips, with their mirror images, none is left out
_CHUNK: Final = 500  # flips
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class AdjustedDifference:
    """One of several mean differences; `p_holm` is adjusted for all of them. A single problem has no p-value.

    [low, high] excludes zero exactly when p_holm <= .05; None where so few problems or flips leave an end open.
    """

    # Simulated without any effect, on sparse counts of 10 and of 40 words over 30 and 100 problems (`make coverage`):
    # a word comes out significant in at most 5 of 100 cases. With bootstrap p-values it was 12 to 24.

    value: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    n: int


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number by Holm's step-down (Holm 1979), in the order given.

    The j-th smallest (from 0) of m becomes the largest of (m - i) * p_i over i <= j, at most 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]))
    adjusted = np.empty_like(p)
    adjusted[order] = steps
    return [float(value) for value in adjusted]


def adjusted_differences(differences: ArrayLike) -> list[AdjustedDifference]:
    """Mean differences of several words with Holm-adjusted p-values and intervals that agree with them.

    `differences` is [words, problems]: per problem, values - baseline. With words ranked by p from 0, a word that Holm
    rejects at rank j of m gets the interval at level 1 - .05 / (m - j); all words from the first rank r that isn't
    rejected on get the one at 1 - .05 / (m - r). Raises ValueError for other shapes.
    """
    # Holm bounds the family-wise error of the decisions. The intervals show the decisions, and are narrower than
    # Bonferroni's, whose joint coverage they therefore don't have.
    table = np.asarray(differences, dtype=np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError("Differences must be finite numbers, one row a word and one column a problem.")
    words, problems = table.shape
    if words == 0 or problems == 0:
        return []
    values = table.mean(axis=1)
    if problems == 1:
        return [AdjustedDifference(float(value), None, None, None, None, 1) for value in values]
    # All words share the flips: counts of words that stand in the same traces rise and fall together.
    lower, upper = _shifts(table)
    # What is 0 but for rounding would fall on either side of it by chance.
    small = _ROUNDING * np.abs(table).max(axis=1)
    beyond = np.where(values > 0, (small >= lower.T).sum(axis=0), (-small <= upper.T).sum(axis=0))
    # With one added to both counts (Phipson and Smyth 2010): the data themselves are one of the flips.
    p = (1 + beyond) / (1 + lower.shape[1])
    alphas = _step_down(p)
    ends = [_ends(lower[word], upper[word], alphas[word], small[word]) for word in range(words)]
    return [
        AdjustedDifference(value, low, high, one, adjusted, problems)
        for value, (low, high), one, adjusted in zip(values.tolist(), ends, p.tolist(), holm(p.tolist()), strict=True)
    ]


def _step_down(p: Floats) -> Floats:
    """The level at which each word is decided on by Holm's procedure."""
    alphas, share, rejecting = np.empty(len(p)), 1 - LEVEL, True
    for rank, word in enumerate(np.argsort(p, kind="stable")):
        if rejecting:
            share = (1 - LEVEL) / (len(p) - rank)
            rejecting = bool(p[word] <= share)
        alphas[word] = share
    return alphas


def _ends(lower: Floats, upper: Floats, alpha: float, small: float) -> tuple[float | None, float | None]:
    """The interval of all shifts whose p-value is above `alpha`; what is at most `small` is 0."""
    # The tiny term keeps 0.05 * 10,000 and the like on the right side of an integer.
    place = int(alpha * (1 + len(lower)) + 1e-9) - 1
    if place < 0:
        return None, None
    last = len(upper) - 1 - place
    ends = float(np.partition(lower, place)[place]), float(np.partition(upper, last)[last])
    low, high = (0.0 if abs(end) <= small else end for end in ends)
    return (low, high) if low < high else (None, None)


def _shifts(table: Floats) -> tuple[Floats, Floats]:
    """By word and flip: the shifts below and above the mean from which on the flipped differences are as far out.

    They are the mean of the problems that are flipped and that of the others, the smaller first: once shifted by it,
    the sum of either part is 0, and flipping it changes nothing.
    """
    problems, total = table.shape[1], table.sum(axis=1, keepdims=True)
    sums = np.ascontiguousarray(multiplied(_flips, np.column_stack([table.T, np.ones(problems)])).T)
    inside, many = sums[:-1], sums[-1]
    # To flip none or all is to change nothing, whatever the shift.
    nothing = (many == 0) | (many == problems)
    many = np.where(nothing, 1, many)
    one, other = inside / many, (total - inside) / (problems - many)
    one[:, nothing] = other[:, nothing] = total / problems
    return np.minimum(one, other), np.maximum(one, other)


def _flips(problems: int) -> Iterator[Floats]:
    """Which problems are flipped, [flips, problems] of 0 and 1, in chunks; never the flip of none."""
    if problems <= _ALL_FLIPS:
        # Half of all: a flip and its mirror image are equally far out, so that problem 0 is never flipped.
        numbers = np.arange(1, 2 ** (problems - 1))
        yield (numbers[:, None] << 1 >> np.arange(problems) & 1).astype(np.float64)
        return
    generator = np.random.default_rng(SEED)
    for start in range(0, RESAMPLES, _CHUNK):
        size = (min(_CHUNK, RESAMPLES - start), problems)
        yield generator.integers(0, 2, size, dtype=np.int8).astype(np.float64)
