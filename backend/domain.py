"""The words of the project as values: problems, models, runs, traces, cues.

Owns the vocabulary every other module speaks, the identities (content hashes) and the errors a
person may see. Knows nothing of files, databases, pages or engines, and does no I/O.

Offsets everywhere are Unicode code points, half-open, into the stored text as it arrived.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Section(StrEnum):
    """The part of a trace a stretch lies in. Offsets of `prompt` run into the prompt, the others into the text."""

    PROMPT = "prompt"
    THINK = "think"
    ANSWER = "answer"


class Group(StrEnum):
    """What kind of doubt a lexicon entry expresses."""

    HESITATION = "hesitation"
    HEDGE = "hedge"
    SELF_CORRECTION = "self-correction"
    ALTERNATIVE = "alternative"
    VERIFICATION = "verification"
    IGNORANCE = "admitted ignorance"


class Finish(StrEnum):
    """How a response ended: by itself, at the token limit, or the source doesn't say."""

    STOP = "stop"
    LENGTH = "length"
    UNKNOWN = "unknown"


class Context(StrEnum):
    """What the model was shown beside the problem."""

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


class JobKind(StrEnum):
    """What a job does."""

    GENERATE = "generate"
    EVALUATE = "evaluate"
    IMPORT = "import"
    SCORE = "score"
    DISTILL = "distil"
    REPRODUCE = "reproduce"
    AGREE = "agree"
    DETECT = "detect"


class JobState(StrEnum):
    """Where a job is. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Nothing will change any more."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Lane(StrEnum):
    """Jobs of one lane run one after the other: what a person is watching never waits for a batch."""

    LIVE = "live"
    BATCH = "batch"
    FILES = "files"


class UserError(Exception):
    """Something a person can mend. Its message is a whole sentence saying what, where and why."""


class ImportProblem(UserError):
    """A source that can't be taken in: names the file, the row (1-based) where there is one, and the reason."""

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
    """A stretch `[start, end)` that `entry` of a lexicon matched."""

    start: int
    end: int
    entry: str
    group: Group
    section: Section


@dataclass(frozen=True, slots=True)
class Sampling:
    """How responses were drawn. None means the source doesn't say.

    `prefix` was put in the model's mouth as the start of its response; `hush` is the id of the lexicon whose words
    it was kept from saying.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    seed: int | None = None
    template: str | None = None
    system: str | None = None
    prefix: str | None = None
    hush: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRef:
    """Where a trace came from: the file's SHA-256 and the 1-based row in it."""

    file: str
    sha256: str
    row: int


@dataclass(frozen=True, slots=True)
class TraceDraft:
    """One response as an importer or an engine hands it over, before grading, matching and storing.

    `question` is the problem as the source words it; `prompt` is what the model was really shown
    ("" where unknown). `tokens` is the source's own count, None where it has none. `verdict` and
    `answer` are the source's; None means unknown, never false.
    """

    question: str
    text: str
    source: SourceRef
    gold: str | None = None
    prompt: str = ""
    sample: int = 0
    tokens: int | None = None
    finish: Finish = Finish.UNKNOWN
    answer: str | None = None
    verdict: bool | None = None
    roles_known: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run is: one model x one problem set x one context x one sampling configuration.

    A run made here names its model in the registry and its job. `planned` is how many traces a run that was cancelled
    should have had; None for a whole one.
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


@dataclass(frozen=True, slots=True)
class ProblemDraft:
    """A problem of an imported problem set."""

    question: str
    gold: str | None
    source: SourceRef
    extra: Mapping[str, Any] = field(default_factory=dict)


# The instruction evaluation harnesses append to a question; it is not part of the problem. Only the end is
# searched, so that a hostile question can't make the search slow.
_BOXED_INSTRUCTION = re.compile(
    r"(?:please\s|let'?s\s)?\s?(?:reason|think) step by step,?[^\n]*?\\boxed\s?\{\s?\}\.?$", re.IGNORECASE
)
_INSTRUCTION_LENGTH = 400
_BLANK = re.compile(r"\s+")


