"""The domain's values: problems, models, runs, traces, cues; their identities, and the errors a person may see.

Owns the vocabulary that every other module uses. It is pure and does no I/O. Offsets everywhere are Unicode code
points, half-open, into the stored text as it arrived.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Section(StrEnum):
    """The part of a trace a stretch lies in."""

    PROMPT = "prompt"  # offsets of this one run into the prompt, those of the others into the text
    THINK = "think"
    ANSWER = "answer"  # what follows thinking, or comes before it
    RESPONSE = "response"  # the whole of a text without any mark of thinking


class Group(StrEnum):
    """What kind of doubt a lexicon entry expresses."""

    HESITATION = "hesitation"
    HEDGE = "hedge"
    SELF_CORRECTION = "self-correction"
    ALTERNATIVE = "alternative"
    VERIFICATION = "verification"
    IGNORANCE = "admitted ignorance"


class Finish(StrEnum):
    """How a response ended."""

    STOP = "stop"  # by itself
    LENGTH = "length"  # at the token limit
    REFUSAL = "refusal"  # the text says no
    TOOL_CALL = "tool call"  # the text is the call
    UNKNOWN = "unknown"  # the source doesn't say


class Context(StrEnum):
    """What the model was shown beside the problem."""

    # The first four are the paper's conditions (section 3); the placebo is the control of OP2SD (arXiv 2608.09228).
    NONE = "none"
    SOLUTION = "full solution"
    SOLUTION_NO_THINK = "solution without thinking"
    REGENERATED = "regenerated response"
    ANSWER = "answer only"
    PLACEBO = "another problem's solution"


class ModelKind(StrEnum):
    """Where a model's weights are."""

    CHECKPOINT = "checkpoint"
    ADAPTER = "adapter"
    HUB = "hub name"
    ENDPOINT = "endpoint"


class UserError(Exception):
    """An error a person can mend. Its message is a whole sentence saying what is wrong, where and why."""


class ImportProblem(UserError):
    """A file that can't be imported. Its message names the file, the row (1-based) where there is one, and why."""

    def __init__(self, file: str, reason: str, row: int | None = None) -> None:
        """`file` is the path as the person gave it; `reason` is a clause without a full stop."""
        self.file, self.reason, self.row = file, reason, row
        where = visible(file) + (f", row {row}" if row is not None else "")
        super().__init__(f"{where}: {visible(reason)}.")


@dataclass(frozen=True, slots=True)
class SectionSpan:
    """One section of a trace's text: `text[start:end]`."""

    section: Section
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cue:
    """A stretch `[start, end)` of a trace that `entry` of a lexicon matched."""

    start: int
    end: int
    entry: str
    group: Group
    section: Section


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling configuration of a run. None means that the source doesn't say."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    seed: int | None = None
    template: str | None = None
    system: str | None = None
    prefix: str | None = None  # a forced start of every response
    hush: str | None = None  # the id of a lexicon whose words were suppressed


@dataclass(frozen=True, slots=True)
class SourceRef:
    """Where a trace came from: the file's SHA-256 and the 1-based row in it."""

    file: str
    sha256: str
    row: int


class WrittenToken(NamedTuple):
    """A token of a response as a source wrote it down: its text, its log-probability, and what else was likely."""

    text: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TraceDraft:
    """One response as an importer or an engine delivers it, before it is graded, matched and stored.

    `question` is as the source words it, `prompt` what the model was really shown ("" where unknown).
    """

    question: str
    text: str
    source: SourceRef
    gold: str | None = None
    prompt: str = ""
    sample: int = 0
    # The source's own count, answer and verdict. None means unknown, never 0 or false: unknown is shown as a dash.
    tokens: int | None = None
    finish: Finish = Finish.UNKNOWN
    answer: str | None = None
    verdict: bool | None = None
    # False where chat roles were lost on the way, as in verl's dumps: the question is then a guess out of the prompt.
    roles_known: bool = True
    logprobs: Sequence[WrittenToken] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What defines a run: one model x one problem set x one context x one sampling configuration.

    `model_id` and `job` are those of a run made here; one that lacks traces was `planned` to have more: see `losses`.
    The runs of one training over its steps have the same `series`, and each its `step`; `metrics` are those that the
    training itself reported at that step.
    """

    model: str
    dataset: str
    parent: str | None = None
    variant: str | None = None
    context: Context = Context.NONE
    sampling: Sampling = field(default_factory=Sampling)
    format: str = ""
    source: str = ""
    tokenizer: str | None = None
    note: str = ""
    model_id: str | None = None
    job: str | None = None
    planned: int | None = None
    losses: Sequence[Mapping[str, Any]] = ()
    series: str | None = None
    step: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProblemDraft:
    """A problem of an imported problem set."""

    question: str
    gold: str | None
    source: SourceRef
    extra: Mapping[str, Any] = field(default_factory=dict)


# What evaluation harnesses append to a question. Only the end is searched: a hostile question can't make it slow.
_BOXED_INSTRUCTION = re.compile(
    r"(?:please\s|let'?s\s)?\s?(?:reason|think) step by step,?[^\n]*?\\boxed\s?\{\s?\}\.?$", re.IGNORECASE
)
_INSTRUCTION_LENGTH = 400


def bare_question(question: str) -> str:
    """The question without the trailing "Please reason step by step ... \\boxed{}" instruction."""
    text = question.strip()
    head, tail = text[:-_INSTRUCTION_LENGTH], text[-_INSTRUCTION_LENGTH:]
    return (head + _BOXED_INSTRUCTION.sub("", tail)).strip() if "boxed" in tail else text


def problem_id(question: str) -> str:
    """Content hash of a problem: equal for wordings that differ in whitespace or the boxed instruction alone."""
    # All white space goes: data sets wrap and space the same LaTeX differently.
    return digest("".join(bare_question(question).split()))


def digest(*parts: str, size: int = 8) -> str:
    """BLAKE2b over `parts`, each preceded by its length so that no two lists collide; `size` bytes as hex."""
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        # A response cut inside an emoji holds half a surrogate pair, which plain UTF-8 refuses.
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "little") + raw)
    return state.hexdigest()


def run_id(info_format: str, sources: Sequence[str], key: str = "") -> str:
    """Identity of an imported run: its format, its source files' SHA-256 and which run of theirs it is."""
    return digest(info_format, key, *sorted(sources), size=6)


