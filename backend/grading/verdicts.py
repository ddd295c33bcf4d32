"""Verdicts of graders on a response, and the names of the graders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PAPER: Final = "paper"
MATH_VERIFY: Final = "math-verify"
GRADERS: Final = (PAPER, MATH_VERIFY)
DEFAULT_GRADER: Final = MATH_VERIFY

ANSWER_LIMIT: Final = 1000
TOO_LONG: Final = "unknown: took too long"


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
    math_verify: Verdict

    def by_name(self, grader: str) -> Verdict:
        """The verdict of `grader`, one of GRADERS. Raises KeyError for another name."""
        return {PAPER: self.paper, MATH_VERIFY: self.math_verify}[grader]
