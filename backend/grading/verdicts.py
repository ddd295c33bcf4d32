"""Verdicts of graders on a response, and the names of the graders."""

from dataclasses import dataclass
from typing import Final, NoReturn

PAPER: Final = "paper"
FINAL: Final = "final answer"
GRADERS: Final = (PAPER, FINAL)

ANSWER_LIMIT: Final = 1000
TOO_LONG: Final = "unknown: took too long"
NO_ANSWER: Final = "no final answer"
NO_GOLD: Final = "no gold answer"


class NeedsAlgebra(Exception):
    """The comparison can't be settled without computer algebra, which takes a process of its own."""


def refuse(*_: str) -> NoReturn:
    """Stands for the algebra where there is none."""
    raise NeedsAlgebra


@dataclass(frozen=True, slots=True)
class Verdict:
    """One grader's verdict on one response.

    `answer` is what it took for the final answer (None: it found none), cut to ANSWER_LIMIT characters. `correct` is
    None where the grader can't tell; `note` then says why.
    """

    answer: str | None
    correct: bool | None
    note: str = ""

    # A box that never closes holds the rest of the response, and answers stand in tables.
    def __post_init__(self) -> None:
        if self.answer is not None and len(self.answer) > ANSWER_LIMIT:
            object.__setattr__(self, "answer", self.answer[:ANSWER_LIMIT] + "…")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Both graders' verdicts on one response."""

    paper: Verdict
    final: Verdict
