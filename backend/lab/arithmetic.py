"""Arithmetic of the lab's problems: every sequence of steps a trace may try, and the expressions they make.

Countdown combinations are left-deep: each step takes the last result and one more number.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

# Of all intermediate results. A prototype went up to 199: too many sums to learn in half an hour on a CPU.
LARGEST: Final = 60
X_RANGE: Final = range(1, 11)
COUNTDOWN: Final = ("cd3", "cd4")
FIND_X: Final = "fx"


# The name is part of what is hashed to choose the gold answer among the right ones: another would change the sets.
class Step(NamedTuple):
    """One equation, `left sign right = result`."""

    left: int
    sign: str
    right: int
    result: int


Steps = tuple[Step, ...]


def attempts(family: str, numbers: tuple[int, ...]) -> tuple[Steps, ...]:
    """All attempts a trace may make: combinations of `numbers` (cd3, cd4), or each x of X_RANGE for (a, b) (fx)."""
    if family == FIND_X:
        return tuple(substitution(x, *numbers) for x in X_RANGE)
    # Sorted, since the order in a question changes nothing, and each multiset is worked out once.
    return _combinations(tuple(sorted(numbers, reverse=True)))


def substitution(x: int, a: int, b: int) -> Steps:
    """The three steps of x * (x + a) + b."""
    factor = x + a
    product = x * factor
    return Step(x, "+", a, factor), Step(x, "*", factor, product), Step(product, "+", b, product + b)


@lru_cache(maxsize=512)
def _combinations(numbers: tuple[int, ...]) -> tuple[Steps, ...]:
    found: dict[Steps, None] = {}  # an ordered set: equal numbers lead to equal steps
    for i, j in combinations(range(len(numbers)), 2):
        rest = tuple(n for k, n in enumerate(numbers) if k not in (i, j))
        for step in _joined(numbers[i], numbers[j]):
            found.update(dict.fromkeys(_continued((step,), rest)))
    return tuple(found)


def _continued(steps: Steps, rest: tuple[int, ...]) -> Iterator[Steps]:
    if not rest:
        yield steps
        return
    for k, number in enumerate(rest):
        for step in _joined(steps[-1].result, number):
            yield from _continued((*steps, step), rest[:k] + rest[k + 1 :])


def _joined(value: int, number: int) -> Iterator[Step]:
    """The steps that combine two numbers; a difference is taken the way that isn't negative."""
    if value + number <= LARGEST:
        yield Step(value, "+", number, value + number)
    if value * number <= LARGEST:
        yield Step(value, "*", number, value * number)
    high, low = max(value, number), min(value, number)
    yield Step(high, "-", low, high - low)


def answer_of(family: str, steps: Steps) -> str:
    """The content of the box: x itself, or the steps as one expression such as `(8 - 4) + 5`."""
    if family == FIND_X:
        return str(steps[0].left)
    first, *others = steps
    expression, value = f"{first.left} {first.sign} {first.right}", first.result
    for step in others:
        # A difference may take the last result away from the new number instead.
        if step.left == value:
            expression = f"({expression}) {step.sign} {step.right}"
        else:
            expression = f"{step.left} {step.sign} ({expression})"
        value = step.result
    return expression
