"""The lab's problems: three families, their fixed sets, parsing of typed questions, reference solutions.

Owns which problems are held out, and the order of the sets.
"""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement, islice
from typing import Final

from backend.domain import UserError
from backend.lab import grammar
from backend.lab.arithmetic import COUNTDOWN, FIND_X, LARGEST, X_RANGE, answer_of, attempts

_KEPT: Final = 16_384  # questions parsed and solutions written; the largest sets have fewer

FAMILIES: Final = (*COUNTDOWN, FIND_X)
NUMBERS: Final = range(1, 13)
A_RANGE: Final = range(1, 13)
B_RANGE: Final = range(1, 25)
HELD_OUT_PERCENT: Final = 12
TEST_SIZE: Final = 200
TRAIN_SIZE: Final = {"cd3": 2937, "cd4": 1000, FIND_X: 2524}  # cd3 and fx: all there are

# A first attempt's chance of being right: below the first number a problem is hard, from the second on easy.
_LUCK: Final = {"cd3": (0.17, 0.30), "cd4": (0.04, 0.09), FIND_X: (0.30, 0.37)}

SETS: Final[Mapping[str, str]] = {
    "lab-cd3-train": "Three numbers to one target: problems the lab's models may be trained on.",
    "lab-cd3-test": "Three numbers to one target: 200 held-out problems of the kind models are fine-tuned on.",
    "lab-cd4-train": "Four numbers to one target: problems the lab's base has seen, never used in fine-tuning.",
    "lab-cd4-test": "Four numbers to one target: 200 held-out problems, harder than those of fine-tuning.",
    "lab-fx-train": "Find x: problems the lab's base has seen, never used in fine-tuning.",
    "lab-fx-test": "Find x: 200 held-out problems of another kind than those of fine-tuning.",
}

_COUNTDOWN_QUESTION = re.compile(r"Use ((?:\d{1,2}, ){2,3}\d{1,2}) to make (\d{1,2})\.", re.ASCII)
_FIND_X_QUESTION = re.compile(r"Find x with x \* \(x \+ (\d{1,2})\) \+ (\d{1,2}) = (\d{1,3})\.", re.ASCII)

Key = tuple[str, tuple[int, ...], int]


@dataclass(frozen=True, slots=True)
class LabProblem:
    """A problem with a right answer."""

    family: str
    question: str
    gold: str  # an expression with the value `target`, or x
    # In the order of the question: the numbers to use (cd3, cd4), or (a, b) of x * (x + a) + b (fx).
    numbers: tuple[int, ...]
    target: int
    # easy, medium or hard, by how likely the first attempt of a search is right; about a third of a family each.
    difficulty: str


def problem_set(name: str) -> list[LabProblem]:
    """The problems of the set `name`, always the same in the same order. Raises UserError for an unknown name."""
    return list(_made(name))


def size_of(name: str) -> int:
    """How many problems the set `name` has, without building them. Raises UserError for an unknown name."""
    if name not in SETS:
        raise UserError(f"The lab has no problem set {name!r}; it has {', '.join(SETS)}.")
    _, family, part = name.split("-")
    return TEST_SIZE if part == "test" else TRAIN_SIZE[family]


@lru_cache(maxsize=len(SETS))
def _made(name: str) -> tuple[LabProblem, ...]:
    size, (_, family, part) = size_of(name), name.split("-")
    chosen = islice((key for key in _shuffled(family) if held_out(key) == (part == "test")), size)
    return tuple(_problem(key, random.Random(_digest(key))) for key in chosen)  # noqa: S311  an order, no secret


def training_keys(family: str) -> list[Key]:
    """Every problem of `family` that isn't held out."""
    return [key for key in _shuffled(family) if not held_out(key)]


def held_out(key: Key) -> bool:
    """Whether a problem is kept out of every training."""
    # By a hash of the problem, not by drawing lots: in whatever set or corpus it comes up, it falls on the same side.
    return _digest(key, "held out") % 100 < HELD_OUT_PERCENT


@lru_cache(maxsize=_KEPT)
def parse(question: str) -> LabProblem | None:
    """The problem of a typed question; None if it is none of the lab's, out of range, or without a solution."""
    text = question.strip()
    if found := _COUNTDOWN_QUESTION.fullmatch(text):
        numbers = tuple(int(n) for n in found[1].split(", "))
        in_range = all(n in NUMBERS for n in numbers) and 1 <= int(found[2]) <= LARGEST
        family, target = COUNTDOWN[len(numbers) - 3], int(found[2])
    elif found := _FIND_X_QUESTION.fullmatch(text):
        family, numbers, target = FIND_X, (int(found[1]), int(found[2])), int(found[3])
        in_range = numbers[0] in A_RANGE and numbers[1] in B_RANGE
    else:
        return None
    solvable = in_range and any(steps[-1].result == target for steps in attempts(family, numbers))
    return _described(family, numbers, target) if solvable else None


def question_of(family: str, numbers: tuple[int, ...], target: int) -> str:
    """The question of a problem."""
    if family == FIND_X:
        return f"Find x with x * (x + {numbers[0]}) + {numbers[1]} = {target}."
    return f"Use {', '.join(map(str, numbers))} to make {target}."


@lru_cache(maxsize=_KEPT)
def solution(problem: LabProblem) -> str:
    """The reference response with its thinking: up to three wrong attempts, then the right one.

    Always the same for the same question.
    """
    rng = random.Random(_digest(problem.question, "solution"))  # noqa: S311  a choice of words, no secret
    task = grammar.Task(problem.family, problem.numbers, problem.target)
    return grammar.plain(grammar.worked(rng, task, rng.choice((0, 1, 1, 2, 3))))


def _described(family: str, numbers: tuple[int, ...], target: int) -> LabProblem:
    right = [steps for steps in attempts(family, numbers) if steps[-1].result == target]
    # Any of the right ones, but always the same.
    gold = answer_of(family, min(right, key=lambda steps: _digest(steps, "gold")))
    luck, (hard_below, easy_from) = grammar.luck(grammar.Task(family, numbers, target)), _LUCK[family]
    difficulty = "hard" if luck < hard_below else "easy" if luck >= easy_from else "medium"
    return LabProblem(family, question_of(family, numbers, target), gold, numbers, target, difficulty)


def _problem(key: Key, rng: random.Random) -> LabProblem:
    family, numbers, target = key
    order = numbers if family == FIND_X else tuple(rng.sample(numbers, len(numbers)))
    return _described(family, order, target)


@lru_cache(maxsize=len(FAMILIES))
def _shuffled(family: str) -> tuple[Key, ...]:
    # By a hash: the same order on every machine, whatever `random` does in another version of Python.
    return tuple(sorted(_keys(family), key=lambda key: _digest(key, "order")))


def _keys(family: str) -> Iterator[Key]:
    if family == FIND_X:
        for a in A_RANGE:
            for b in B_RANGE:
                yield from ((FIND_X, (a, b), x * (x + a) + b) for x in X_RANGE)
        return
    for numbers in combinations_with_replacement(NUMBERS, COUNTDOWN.index(family) + 3):
        reached = Counter(steps[-1].result for steps in attempts(family, numbers))
        yield from ((family, numbers, target) for target in sorted(reached) if target >= 1)


def _digest(value: object, salt: str = "") -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}{value}".encode()).digest()[:8], "big")
