r"""The evaluation rules of arXiv 2603.24472, written from their description.

Owns extraction of an answer and the decision whether it equals the gold one, with the rules' oddities kept: a percent
tolerance that makes 5 equal 500, lists without order, no fallback to the last number.

Rules. The answer is what follows the last occurrence of the letters "boxed" (a backslash isn't asked
for): up to the matching brace, the end of the text where that never comes, or the next `$` where no
brace opens. Two normalised answers are equal as strings, as lists in any order, as numbers within 1e-4 (also
times 100 or divided by 100), as letters of a choice, as tuples or intervals element by element (kinds of bracket
aside), as equations whose sides differ by the same expression, or by computer algebra within 3 seconds of processor
time.
"""

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Final

from backend.grading.limits import TookTooLong, time_limit
from backend.grading.normalise import normalise
from backend.grading.spelling import BRACES, closing, split
from backend.grading.verdicts import NeedsAlgebra, Verdict, refuse

Compare = Callable[[str, str], bool]

# A box that never closes takes in the rest of the response: beyond this, answers are compared as strings alone.
LENGTH_LIMIT: Final = 4000
_LONGEST_LIST: Final = 100  # elements are compared in any order: the work grows with the square
SYMBOLIC_SECONDS: Final = 3.0
OVER_TIME: Final = "the comparison took longer than 3 seconds, which these rules count as wrong"
LENIENT: Final = "right by these rules, which take numbers within 0.0001 (and 100 times as much) for equal"
LAST_BOX: Final = "these rules take the last box, whatever is in it"
_PLACEHOLDERS: Final = {"answer", "youranswer", "finalanswer", "yourfinalanswer", "...", r"\ldots", ""}
_TOLERANCE: Final = 1e-4
_CHOICE = re.compile(r"\([A-E]\)|[A-E][.):]|\*\*[A-E]\*\*")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,2})?")
_MATRIX = re.compile(r"\\begin\{pmatrix\}(.+)\\end\{pmatrix\}")
_BRACKETED = re.compile(r"[(\[].+[)\]]")


def extract(text: str) -> str | None:
    """The final answer in `text`, None where the word "boxed" doesn't occur or nothing follows it."""
    # The word alone: "I will put it in boxed form. Answer 42" gives "form. Answer 42" in the paper's code too.
    # A thought in full goes first, as in the paper's eval.py; one that was opened by the prompt stays.
    opened = text.find("<think>")
    closed = text.find("</think>", opened) if opened >= 0 else -1
    _, found, rest = text[closed + len("</think>") if closed >= 0 else 0 :].rpartition("boxed")
    if not found:
        return None
    answer = rest[1 : closing(rest, BRACES)] if rest.startswith("{") else rest.partition("$")[0]
    return answer.strip() or None


def grade_answer(pred: str | None, gold: str) -> Verdict:
    """The verdict on an extracted answer, with a note where none was found or time ran out.

    The limit of 3 seconds holds in the main thread alone; elsewhere grade through GraderPool.
    """
    try:
        return quick(pred, gold)
    except NeedsAlgebra:
        return _with_algebra(pred or "", gold)


def quick(pred: str | None, gold: str) -> Verdict:
    """As grade_answer, but raises NeedsAlgebra where strings and numbers don't settle it."""
    if pred is None:
        return Verdict(None, False, "no boxed answer")
    if len(pred) > LENGTH_LIMIT:
        return Verdict(pred, pred.strip() == gold.strip())
    mine, wanted = normalise(pred), normalise(gold)
    # Before any algebra, which would only say that no placeholder equals a number.
    if mine.lower() in _PLACEHOLDERS and mine.lower() != wanted.lower():
        return Verdict(pred, False, LAST_BOX)
    right = _equal(mine, wanted, refuse)
    return Verdict(pred, right, LENIENT if right and _number(mine) != _number(wanted) else "")


def _with_algebra(pred: str, gold: str) -> Verdict:
    from backend.grading.symbolic import equal  # noqa: PLC0415  imports sympy, which most processes never need

    try:
        with time_limit(SYMBOLIC_SECONDS):
            right = _equal(normalise(pred), normalise(gold), equal)
            # What is right by value alone differs once nothing is allowed for.
            lenient = right and not _equal(normalise(pred), normalise(gold), partial(equal, tolerance=0.0))
            return Verdict(pred, right, LENIENT if lenient else "")
    except TookTooLong:
        return Verdict(pred, False, OVER_TIME)


def _equal(pred: str, gold: str, algebra: Compare) -> bool:
    # From the cheapest to the dearest: most answers are settled before there is any need of algebra.
    if pred.lower() == gold.lower():
        return True
    if not pred or not gold:
        return False
    if gold in {*"ABCDE"} and (letters := re.findall(r"\b[A-E]\b", pred.upper())) and letters[-1] == gold:
        return True
    if (choice := _CHOICE.match(pred)) and pred[choice.end() :] and _equal(pred[choice.end() :], gold, algebra):
        return True
    if "," in pred and "," in gold and _equal_lists(pred, gold, algebra):
        return True
    # 45, 45 % and 0.45 are all taken for the same, whichever of the two has the percent sign.
    numbers = _number(pred), _number(gold)
    if numbers[0] is not None and numbers[1] is not None:
        return any(math.isclose(numbers[0], numbers[1] * scale, abs_tol=_TOLERANCE) for scale in (0.01, 1, 100))
    if pred.strip("()[]{}").lower() == gold.strip("()[]{}").lower():
        return True
    if _BRACKETED.fullmatch(pred) and _BRACKETED.fullmatch(gold):
        left, right = split(pred[1:-1]), split(gold[1:-1])
        if len(left) == len(right) > 1:
            return all(_equal(one, other, algebra) for one, other in zip(left, right, strict=True))
    if (left_rows := _rows(pred)) and (right_rows := _rows(gold)):
        return _equal_matrices(left_rows, right_rows, algebra)
    return _equal_expressions(pred, gold, algebra)


def _equal_matrices(pred: list[list[str]], gold: list[list[str]], algebra: Compare) -> bool:
    if [len(row) for row in pred] != [len(row) for row in gold]:
        return False
    pairs = (pair for rows in zip(pred, gold, strict=True) for pair in zip(*rows, strict=True))
    return all(_equal(normalise(left), normalise(right), algebra) for left, right in pairs)


def _rows(text: str) -> list[list[str]]:
    """The cells of a normalised matrix; empty where `text` isn't one."""
    matrix = _MATRIX.fullmatch(text)
    return [row.split("&") for row in matrix[1].split(r"\\") if row] if matrix else []


def _equal_lists(pred: str, gold: str, algebra: Compare) -> bool:
    """Whether two lists without brackets, or two sets, hold equal elements in any order."""
    left, right = (split(text[1:-1] if text[:1] + text[-1:] == "{}" else text) for text in (pred, gold))
    if len(left) != len(right) or not 2 <= len(left) <= _LONGEST_LIST:
        return False
    for wanted in right:
        match = next((part for part in left if _equal(part, wanted, algebra)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _equal_expressions(pred: str, gold: str, algebra: Compare) -> bool:
    sides = pred.split("="), gold.split("=")
    if len(sides[0]) == len(sides[1]) == 2:
        left, right = (f"{lhs}-({rhs})" for lhs, rhs in sides)
        # x = 2 and 2 = x are the same equation, and their sides differ by the sign alone.
        return algebra(left, right) or algebra(f"-({left})", right)
    return algebra(pred, gold)


def _number(text: str) -> float | None:
    plain = text.replace(",", "")
    return float(plain) if len(plain) < 300 and _NUMBER.fullmatch(plain) else None
