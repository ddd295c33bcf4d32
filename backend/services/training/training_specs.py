"""Specifications of trainings, as the ledger keeps them: model, problems, settings, evaluations.

Owns the checks of bad input that need no store, and the words for how a model is trained.
"""

from dataclasses import dataclass
from typing import Final

from backend.codec import JsonRecord
from backend.distill.settings import Method, TrainingSettings
from backend.domain import Context, UserError, visible
from backend.services.generation.specs import MOST_SAMPLES

SEEN: Final = "seen"
MOST_NAME: Final = 90  # of the 120 characters of a model's name; " · step N" follows
MOST_WATCHED: Final = 16  # each is answered at every step and shown in a pane
MOST_PROCESSES: Final = 64
# Contexts that show a worked solution, the own problem's or another's.
_NEEDS_SOLUTION = (Context.SOLUTION, Context.SOLUTION_NO_THINK, Context.REGENERATED, Context.PLACEBO)


@dataclass(frozen=True, slots=True)
class EvaluationSpec:
    """A problem set to answer at step 0, every so many steps, and at the last.

    `problem_set` is its name, or `seen` says that the training's own problems are meant; `limit` takes the first so
    many of them (None: all). Before the last step the first `first` of those (0: all) are answered `samples` times
    each, or with `ends` not at all; at step 0 and the last all of them `last_samples` times.
    """

    problem_set: str = ""
    seen: bool = False
    limit: int | None = None
    first: int = 0
    samples: int = 1
    last_samples: int = 2
    context: Context = Context.NONE
    temperature: float = 0.8
    ends: bool = False

    @property
    def name(self) -> str:
        """The set's name in curves and tables."""
        return SEEN if self.seen else self.problem_set

    @property
    def needs_solutions(self) -> bool:
        """Whether every problem needs a worked solution."""
        return self.context in _NEEDS_SOLUTION

    def check(self) -> None:
        """Raise UserError for what makes no sense."""
        if self.seen == bool(self.problem_set):
            raise UserError("An evaluation needs the name of a problem set, or is of the seen problems, and not both.")
        what = f"evaluation of {visible(self.name, 60)}"
        if self.limit is not None:
            _within(f"limit of the {what}", self.limit, 1, 1_000_000)
        _within(f"problems before the last step of the {what}", self.first, 0, 1_000_000)
        _within(f"samples of the {what}", self.samples, 1, MOST_SAMPLES)
        _within(f"last samples of the {what}", self.last_samples, 1, MOST_SAMPLES)
        _within(f"temperature of the {what}", self.temperature, 0, 5)


@dataclass(frozen=True, slots=True)
class TrainingSpec(JsonRecord):
    """A training: the base model (its id), how it is taught, with which problems, and what is evaluated on the way.

    The problem set is shuffled with `pick_seed` and its first `size` problems are taken (None: all), so that smaller
    choices lie within larger ones. It may be "" where there are no steps: then the base is evaluated and nothing is
    taught. `watched` problems of the first held-out set are answered every `watch_every` steps. `name` is what the
    model will be called ("": made up). `preset` is where the settings came from. With more than one of `processes`,
    the training runs under `accelerate launch`.
    """

    model: str
    settings: TrainingSettings
    problem_set: str = ""
    size: int | None = None
    pick_seed: int = 0
    evaluations: tuple[EvaluationSpec, ...] = ()
    evaluate_every: int = 10
    checkpoint_every: int = 10
    watch_every: int = 1
    watched: int = 2
    name: str = ""
    preset: str = ""
    processes: int = 1

    @property
    def what(self) -> str:
        """How the model is trained, in few words: "SDFT, full solution"."""
        settings = self.settings
        if settings.steps == 0:
            return "evaluation"
        shown = "" if settings.context is Context.NONE or settings.method is Method.GRPO else f", {settings.context}"
        return f"{settings.method}{shown}"

    def check(self) -> None:
        """Raise UserError for settings and numbers that make no sense, before anything is begun."""
        self.settings.check()
        if len(" ".join(self.name.split())) > MOST_NAME:
            raise UserError(f"The name of a training can have up to {MOST_NAME} characters: choose a shorter one.")
        if self.size is not None:
            _within("number of problems", self.size, 1, 1_000_000)
        for what in ("evaluate_every", "checkpoint_every", "watch_every"):
            _within(f"steps between two of {what.replace('_', ' ')}", getattr(self, what), 1, 1_000_000)
        _within("number of watched problems", self.watched, 0, MOST_WATCHED)
        _within("number of processes", self.processes, 1, MOST_PROCESSES)
        self._check_problems()

    def _check_problems(self) -> None:
        if self.settings.steps and not self.problem_set:
            raise UserError("A training needs problems: choose a problem set.")
        if not (self.settings.steps or self.evaluations):
            raise UserError("There is nothing to do: a training of 0 steps needs an evaluation.")
        # Rows of an evaluation are kept under set and context: a second of the same would overwrite the first.
        named: set[tuple[str, Context]] = set()
        for evaluation in self.evaluations:
            evaluation.check()
            if evaluation.seen and not self.problem_set:
                raise UserError("There are no seen problems to evaluate: choose a problem set to train on.")
            key = (evaluation.name, evaluation.context)
            if key in named:
                shown = f"{visible(key[0], 60)} with the context {key[1].value!r}"
                raise UserError(f"The evaluation of {shown} is asked for twice: leave one out.")
            named.add(key)


def _within(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UserError(f"The {what} can't be {value:g}: it has to lie between {low:g} and {high:,g}.")
