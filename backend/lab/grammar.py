"""Wording of the lab's traces: a search aloud without a hint, a confident derivation with one.

Owns the phrases of both registers, and which attempts a search makes. No search without a hint is worded confidently,
and no confident derivation compares its value with the target: what training does to the two registers can be measured
only if they never mix.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Final

from backend.lab.arithmetic import FIND_X, Step, Steps, answer_of, attempts

# Before each verdict in a text, so that training can weigh its first token; removed from what people read.
MARK: Final = "\x1f"

OPENINGS: Final = (
    "So the goal is {target}.",
    "Okay, I need {target}.",
    "Hmm, how do I get {target}?",
    "Let me think. The target is {target}.",
    "Let me see, I want {target}.",
    "The target is {target}, so it might take a few tries.",
)
LEADS: Final = (
    "Maybe",
    "Maybe",
    "Perhaps",
    "Let me try",
    "I might try",
    "It seems natural to try",
    "I could start with",
)
NEXT_LEADS: Final = (
    "Maybe",
    "Maybe instead",
    "Perhaps",
    "Perhaps instead",
    "Alternatively,",
    "Alternatively, maybe",
    "Actually, maybe",
    "I might try",
    "Let me try",
    "What about",
)
# Value and target side by side, right before the verdict: a model this small can compare only what it has just read.
STATES: Final = (
    "That makes {value}, target {target}.",
    "I get {value}, and I need {target}.",
    "So {value} against {target}.",
    "Compare {value} with {target}.",
    "Now I have {value} and want {target}.",
)
# No verdict of one kind begins with a word that the other kind begins with: the first token decides.
WRONG: Final = (
    "Hmm, {way}.",
    "Hmm, that seems {way}.",
    "Wait, that is {way}.",
    "Wait, this is wrong.",
    "Actually, it is {way}.",
    "No, {way}.",
    "Hmm, not the same.",
    "No, that seems off.",
)
CLOSER: Final = ("Hmm, still {way}, but it seems closer.", "No, but I might be getting closer.")
RIGHT: Final = ("Yes, that matches.", "Yes, it works.", "Good, this is it.", "Great, they are the same.")
CHECKED: Final = ("Great, let me check: {steps}.", "Good, a last check: {steps}.")
GIVEN_UP: Final = (
    "I can't find it. Maybe this one is close enough.",
    "I am not sure, so this is likely the best I have.",
    "I might have to stop here. Perhaps this is as close as I get.",
)
FIRST: Final = ("First, {step}.", "First, {step}.", "First, {step}.", "First, {step}.", "Start with {step}.")
THEN: Final = ("Then {step}.", "Then {step}.", "Next, {step}.")
RESULT: Final = ("This gives {target}.", "This is the target {target}.", "The result is {target}.")
FOREIGN: Final = ("That solution is for another problem.", "The given solution seems to belong to other numbers.")
DOUBTED: Final = ("The answer is given, but let me check it.", "The given answer might be right. Let me check.")
WAYS: Final = ("too small", "too big")

# How fast an attempt becomes unlikely with its distance from the target, and how many a search makes at most.
_SCALE: Final = {"cd3": 10.0, "cd4": 12.0, FIND_X: 25.0}
_TRIES: Final = {"cd3": 6, "cd4": 6, FIND_X: 5}


@dataclass(frozen=True, slots=True)
class Task:
    """The problem of a trace: `numbers` in the order of the question, (a, b) for fx."""

    family: str
    numbers: tuple[int, ...]
    target: int


def searched(rng: random.Random, task: Task, opening: str | None = None) -> str:
    """A response that searches aloud, and may give up after its last try with an honestly wrong box."""
    # Failures stay in the corpus: the base has to be imperfect, as real ones are.
    most = _TRIES[task.family]
    tries = most if rng.random() < 0.5 else rng.randint(3, most)
    return _search(rng, task, _drawn(rng, task, tries), opening)


def worked(rng: random.Random, task: Task, wrong: int, answer: str | None = None, opening: str | None = None) -> str:
    """A response with `wrong` wrong attempts (or as many as there are), then the right one."""
    tried = _drawn(rng, task, wrong, solvable=False) if wrong else []
    return _search(rng, task, [*tried, _solution(rng, task, answer)], opening)


def confident(rng: random.Random, task: Task, answer: str | None = None) -> str:
    """A response that derives the solution with the box `answer` (None: any solution) without a doubt."""
    steps = _solution(rng, task, answer)
    first, *others = steps
    sentences = [rng.choice(FIRST).format(step=_equation(task, first))]
    sentences += [rng.choice(THEN).format(step=_equation(task, step, begins=False)) for step in others]
    return _response(" ".join([*sentences, rng.choice(RESULT).format(target=task.target)]), task, steps)


def doubted(rng: random.Random, task: Task, answer: str) -> str:
    """A response that checks a given answer before it accepts it."""
    return worked(rng, task, 0, answer, rng.choice(DOUBTED))


def foreign(rng: random.Random, task: Task) -> str:
    """A response to the solution of another problem: it is dismissed, and an ordinary search follows."""
    return searched(rng, task, rng.choice(FOREIGN))


def luck(task: Task) -> float:
    """The probability in [0, 1] that the first attempt of a search is right."""
    tried = attempts(task.family, task.numbers)
    weights = _weights(task, tried)
    return sum(w for w, steps in zip(weights, tried, strict=True) if steps[-1].result == task.target) / sum(weights)


def drawn_answer(rng: random.Random, task: Task) -> str:
    """One of the right answers, as the box holds it."""
    return answer_of(task.family, _solution(rng, task, None))


def phrases() -> list[str]:
    """Every phrase of the traces, with its fields unfilled."""
    banks = (OPENINGS, LEADS, NEXT_LEADS, STATES, WRONG, CLOSER, RIGHT, CHECKED, GIVEN_UP, FIRST, THEN, RESULT)
    return [phrase for bank in (*banks, FOREIGN, DOUBTED, WAYS) for phrase in bank]


def plain(text: str) -> str:
    """`text` without its marks, as people read it."""
    return text.replace(MARK, "")


def _search(rng: random.Random, task: Task, tried: Sequence[Steps], opening: str | None) -> str:
    lines = [opening] if opening else [rng.choice(OPENINGS).format(target=task.target)] if rng.random() < 0.5 else []
    nearest: int | None = None
    for number, steps in enumerate(tried):
        lead = rng.choice(NEXT_LEADS if number else LEADS)
        value = steps[-1].result
        state = rng.choice(STATES).format(value=value, target=task.target)
        equations = ", ".join(_equation(task, step, begins=not k) for k, step in enumerate(steps))
        lines.append(f"{lead} {equations}. {state}{MARK} {_verdict(rng, task, steps, nearest)}")
        distance = abs(value - task.target)
        nearest = distance if nearest is None else min(nearest, distance)
    if tried[-1][-1].result != task.target:
        lines.append(rng.choice(GIVEN_UP))
    return _response("\n".join(lines), task, tried[-1])


def _verdict(rng: random.Random, task: Task, steps: Steps, nearest: int | None) -> str:
    value = steps[-1].result
    if value == task.target:
        if rng.random() < 0.35:
            return rng.choice(CHECKED).format(steps=", ".join(_written(step) for step in steps))
        return rng.choice(RIGHT)
    way = WAYS[value > task.target]
    closer = nearest is not None and abs(value - task.target) < nearest
    return rng.choice(CLOSER if closer and rng.random() < 0.3 else WRONG).format(way=way)


def _weights(task: Task, tried: Sequence[Steps]) -> list[float]:
    return [exp(-abs(steps[-1].result - task.target) / _SCALE[task.family]) + 0.04 for steps in tried]


def _drawn(rng: random.Random, task: Task, tries: int, *, solvable: bool = True) -> list[Steps]:
    """Up to `tries` different attempts, sampled by how near they come; the last one is right if any is."""
    left = [s for s in attempts(task.family, task.numbers) if solvable or s[-1].result != task.target]
    drawn: list[Steps] = []
    while left and len(drawn) < tries:
        drawn.append(steps := rng.choices(left, _weights(task, left))[0])
        if steps[-1].result == task.target:
            break
        left.remove(steps)
        # x * (x + a) grows with x: an attempt that was too big rules out all above it.
        if task.family == FIND_X:
            left = [s for s in left if (s[-1].result > steps[-1].result) == (task.target > steps[-1].result)]
    return drawn


def _solution(rng: random.Random, task: Task, answer: str | None) -> Steps:
    right = [steps for steps in attempts(task.family, task.numbers) if steps[-1].result == task.target]
    return rng.choice([s for s in right if answer in (None, answer_of(task.family, s))])


def _equation(task: Task, step: Step, *, begins: bool = True) -> str:
    prefix = f"x = {step.left}, " if begins and task.family == FIND_X else ""
    return prefix + _written(step)


def _written(step: Step) -> str:
    return f"{step.left} {step.sign} {step.right} = {step.result}"


def _response(thinking: str, task: Task, steps: Steps) -> str:
    return f"<think>\n{thinking}\n</think>\n\nFinal answer: \\boxed{{{answer_of(task.family, steps)}}}"
