"""Training data of SFT: the base's own correct responses, written with a context in view (guided) or without.

Both arms of a comparison train on the same problems, one response each, all of them right; they differ only in what the
prompt held while a response was written. Problems without solutions have one arm only. Prompts in training never hold a
context.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from backend.distill.contexts import user_turn
from backend.distill.reply_reader import Reader
from backend.distill.rollouts import Sampler, seed_of
from backend.distill.shared_files import cached
from backend.distill.train_plan import TrainingProblem, TrainPlan
from backend.domain import Context, UserError, digest

TRIES: Final = 3

Pair = tuple[list[int], list[int]]
Render = Callable[[str], list[int]]


def pairs(plan: TrainPlan, sampler: Sampler, reader: Reader, render: Render, end: int) -> list[Pair]:
    """(prompt ids, response ids) of the problems both arms could answer, in the order of the plan's items.

    `render` makes prompt ids of a user message; `end` closes every response. Raises UserError where none is left.
    """
    settings = plan.settings
    shown = Context.SOLUTION if settings.context is Context.NONE else settings.context
    found = _kept(plan, shown, sampler, reader, render)
    if not found:
        raise UserError(
            f"None of the {len(plan.items):,} problems was answered right both with the {shown.value} in view and "
            "without it: there is nothing to train on. Choose easier problems or a stronger model."
        )
    arm = "own" if settings.context is Context.NONE else "shown"
    return [(render(plan.items[int(place)].question), [*texts[arm], end]) for place, texts in found.items()]


def _kept(
    plan: TrainPlan, shown: Context, sampler: Sampler, reader: Reader, render: Render
) -> dict[str, dict[str, list[int]]]:
    """By place among the items: a right response written without a context ("own") and one with it ("shown")."""
    # In the shared folder, where the other arm finds it: both have to train on exactly these problems.
    settings = plan.settings
    questions = [[item.question, item.gold or "", item.solution or ""] for item in plan.items]
    asked = [plan.base, shown.value, settings.temperature, settings.max_tokens, settings.seed, questions]
    file = Path(plan.shared) / f"pairs-{digest(json.dumps(asked))}.json" if plan.shared else None

    def write() -> dict[str, dict[str, list[int]]]:
        everything = dict(enumerate(plan.items))
        if shown is Context.REGENERATED:
            hints = _regenerated(plan, sampler, reader, render)
            everything = {place: replace(item, solution=hints[place]) for place, item in everything.items()}
        # Without solutions nothing can be shown: the unguided arm is alone, and decides by its own responses.
        alone = settings.context is Context.NONE and not all(item.solution for item in plan.items)
        # The guided responses first, one try each: most are right, and only their problems are tried without.
        guided = _right(plan, everything, Context.NONE if alone else shown, 0, sampler, reader, render)
        own: dict[int, list[int]] = {}
        for turn in range(1, TRIES + 1):
            missing = {place: plan.items[place] for place in guided if place not in own}
            own |= _right(plan, missing, Context.NONE, turn, sampler, reader, render)
        return {str(place): {"own": own[place], "shown": ids} for place, ids in guided.items() if place in own}

    return cached(file, write)


def _right(
    plan: TrainPlan, items: dict[int, TrainingProblem], context: Context, turn: int, sampler: Sampler, reader: Reader,
    render: Render,
) -> dict[int, list[int]]:  # fmt: skip
    """Responses by place, without their end token; only those that are right and ended by themselves."""
    settings, places = plan.settings, list(items)
    prompts = [render(_turn(plan, place, items[place], context)) for place in places]
    seeds = [seed_of("own", settings.seed, turn, place) for place in places]
    drawn = sampler.draw(prompts, seeds, settings.temperature, settings.max_tokens)
    replies = {place: reader.reply(items[place], ids) for place, ids in zip(places, drawn, strict=True)}
    # One that was cut off would get its end token in the middle of a sentence.
    return {place: list(reply.ids) for place, reply in replies.items() if reply.correct and reply.finished}


def _regenerated(plan: TrainPlan, sampler: Sampler, reader: Reader, render: Render) -> list[str]:
    """What the base writes with the full solution in view: a response to each problem, right or wrong."""
    settings = plan.settings
    turns = [user_turn(item.question, Context.SOLUTION, solution=item.solution) for item in plan.items]
    seeds = [seed_of("regenerated", settings.seed, place) for place in range(len(turns))]
    drawn = sampler.draw([render(turn) for turn in turns], seeds, settings.temperature, settings.max_tokens)
    return [reader.reply(item, ids).text for item, ids in zip(plan.items, drawn, strict=True)]


def _turn(plan: TrainPlan, place: int, item: TrainingProblem, context: Context) -> str:
    other = plan.items[(place + 1) % len(plan.items)]
    solution = (other if context is Context.PLACEBO else item).solution
    return user_turn(item.question, context, solution=solution, gold=item.gold)


def sizes(found: Sequence[Pair]) -> str:
    """How many responses, of how many tokens, as words for people."""
    tokens = sum(len(after) for _, after in found)
    return f"{len(found):,} own correct responses of {tokens / len(found):,.0f} tokens on average"
