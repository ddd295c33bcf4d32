"""The prompts of a job's arms: user turns under a context, and the forced opening of a response.

Owns how a context's material is found for every problem.
"""

from collections.abc import Sequence

from backend.distill.contexts import user_turn
from backend.domain import Context, UserError
from backend.engines.protocol import Engine, Request
from backend.lab.lab_problems import problem_set as lab_set
from backend.lexicon.entries import Anchor, Lexicon
from backend.services.generation.problems import Problem, ProblemService

_OPEN, _START = "<think>", "<think>\n"


class Turns:
    """User turns for the problems of one job."""

    def __init__(self, problems: Sequence[Problem], service: ProblemService) -> None:
        self._problems, self._service = problems, service

    def of(self, context: Context, model: str, made: Sequence[str] = ()) -> list[str]:
        """One user turn a problem, for `model` (its name) under `context`.

        `made` holds the responses to show for a regenerated context, one a problem. Raises UserError where the context
        needs what a problem doesn't have.
        """
        return [
            user_turn(problem.question, context, solution=self._shown(context, i, model, made), gold=problem.gold)
            for i, problem in enumerate(self._problems)
        ]

    def _shown(self, context: Context, i: int, model: str, made: Sequence[str]) -> str | None:
        if context in (Context.NONE, Context.ANSWER):
            return None
        if context is Context.REGENERATED:
            return made[i]
        problem = self._other(i) if context is Context.PLACEBO else self._problems[i]
        return self._service.solution(problem.question, model)

    def _other(self, i: int) -> Problem:
        """Another problem of the job; for a job of one problem, the first other one of the lab."""
        own = self._problems[i]
        if len(self._problems) > 1:
            # The next one, not a random one: whoever does the job again shows the same placebo.
            return self._problems[(i + 1) % len(self._problems)]
        for other in lab_set("lab-cd3-test"):
            if other.question != own.question:
                return Problem(other.question, other.gold, "lab-cd3-test")
        raise UserError("There is no other problem whose solution could be shown.")


def opening(engine: Engine, request: Request) -> str:
    """The text before the first word of a model's thinking: its <think>, unless the prompt has opened it."""
    prompt = engine.render(request)
    # A model that has <think> as one token was trained to think, whatever its template says.
    thinks = _OPEN in prompt or engine.count(_OPEN) == 1
    return _START if thinks and not prompt.rstrip().endswith(_OPEN) else ""


def single_words(lexicon: Lexicon) -> tuple[list[str], list[str]]:
    """The words of a lexicon, which can be banned, and its phrases, which can't."""
    # To ban a phrase is to ban its first word everywhere: "let me check" would take "let" away.
    # Nor can what is a doubt only at the start of a question: without it "the" and "so" would go.
    forms = [form for entry in lexicon.entries if entry.at is Anchor.ANYWHERE for form in entry.forms]
    words = [form for form in forms if form.isalpha()]
    return list(dict.fromkeys(words)), [form for form in forms if not form.isalpha()]
