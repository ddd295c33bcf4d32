"""Problems to choose from (the lab's sets, imported sets, those of runs), and the solutions that contexts show.

Owns how a problem is picked and where a solution comes from.
"""

import random
from dataclasses import dataclass
from itertools import islice
from typing import Any

from backend.domain import UserError, problem_id, visible
from backend.lab import lab_problems as lab
from backend.store import Store
from backend.store.ledger import ProblemRow


@dataclass(frozen=True, slots=True)
class ProblemSetInfo:
    """A set of problems by name; `lab` sets are made here and need no import."""

    name: str
    title: str
    size: int
    lab: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem and its origin: the name of its set (or the data set of a run) and its number there, from 1."""

    question: str
    gold: str | None
    set: str
    number: int = 1
    difficulty: str = ""


class ProblemService:
    """Finds problems in one store and in the lab."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sets(self) -> list[ProblemSetInfo]:
        """The lab's sets, then imported ones by name."""
        made = [ProblemSetInfo(name, title, lab.size_of(name), True) for name, title in lab.SETS.items()]
        found = self._store.ledger.problem_sets()
        return made + [ProblemSetInfo(row.name, visible(row.file), row.rows, False) for row in found]

    def load(self, name: str, limit: int | None = None) -> list[Problem]:
        """The first `limit` problems of a set. Raises UserError for a name nothing has."""
        if name in lab.SETS:
            # Made anew from the set's seed, the same on every machine: nothing of it is stored.
            chosen = lab.problem_set(name)[:limit]
            return [Problem(p.question, p.gold, name, i, p.difficulty) for i, p in enumerate(chosen, 1)]
        row = next((row for row in self._store.ledger.problem_sets() if name in (row.name, row.id)), None)
        if row is None:
            known = ", ".join([*lab.SETS, *(row.name for row in self._store.ledger.problem_sets())])
            raise UserError(f"There is no problem set {visible(name, 60)!r}; there are {visible(known, 400)}.")
        rows = self._store.ledger.set_problems(row.id)[:limit]
        return [Problem(p.question, p.gold, row.name, i) for i, p in enumerate(rows, 1)]

    def pick(self, name: str, number: int | None = None, difficulty: str | None = None, seed: int = 0) -> Problem:
        """One problem of a set: the one with this number, or any one (of a difficulty), the same for the same seed.

        Raises UserError where there is none.
        """
        problems = [p for p in self.load(name) if difficulty in (None, p.difficulty)]
        if number is not None:
            problems = [p for p in problems if p.number == number]
        if not problems:
            which = f"number {number}" if number is not None else f"of difficulty {visible(str(difficulty), 20)!r}"
            raise UserError(f"The set {visible(name, 60)} has no problem {which}.")
        return random.Random(seed).choice(problems)  # noqa: S311 - picking a problem is no secret

    def search(self, text: str, limit: int = 20) -> list[Problem]:
        """Problems of the store whose words hold `text`, in any case."""
        wanted = " ".join(text.lower().split())
        rows = (row for row in self._store.ledger.all_problems() if wanted in " ".join(row.question.lower().split()))
        return self._placed(list(islice(rows, limit)))

    def find(self, identity: str) -> Problem | None:
        """The stored problem with this id, None where there is none."""
        row = self._store.ledger.problem(identity)
        return self._placed([row])[0] if row else None

    def _placed(self, rows: list[ProblemRow]) -> list[Problem]:
        named = self._store.ledger.datasets([row.id for row in rows])
        return [Problem(row.question, row.gold, named.get(row.id, "stored")) for row in rows]

    def solution(self, question: str, model: str) -> str | None:
        """A correct response to show in a context: the lab's own, a right answer of a stored run, or the set's."""
        # A lab problem carries its solution: it is worked out, whatever the store holds.
        if problem := lab.parse(question):
            return lab.solution(problem)
        identity = problem_id(question)
        rows = self._store.queries.right_texts(identity)
        # The paper shows a model its own responses: another's would differ from it in more than being right.
        own = [row for row in rows if row["model"] == model]
        if chosen := next(iter(own or rows), None):
            return str(chosen["text"])
        return next(filter(None, map(_written, self._store.ledger.extras(identity))), None)


def _written(extra: dict[str, Any]) -> str | None:
    """A set's own worked solution, by the names that published sets give that column."""
    found = extra.get("solution") or extra.get("reference_solution")
    return found if isinstance(found, str) and found.strip() else None
