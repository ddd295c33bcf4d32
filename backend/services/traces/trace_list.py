"""The list of traces, page by page.

Owns what one line of the list holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from backend.domain import TraceFilter
from backend.services.lexicons.catalog import LexiconService
from backend.store import Store
from backend.store.trace_filters import VERDICTS, verdict_column

PAGE = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """One trace in the list. `correct` and `answer` are the chosen grader's; `per_1k` is over tokens, else words.

    `looped` is the share of its text that lies in loops, None where that is unknown.
    """

    id: str
    run: str
    problem: str
    number: int
    sample: int
    question: str
    words: int
    tokens: int | None
    cues: int
    per_1k: float | None
    looped: float | None
    finish: str
    correct: bool | None
    answer: str | None
    disagree: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list; `total` counts every trace the filter lets through, `offset` is the first row's place."""

    rows: list[Listed]
    total: int
    offset: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // PAGE))

    @property
    def number(self) -> int:
        """This page, from 1."""
        return self.offset // PAGE + 1


class TraceListService:
    """Lists the traces of one store."""

    def __init__(self, store: Store, lexicons: LexiconService) -> None:
        """`lexicons` resolves the names of lexicons."""
        self._store, self._lexicons = store, lexicons

    def page(self, wanted: TraceFilter, number: int = 1, sort: str = "run", descending: bool = False) -> Page:
        """Page `number` (from 1; past the end: the last). `wanted.lexicon` and `wanted.dataset` are names.

        Raises UserError for a search that is no regular expression.
        """
        resolved = self.resolve(wanted)
        if not resolved:
            return Page([], 0, 0)
        # Filtered, ordered and cut in SQL: a store of a million traces is never loaded whole.
        rows, total, offset = self._store.queries.page(
            resolved, sort=sort, descending=descending, limit=PAGE, number=number
        )
        questions = self._store.ledger.questions(list({row["problem_id"] for row in rows}))
        return Page([_listed(row, resolved.grader, questions) for row in rows], total, offset)

    def resolve(self, wanted: TraceFilter) -> TraceFilter | None:
        """The filter with ids in place of names; None where nothing can match."""
        runs = wanted.runs
        if wanted.dataset:
            inside = {run.id for run in self._store.runs() if run.info.dataset == wanted.dataset}
            runs = tuple(run for run in runs if run in inside) if runs else tuple(sorted(inside))
            if not runs:
                return None
        lexicon = self._lexicons.get(wanted.lexicon or self._lexicons.default).id
        return replace(wanted, runs=runs, lexicon=lexicon)


def _listed(row: dict[str, Any], grader: str, questions: dict[str, str]) -> Listed:
    column = verdict_column(grader)
    # A grader that can't tell contradicts nobody.
    known = {row[name] for name in VERDICTS.values() if row[name] is not None}
    return Listed(
        id=row["trace_id"],
        run=row["run_id"],
        problem=row["problem_id"],
        number=row["problem_ordinal"] + 1,
        sample=row["sample"],
        question=questions.get(row["problem_id"], ""),
        words=row["words"],
        tokens=row["tokens"],
        cues=row["cues"],
        per_1k=row["per_1k"],
        looped=None if row["loop_chars"] is None else row["loop_chars"] / max(row["chars"], 1),
        finish=row["finish"],
        correct=row[column],
        answer=row[column.replace("_correct", "_answer")],
        disagree=len(known) > 1,
    )
