"""Disputes: traces that two graders judge differently, with the reason in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from backend.domain import GRADERS
from backend.services.traces.trace_reader import TraceVerdict, verdicts_of
from backend.store import Store

# Against the file first: it is the one that somebody else vouches for.
PAIRS: Final = tuple(sorted(combinations(GRADERS, 2), key=lambda pair: ("file" not in pair, GRADERS.index(pair[0]))))


@dataclass(frozen=True, slots=True)
class Dispute:
    """A trace that `first` and `second` judge differently."""

    trace: str
    run: str
    number: int
    sample: int
    question: str
    gold: str
    first: TraceVerdict
    second: TraceVerdict

    @property
    def reason(self) -> str:
        """Why they differ: an answer that one of them didn't find, other answers, or other rules of comparing."""
        notes = "; ".join(f"{each.grader}: {each.note}" for each in (self.first, self.second) if each.note)
        lacking = [each.grader for each in (self.first, self.second) if each.answer is None]
        if notes:
            return notes
        if lacking:
            return f"{' and '.join(lacking)}: no answer given"
        if "".join((self.first.answer or "").split()) != "".join((self.second.answer or "").split()):
            return "another answer is taken"
        right, wrong = (self.first, self.second) if self.first.correct else (self.second, self.first)
        return f"the same answer: {right.grader} finds it equal to the gold one, {wrong.grader} doesn't"


@dataclass(frozen=True, slots=True)
class Disputes:
    """The disputes of two graders, among the `judged` traces that both of them judge (None: there is no dispute)."""

    rows: tuple[Dispute, ...]
    judged: int | None


class DisputeService:
    """Lists where the graders of one store contradict each other."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store

    def between(self, first: str, second: str, runs: Sequence[str] = ()) -> Disputes:
        """The traces of these runs (none named: of all) on which two graders differ. UserError for an unknown one."""
        rows = self._store.queries.disputed(runs or None, first, second)
        return Disputes(tuple(_dispute(row, first, second) for row in rows), rows[0]["judged"] if rows else None)


def _dispute(row: Mapping[str, Any], first: str, second: str) -> Dispute:
    verdicts = {verdict.grader: verdict for verdict in verdicts_of(row)}
    return Dispute(
        trace=row["trace_id"],
        run=row["run_id"],
        number=row["problem_ordinal"] + 1,
        sample=row["sample"],
        question=row["question"],
        gold=row["gold"] or "",
        first=verdicts[first],
        second=verdicts[second],
    )