def bare_question(question: str) -> str:
    """The question without the trailing "Please reason step by step ... \\boxed{}" instruction."""
    text = question.strip()
    head, tail = text[:-_INSTRUCTION_LENGTH], text[-_INSTRUCTION_LENGTH:]
    return (head + _BOXED_INSTRUCTION.sub("", tail)).strip() if "boxed" in tail else text


def problem_id(question: str) -> str:
    """Content hash of a problem: equal for wordings that differ in whitespace or the boxed instruction alone."""
    return digest(_BLANK.sub("", bare_question(question)))


def digest(*parts: str, size: int = 8) -> str:
    """BLAKE2b over `parts`, each preceded by its length so that no two lists collide; `size` bytes as hex."""
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "little") + raw)
    return state.hexdigest()


def run_id(info_format: str, sources: Sequence[str], key: str = "") -> str:
    """Identity of an imported run: its format, its source files' SHA-256 and which run of theirs it is."""
    return digest(info_format, key, *sorted(sources), size=6)


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def visible(text: str, limit: int = 300) -> str:
    """`text` safe for one line of a terminal or a page: control and bidi characters written out, long text cut."""
    shown = _CONTROL.sub(lambda m: m[0].encode("unicode_escape").decode(), text[: limit + 1])
    return shown if len(text) <= limit else shown[:limit] + "…"


LIVE, GENERATED, TRAINING = "live", "generated", "training"  # formats of runs made here


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run. `length_unit` is "tokens" where every trace has a token count, else "words"."""

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
        """Made while somebody watched: of few problems, and not listed among the others."""
        return self.info.format == LIVE

    @property
    def aside(self) -> bool:
        """Listed apart: made live, or a training's evaluation, of which there are many."""
        return self.info.format in (LIVE, TRAINING)


@dataclass(frozen=True, slots=True)
class Model:
    """Something that answers, as the registry knows it.

    `location` is a folder, an address or a hub name; `base` the model an adapter sits on, `parent` the one this was
    trained from (both ids); `job` made it. `settings` of an endpoint: `model`, the name it answers to, and `key`, the
    environment variable that holds its key (never the key).
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
class Job:
    """Work for a worker, as the ledger knows it. Times are ISO 8601 in UTC; `rate` is units a second."""

    id: str
    kind: JobKind
    title: str
    lane: Lane
    spec: Mapping[str, Any]
    state: JobState = JobState.QUEUED
    created: str = ""
    started: str | None = None
    ended: str | None = None
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float | None = None
    message: str = ""
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    retry_of: str | None = None
    worker: str | None = None

    @property
    def seconds_left(self) -> float | None:
        """Time left at the present rate, None where it can't be said."""
        return (self.total - self.done) / self.rate if self.rate and self.total and not self.state.final else None


@dataclass(frozen=True, slots=True)
class Training:
    """A model being taught, or taught: what was asked for and the job that is at it, or was last.

    `model` is the id of the base. `part` names the part of a recipe it is ("" for none): the same part is trained once.
    `wish` is "pause" while somebody wants it to stop where it can go on.
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
    """How a search is meant: letters in any case, whole words in any case, or a regular expression."""

    TEXT = "text"
    WORD = "word"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces to list. None means: don't care. Bounds are inclusive; `per_1k` is cue density under `lexicon`.

    `entry` asks for responses that hold a cue of that entry of `lexicon`.
    """

    runs: tuple[str, ...] = ()
    dataset: str | None = None
    problem: str | None = None
    correct: bool | None = None
    unknown: bool = False
    disagree: bool = False
    grader: str = "math-verify"
    min_words: int | None = None
    max_words: int | None = None
    min_density: float | None = None
    max_density: float | None = None
    cut: bool | None = None
    search: str = ""
    search_as: SearchAs = SearchAs.TEXT
    lexicon: str = ""
    entry: str = ""


GRADERS = ("math-verify", "paper", "file")
