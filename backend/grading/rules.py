r"""The default grader, "final answer": what a response states last, compared as a mathematician would.

Owns which of the stated answers counts against which gold one. Ours are the rules; math-verify reads the formulas.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from backend.domain import Finish, Section, TraceDraft
from backend.grading import countdown, final_answer
from backend.grading.answers import Algebra, Judged, parts_of, same
from backend.grading.final_answer import Stated
from backend.grading.gold import gold_answer
from backend.grading.limits import TookTooLong, time_limit
from backend.grading.verdicts import NO_GOLD, TOO_LONG, NeedsAlgebra, Verdict, refuse
from backend.lexicon.sections import split_sections

TEXT_LIMIT: Final = 2_000_000
SECONDS: Final = 5.0
EXACT: Final = "checked exactly"
_LAST_VALUE = re.compile(r"\$[^$]+\$|\\\((?:(?!\\\)).)+\\\)|[-+]?\d(?:[\d,./]*\d)?%?|\b[A-J]\b")


class Response(NamedTuple):
    """A response to grade. `prompt` is what the model was shown; `cut` says that it reached its limit of length."""

    text: str
    gold: str | None
    question: str = ""
    prompt: str = ""
    cut: bool = False

    @classmethod
    def of(cls, draft: TraceDraft) -> Response:
        """The response of a draft."""
        return cls(draft.text, draft.gold, draft.question, draft.prompt, draft.finish is Finish.LENGTH)


def grade(response: Response) -> Verdict:
    """The verdict on a response; correct is None, with a reason, where nothing decides.

    Comparing has 5 seconds of processor time, in the main thread alone; elsewhere use GraderPool.
    """
    stated = state(response)
    if certain := beforehand(response, stated):
        return certain
    return with_algebra(stated, response.gold or "", response.question)


def state(response: Response) -> Stated:
    """What the response states after its thinking."""
    if len(response.text) > TEXT_LIMIT:
        return Stated(note=f"unknown: the text is longer than {TEXT_LIMIT:,} characters")
    # Some models write their marks as JSON has them: <\\/think>.
    text = response.text.replace("<\\/", "</")
    # Whatever follows closed thinking is no thinking.
    closed = split_sections(f"{text}\n.", response.prompt)[-1].section is not Section.THINK
    return final_answer.find(text, split_sections(text, response.prompt), response.cut, closed)


def beforehand(response: Response, stated: Stated) -> Verdict | None:
    """The verdict where no algebra is needed: strings and numbers, exact checks, nothing stated. None elsewhere."""
    if len(response.text) > TEXT_LIMIT:
        return Verdict(None, None, stated.note)
    # Many answers are right: equality with the gold one decides nothing.
    if exact := countdown.judge(response.question, stated.spoken):
        return Verdict(exact.answer, exact.correct, f"{EXACT}: {exact.note}" if exact.note else EXACT)
    try:
        return _verdict(stated, response.gold or "", response.question, refuse)
    except NeedsAlgebra:
        return None


def with_algebra(stated: Stated, gold: str, question: str) -> Verdict:
    """As grade, on what was stated; imports sympy."""
    from backend.grading import exact  # noqa: PLC0415  imports sympy, which most processes never need

    try:
        with time_limit(SECONDS):
            return _verdict(stated, gold, question, exact.judge)
    except TookTooLong:
        return Verdict(stated.answer, None, TOO_LONG)


def _verdict(stated: Stated, gold: str, question: str, algebra: Algebra) -> Verdict:
    wanted, ungradable = gold_answer(gold)
    if not wanted:
        return Verdict(stated.answer, None, NO_GOLD)
    if stated.answer is None:
        return Verdict(None, *_unmarked(stated, wanted, ungradable, question, algebra))
    if ungradable:
        alike = "".join(stated.answer.split()) == "".join(wanted.split())
        return Verdict(stated.answer, True) if alike else Verdict(stated.answer, None, f"unknown: {ungradable}")
    return Verdict(stated.answer, *_compared(stated, wanted, question, algebra))


def _compared(stated: Stated, wanted: str, question: str, algebra: Algebra) -> Judged:
    assert stated.answer is not None
    last, count = stated.answers[-stated.together :], parts_of(wanted)
    found = same(stated.answer, wanted, question, algebra)
    # One answer in several forms: 0.5 or 1/2.
    if not found[0] and len(last) > 1 and count == 1 and all(same(one, wanted, question, algebra)[0] for one in last):
        return True, ""
    # A list asked for, its parts in boxes of their own.
    if not found[0] and stated.together < count <= len(stated.answers):
        apart = same(", ".join(stated.answers[-count:]), wanted, question, algebra)
        return apart if apart[0] is not False else found
    return found


def _unmarked(stated: Stated, wanted: str, ungradable: str, question: str, algebra: Algebra) -> Judged:
    """A response without a final answer is wrong, unless its closing sentence may hold one."""
    if ungradable:
        return None, f"unknown: {ungradable}"
    values = _LAST_VALUE.findall(stated.closing)
    if values and same(values[-1], wanted, question, algebra)[0]:
        return None, "unknown: no answer is marked as final, but the last sentence ends in the gold one"
    return False, stated.note
