"""Checks before a training begins that every prompt fits into the model's context: nothing is ever cut.

Owns which prompts a plan will lead to, and how much room each needs.
"""

from collections.abc import Callable, Iterator

from backend.distill.contexts import user_turn
from backend.distill.settings import Method, TrainingSettings
from backend.distill.train_plan import TrainingProblem, TrainPlan
from backend.domain import Context, UserError


def teacher_turn(item: TrainingProblem, settings: TrainingSettings, other: TrainingProblem) -> str:
    """SDFT's teacher prompt for a problem; `other` is the problem whose solution a placebo shows."""
    solution = (other if settings.context is Context.PLACEBO else item).solution
    return user_turn(item.question, settings.context, solution=solution, gold=item.gold, template="teacher")


def teacher_turns(plan: TrainPlan) -> list[str]:
    """SDFT's teacher prompts for the training set."""
    others = [*plan.items[1:], *plan.items[:1]]
    return [teacher_turn(item, plan.settings, other) for item, other in zip(plan.items, others, strict=True)]


def check(plan: TrainPlan, most: int, size: Callable[[str], int]) -> None:
    """Raise UserError for the first prompt of more than `most` tokens; `size` counts those of a user message."""
    for where, turn, room in _wanted(plan):
        if (found := size(turn)) + room > most:
            answer = f" and the {room:,} of a response" if room > 1 else ""
            remedy = ", or fewer tokens a response" if room > 1 else ""
            raise UserError(
                f"{where} has {found:,} tokens with what is shown beside it{answer}, and this model reads {most:,} in "
                f"all. Leave it out, or choose a shorter context{remedy}."
            )


def _wanted(plan: TrainPlan) -> Iterator[tuple[str, str, int]]:
    """Where each prompt comes from, its user message, and how many tokens have to fit behind it."""
    settings = plan.settings
    if settings.steps:
        for place, turn in enumerate(_taught(plan)):
            # A teacher reads the whole response behind its prompt. A model that runs out of room while it writes is
            # only cut off, as by the limit on tokens.
            room = settings.max_tokens if settings.method is Method.SDFT else 1
            yield f"Problem {place + 1} of the training set", turn, room
    for asked in plan.evaluations:
        for place, turn in enumerate(_shown(asked.items, asked.context)):
            yield f"Problem {place + 1} of the evaluation “{asked.name}”", turn, 1
    for place, item in enumerate(plan.watched):
        yield f"Watched problem {place + 1}", item.question, 1


def _taught(plan: TrainPlan) -> list[str]:
    if plan.settings.method is Method.SDFT:
        return teacher_turns(plan)
    if plan.settings.method is Method.SFT:
        context = plan.settings.context
        return _shown(plan.items, Context.SOLUTION if context is Context.NONE else context)
    return [item.question for item in plan.items]


def _shown(items: tuple[TrainingProblem, ...], context: Context) -> list[str]:
    # A regenerated response isn't known yet; the solution that it is written from stands in for it.
    if context is Context.REGENERATED:
        context = Context.SOLUTION
    return [user_turn(item.question, context, solution=item.solution, gold=item.gold) for item in items]
