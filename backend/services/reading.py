"""Opening one trace: its text, sections, cues, verdicts and neighbours.

Owns the assembled view of a trace that the reader and the panes of Compare show. Knows nothing of how
it is drawn.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from backend.domain import Cue, Finish, Group, Run, Section, SectionSpan, UserError, visible
from backend.store import Store

_COLUMNS = {"file": "file", "paper": "paper", "math-verify": "verify"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one grader says: the answer it read, whether that is right (None: can't tell), and a note."""

    grader: str
    answer: str | None
    correct: bool | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class OpenTrace:
    """A trace as a reader needs it. Offsets are code points into `text`, those of prompt cues into `prompt`."""

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
    cues: tuple[Cue, ...]
    verdicts: tuple[Verdict, ...]
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
    def groups(self) -> Counter[Group]:
        """Cues of the response by group."""
        return Counter(cue.group for cue in self.response_cues)

    def verdict(self, grader: str) -> Verdict:
        """The verdict of one grader."""
        return next(verdict for verdict in self.verdicts if verdict.grader == grader)

    @property
    def disagreement(self) -> str:
        """A sentence where the graders contradict each other, else ""."""
        known = [verdict for verdict in self.verdicts if verdict.correct is not None]
        if len({verdict.correct for verdict in known}) < 2:
            return ""
        said = ", ".join(f"{v.grader}: {'right' if v.correct else 'wrong'}" for v in known)
        return f"The graders disagree ({said})."


class ReadService:
    """Opens traces of one store."""

    def __init__(self, store: Store) -> None:
        """`store` is where traces are read from."""
        self._store = store

    def open(self, trace_id: str, lexicon: str) -> OpenTrace:
        """The trace with its cues under `lexicon` (an id). Raises UserError if there is none of that name."""
        row = self._store.queries.trace(trace_id)
        run = self._store.ledger.find_run(row["run_id"]) if row else None
        if row is None or run is None:
            raise UserError(f"There is no trace {visible(trace_id, 80)} in this store; its run may have been deleted.")
        cues = tuple(
            Cue(c["start"], c["end"], c["entry"], Group(c["grp"]), Section(c["section"]))
            for c in self._store.queries.cues(trace_id, lexicon)
        )
        return _open(row, run, cues)

    def neighbours(self, trace_id: str) -> tuple[str | None, str | None]:
        """The traces before and after in the same run, None at its ends."""
        return self._store.queries.neighbours(trace_id)

    def runs_with(self, problem: str) -> list[str]:
        """Ids of the runs that answered a problem."""
        return self._store.ledger.runs_with(problem)


def _open(row: dict[str, Any], run: Run, cues: tuple[Cue, ...]) -> OpenTrace:
    verdicts = tuple(
        Verdict(grader, row[f"{prefix}_answer"], row[f"{prefix}_correct"], row.get(f"{prefix}_note") or "")
        for grader, prefix in _COLUMNS.items()
    )
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
        cues=cues,
        verdicts=verdicts,
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
