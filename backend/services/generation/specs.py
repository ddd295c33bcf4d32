"""Specifications of generation and scoring jobs, as the ledger keeps them: arms, problems, decoding.

Owns the checks of bad input that need no store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.codec import JsonRecord
from backend.domain import Context, UserError, visible
from backend.engines.protocol import Decoding

MOST_ARMS = 8  # panes side by side
MOST_SAMPLES = 256
MOST_TOKENS = 131_072


@dataclass(frozen=True, slots=True)
class RunArm:
    """One run to make: a model (its id), its context, and interventions on its words.

    `prefix` is the forced start of its responses; `hush` names a lexicon whose words are banned. `label` says in few
    words what is special about this arm ("first word Maybe").
    """

    model: str
    context: Context = Context.NONE
    prefix: str = ""
    hush: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A problem given by its words: typed, or taken from a set or the store (`dataset` says which)."""

    question: str
    gold: str | None = None
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class ForkPoint:
    """Where a new trace leaves a stored one: `trace` up to code point `at`, then `insert`, which may be empty."""

    trace: str
    at: int
    insert: str = ""


@dataclass(frozen=True, slots=True)
class GenerationSpec(JsonRecord):
    """A job that makes one run an arm over the same problems.

    Problems are either `problem_set` (a name; the first `limit` of it) or `questions`. `live` runs are shown as they
    come and listed apart. `logprobs` keeps every token's log-probability, entropy and `decoding.top` alternatives.
    """

    arms: tuple[RunArm, ...]
    problem_set: str = ""
    limit: int | None = None
    questions: tuple[Question, ...] = ()
    samples: int = 1
    decoding: Decoding = field(default_factory=Decoding)
    live: bool = False
    logprobs: bool = False
    fork: ForkPoint | None = None
    engine: str = "auto"

    @property
    def dataset(self) -> str:
        """The name of the runs' data set."""
        named = {question.dataset for question in self.questions}
        return self.problem_set or (named.pop() if len(named) == 1 else "") or "typed"

    def check(self) -> None:
        """Raise UserError for numbers that make no sense, before anything is begun."""
        if not self.arms:
            raise UserError("No model was chosen: pick at least one.")
        _within("models and conditions together", len(self.arms), 1, MOST_ARMS)
        _within("samples (k)", self.samples, 1, MOST_SAMPLES)
        _within("most tokens of a response", self.decoding.max_tokens, 1, MOST_TOKENS)
        _within("temperature", self.decoding.temperature, 0, 5)
        _within("top-p", self.decoding.top_p, 0.01, 1)
        _within("top-k", self.decoding.top_k, 0, 1_000_000)
        if self.limit is not None:
            _within("limit of problems", self.limit, 1, 1_000_000)
        # Checked here and not in the form alone: the command line and a stored specification come this way too.
        if bool(self.problem_set) == bool(self.questions):
            raise UserError("A job needs problems: the name of a problem set, or questions, and not both.")
        if empty := next((i for i, q in enumerate(self.questions, 1) if not q.question.strip()), None):
            raise UserError(f"Question {empty} is empty: type a problem.")


def _within(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UserError(f"The {what} can't be {value:g}: it has to lie between {low:g} and {high:,g}.")


@dataclass(frozen=True, slots=True)
class ScoreSpec(JsonRecord):
    """A job that reads a run's traces with a model, in a context, and stores every token's log-probability."""

    run: str
    model: str
    context: Context = Context.NONE
    top: int = 5
    limit: int | None = None


def names(values: Sequence[str]) -> str:
    """A list for a sentence: "a, b and c"."""
    shown = [visible(value, 60) for value in values]
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))