# Bidi marks and overrides reorder what stands around them, so that a hostile name could rewrite a whole sentence.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def visible(text: str, limit: int = 300) -> str:
    """`text` safe for one line of a terminal or a page: control and bidi characters written out, long text cut."""
    shown = _CONTROL.sub(lambda m: m[0].encode("unicode_escape").decode(), text[: limit + 1])
    return shown if len(text) <= limit else shown[:limit] + "…"


LIVE, GENERATED, TRAINING = "live", "generated", "training"  # formats of runs made here


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run. `length_unit` is "tokens" where every trace has a token count, else "words"."""

    # Lengths of one run are never mixed: a mean over tokens of some traces and words of others means nothing.
    id: str
    info: RunInfo
    problems: int
    traces: int
    length_unit: str
    created: str

    @property
    def label(self) -> str:
        """Model and dataset, as people name a run."""
        extra = "" if self.info.context is Context.NONE else f" · {self.info.context}"
        if self.info.format in (LIVE, GENERATED) and self.info.variant:
            extra += f" · {self.info.variant}"
        return f"{self.info.model} · {self.info.dataset}{extra}"

    @property
    def live(self) -> bool:
        """Whether somebody watched it being made: it holds few problems and isn't listed among the others."""
        return self.info.format == LIVE

    @property
    def aside(self) -> bool:
        """Whether it is listed apart: made live, or a training's evaluation, of which there are many."""
        return self.info.format in (LIVE, TRAINING)


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the registry.

    `location` is a folder, an address or a hub name; `base` the model an adapter sits on, `parent` the one this was
    trained from (both ids); `job` made it. `settings` of an endpoint: `model`, the name it answers to, and `key`, the
    environment variable that holds its API key, never the key itself.
    """

    id: str
    name: str
    kind: ModelKind
    location: str
    base: str | None = None
    parent: str | None = None
    job: str | None = None
    note: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""


@dataclass(frozen=True, slots=True)
class Training:
    """A training run: its specification and the job that works on it, or did last.

    `model` is the id of the base. `part` names the part of a recipe it is ("" for none): the same part is trained once.
    `wish` is "pause" from the click until the trainer has reached a step it can resume from.
    """

    id: str
    name: str
    model: str
    spec: Mapping[str, Any]
    job: str | None = None
    part: str = ""
    wish: str = ""
    created: str = ""


class SearchAs(StrEnum):
    """How a search is meant. Case doesn't count for the first two."""

    TEXT = "text"
    WORD = "word"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces to list. None filters nothing, bounds are inclusive, densities and `entry` are of `lexicon`."""

    runs: tuple[str, ...] = ()
    dataset: str | None = None
    problem: str | None = None
    correct: bool | None = None
    unknown: bool = False
    disagree: bool = False
    grader: str = "final answer"
    min_words: int | None = None
    max_words: int | None = None
    min_density: float | None = None
    max_density: float | None = None
    cut: bool | None = None
    looping: bool | None = None
    search: str = ""
    search_as: SearchAs = SearchAs.TEXT
    lexicon: str = ""
    entry: str = ""


# The first is the default, also by its older name; "file" stands for the verdicts that a source brings itself.
GRADERS = ("final answer", "paper", "file")
SPELLINGS = {"math-verify": GRADERS[0], "final-answer": GRADERS[0]}
