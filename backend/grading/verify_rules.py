r"""The math-verify library as a grader that never raises.

Owns the shortcut for plain boxed integers and the bound on a text's length.
"""

from __future__ import annotations

import re
from typing import Final

from backend.grading.verdicts import Verdict

TEXT_LIMIT: Final = 2_000_000

_BOX: Final = "\\boxed"
_BOXED_INTEGER = re.compile(r"\\boxed\{(0|[1-9]\d{0,8})\}([\s$.)\]\\]*)$", re.ASCII)
_PLAIN_GOLD = re.compile(r"(\d{1,9})(?:\.0{1,6})?", re.ASCII)
# Both of the library's phrase patterns, which go before boxes, need this much.
_FINAL_ANSWER_IS = re.compile(r"(?i:final answer)(?s:.{0,100}?)\s+is")


def grade(text: str, gold: str | None) -> Verdict:
    """math-verify's verdict on `text`; correct is None, with a reason, where the library fails or gives up.

    Without a time limit outside the main thread: use GraderPool there.
    """
    if len(text) > TEXT_LIMIT:
        return Verdict(None, None, f"unknown: the text is longer than {TEXT_LIMIT:,} characters")
    if (certain := quick(text, gold)) is not None:
        return certain
    from backend.grading import math_verify  # noqa: PLC0415  imports sympy, which most processes never need

    # The whole text, because the library's search (phrases such as "final answer is" before boxes, boxes before other
    # formulas, the rightmost first) is part of its verdict.
    return math_verify.grade(text, gold)


def quick(text: str, gold: str | None) -> Verdict | None:
    """The library's verdict without the library, where it is certain: one box, a plain integer, at the end.

    None where that isn't so.
    """
    # Every pattern of math-verify that matches, and goes before the others, then covers that box and no other: its
    # content is the answer, and against a plain gold number the equality of the integers is the verdict.
    tail = _BOXED_INTEGER.search(text, max(0, text.rfind(_BOX)))
    expected = _PLAIN_GOLD.fullmatch(gold.strip()) if gold is not None else None
    if tail is None or expected is None or text.count(_BOX) > 1 or "\\fbox" in text:
        return None
    if len(text) > TEXT_LIMIT or _FINAL_ANSWER_IS.search(text):
        return None
    return Verdict(tail[1], int(tail[1]) == int(expected[1]))
