"""One trace with all that belongs to it: text, sections, cues, verdicts, neighbours, tokens, forks.

Owns the assembled view of a trace that the reader and the panes of Compare show.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.domain import GRADERS, Context, Cue, Finish, Group, Run, Section, SectionSpan, UserError, visible
from backend.lexicon.loops import LoopSpan, inside
from backend.measure.bootstrap import Estimate, mean_estimate
from backend.store import Store
from backend.store.queries import run_of
from backend.store.registry import Fork

_COLUMNS = {"file": "file", "paper": "paper", GRADERS[0]: "verify"}
# Resampling more tokens would keep a reader waiting, and the mean of so many is certain enough without an interval.
_RESAMPLED = 2_000


@dataclass(frozen=True, slots=True)
class TraceVerdict:
    """One grader's verdict: the answer it extracted, whether that is right (None: it can't tell), and a note."""

    grader: str
    answer: str | None
    correct: bool | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class OpenTrace:
    """A trace as the reader shows it. Offsets are code points into `text`, those of prompt cues into `prompt`."""

    id: str
    run: Run
    problem: str
    number: int
    question: str
    gold: str | None
    sample: int
    prompt: str
    text: str
    sections: tuple[SectionSpan, ...]
    loops: tuple[LoopSpan, ...] | None  # None: unknown, the run waits to be refreshed
    cues: tuple[Cue, ...]
    verdicts: tuple[TraceVerdict, ...]
    words: int
    tokens: int | None
    finish: Finish
    roles_known: bool
    source: str
    source_sha256: str
    source_row: int
    text_sha256: str
    extra: dict[str, Any]

    @property
    def length(self) -> int:
        """Tokens where known, else whitespace words; see `run.length_unit`."""
        return self.words if self.tokens is None else self.tokens

    @property
    def response_cues(self) -> tuple[Cue, ...]:
        """The cues of the response: thinking and answer, not the prompt."""
        return tuple(cue for cue in self.cues if cue.section is not Section.PROMPT)

    @property
    def per_1k(self) -> float:
        """Cues of the response per 1,000 units of its length."""
        return 1000.0 * len(self.response_cues) / self.length if self.length else 0.0

    @property
    def loop_free_cues(self) -> int | None:
        """Cues of the response outside its loops; None where loops are unknown."""
        if self.loops is None:
            return None
        starts = np.array([cue.start for cue in self.response_cues], dtype=np.int64)
        return int(np.count_nonzero(~inside(self.loops, starts)))

    @property
    def loop_share(self) -> float | None:
        """How much of the text lies in loops; None where that is unknown."""
        return None if self.loops is None else sum(end - start for start, end in self.loops) / max(len(self.text), 1)

    @property
    def groups(self) -> Counter[Group]:
        """Cues of the response by group."""
        return Counter(cue.group for cue in self.response_cues)

    def verdict(self, grader: str) -> TraceVerdict:
        """The verdict of one grader."""
        return next(verdict for verdict in self.verdicts if verdict.grader == grader)

    @property
    def disagreement(self) -> str:
        """A sentence where the graders contradict each other, else ""."""
        known = [verdict for verdict in self.verdicts if verdict.correct is not None]
        if len({verdict.correct for verdict in known}) < 2:
            return ""
        each = ", ".join(f"{v.grader}: {'right' if v.correct else 'wrong'}" for v in known)
        return f"The graders disagree ({each})."


@dataclass(frozen=True, slots=True)
class TokenScores:
    """A trace's tokens as `model` scored them under `context`; `generated` where it wrote them, else it read them.

    The tuples run in parallel. Token i is `text[starts[i]:ends[i]]` in code points, empty where another completes its
    character. `logprobs` are natural logarithms and `entropies` nats, None where the engine doesn't give them. `forced`
    tokens weren't chosen by the model. `top` holds the likeliest tokens as (text, log-probability).
    """

    model: str
    context: Context
    generated: bool
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    logprobs: tuple[float | None, ...]
    entropies: tuple[float | None, ...]
    forced: tuple[bool, ...]
    top: tuple[tuple[tuple[str, float], ...], ...]


@dataclass(frozen=True, slots=True)
class CueContrast:
    """Means of a figure over the tokens in cues and over the `rest_n` others, None where there are no such tokens.

    The cues' interval is for tokens drawn with replacement; there is none for one token or for very many.
    """

    cues: Estimate | None
    rest: float | None
    rest_n: int


@dataclass(frozen=True, slots=True)
class ForkLink:
    """The other end of a fork: `trace`, whose text is followed up to code point `at`, where `inserted` comes in."""

    trace: str
    run: Run
    sample: int
    at: int
    inserted: str
    verdicts: tuple[TraceVerdict, ...]

    def verdict(self, grader: str) -> TraceVerdict:
        """The verdict of one grader."""
        return next(verdict for verdict in self.verdicts if verdict.grader == grader)


class TraceService:
    """Opens traces of one store."""

    def __init__(self, store: Store) -> None:
        """`store` is where traces are read from."""
        self._store = store

    def open(self, trace_id: str, lexicon: str) -> OpenTrace:
        """The trace with its cues under `lexicon` (an id). Raises UserError if it isn't there or its run is damaged."""
        row = self._store.queries.trace(trace_id)
        run = self._store.ledger.find_run(row["run_id"]) if row else None
        self._store.parts.require([run_of(trace_id)])
        if row is None or run is None:
            raise UserError(f"There is no trace {visible(trace_id, 80)} in this store; its run may have been deleted.")
        parts = [part for kind in ("traces", "cues") for part in self._store.parts.of(kind, [run.id])]
        with self._store.parts.reading(parts):
            if hashlib.sha256(row["text"].encode()).hexdigest() != row["text_sha256"] and self._store.parts.blame(
                parts
            ):
                self._store.parts.require([run.id])
            # As they were found at the import, not found anew: the reader shows what the figures count.
            cues = tuple(
                Cue(c["start"], c["end"], c["entry"], Group(c["grp"]), Section(c["section"]))
                for c in self._store.queries.cues(trace_id, lexicon)
            )
            return _open(row, run, cues)

    def neighbours(self, trace_id: str) -> tuple[str | None, str | None]:
        """The traces before and after in the same run, None at its ends."""
        return self._store.queries.neighbours(trace_id)

    def runs_with(self, problem: str) -> list[str]:
        """Ids of the runs that answered a problem, without damaged ones."""
        damaged = self._store.parts.damaged()
        return [run for run in self._store.ledger.runs_with(problem) if run not in damaged]

    def token_parts(self, trace_id: str) -> tuple[str, ...]:
        """The files that may hold a trace's tokens, none without any; they change when something is scored."""
        return tuple(part.path for part in self._store.parts.of("tokens", [run_of(trace_id)]))

    def tokens(self, trace_id: str) -> list[TokenScores]:
        """A trace's tokens, an item a model and context, those of the model that wrote it first.

        Tokens that don't lie inside the text are left out.
        """
        row = self._store.queries.trace(trace_id)
        found = self._store.queries.tokens(trace_id) if row else []
        return [_scores(scored, len(row["text"])) for scored in found] if row else []

    def forks(self, trace_id: str) -> list[ForkLink]:
        """The traces that go on from one and are still in the store, by where they leave it."""
        forks = self._store.registry.forks_of(trace_id)
        # Under no lexicon: only the verdicts are wanted.
        rows = self._store.queries.per_trace(sorted({run_of(fork.child) for fork in forks}), "") if forks else []
        by_id = {row["trace_id"]: row for row in rows}
        # A fork whose run was deleted leaves its line in the registry.
        links = (self._link(fork, by_id.get(fork.child)) for fork in forks)
        return [link for link in links if link]

    def parent(self, trace_id: str) -> ForkLink | None:
        """What a trace goes on from; None where it is no fork, or its parent was deleted."""
        fork = self._store.registry.fork(trace_id)
        return self._link(fork, self._store.queries.trace(fork.parent)) if fork else None

    def _link(self, fork: Fork, row: dict[str, Any] | None) -> ForkLink | None:
        run = self._store.ledger.find_run(row["run_id"]) if row else None
        if row is None or run is None:
            return None
        return ForkLink(row["trace_id"], run, row["sample"], fork.at, fork.inserted, verdicts_of(row))


def cue_contrast(scores: TokenScores, values: Sequence[float], cues: Sequence[Cue]) -> CueContrast:
    """Means of `values`, one a token (NaN: unknown), in `cues` and elsewhere; forced tokens count in neither."""
    starts, ends = np.asarray(scores.starts), np.asarray(scores.ends)
    inside = np.zeros(len(starts), dtype=bool)
    # A token that a cue touches at all is inside it: tokens carry their leading space, cues don't.
    for cue in cues:
        inside[np.searchsorted(ends, cue.start, "right") : np.searchsorted(starts, cue.end, "left")] = True
    figures = np.asarray(values, dtype=np.float64)
    counted = np.isfinite(figures) & (starts < ends)
    if scores.generated:  # of a text that was only read, every token is forced
        counted &= ~np.asarray(scores.forced, dtype=bool)
    within, rest = figures[counted & inside], figures[counted & ~inside]
    few = 0 < len(within) <= _RESAMPLED
    many = Estimate(float(within.mean()), None, None, len(within)) if len(within) > _RESAMPLED else None
    return CueContrast(mean_estimate(within) if few else many, float(rest.mean()) if len(rest) else None, len(rest))


def _scores(row: dict[str, Any], length: int) -> TokenScores:
    # The columns come from files that somebody may have made elsewhere: the browser must not index past the text.
    places = zip(row["starts"], row["ends"], strict=True)
    inside = [i for i, (start, end) in enumerate(places) if 0 <= start <= end <= length]
    lists = {
        name: tuple(row[name][i] for i in inside) for name in ("starts", "ends", "logprobs", "entropies", "forced")
    }
    top = tuple(tuple((a["text"], a["logprob"]) for a in row["top"][i] or ()) for i in inside)
    return TokenScores(row["model"], Context(row["context"]), row["generated"], **lists, top=top)


def verdicts_of(row: Mapping[str, Any]) -> tuple[TraceVerdict, ...]:
    """A stored trace's verdicts, one a grader."""
    return tuple(
        TraceVerdict(grader, row[f"{prefix}_answer"], row[f"{prefix}_correct"], row.get(f"{prefix}_note") or "")
        for grader, prefix in _COLUMNS.items()
    )


def _open(row: dict[str, Any], run: Run, cues: tuple[Cue, ...]) -> OpenTrace:
    sections = tuple(SectionSpan(Section(s["section"]), s["start"], s["end"]) for s in row["sections"])
    return OpenTrace(
        id=row["trace_id"],
        run=run,
        problem=row["problem_id"],
        number=row["problem_ordinal"] + 1,
        question=row["question"],
        gold=row["gold"],
        sample=row["sample"],
        prompt=row["prompt"],
        text=row["text"],
        sections=sections,
        loops=None if row["loops"] is None else tuple(LoopSpan(**loop) for loop in row["loops"]),
        cues=cues,
        verdicts=verdicts_of(row),
        words=row["words"],
        tokens=row["tokens"],
        finish=Finish(row["finish"]),
        roles_known=row["roles_known"],
        source=row["source_file"],
        source_sha256=row["source_sha256"],
        source_row=row["source_row"],
        text_sha256=row["text_sha256"],
        extra=json.loads(row["extra"]),
    )
