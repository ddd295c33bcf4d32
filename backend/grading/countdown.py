r"""Grading answers to countdown questions: does the boxed expression use exactly the given numbers and make the target?

Owns the form of the question, the reading of the box and exact evaluation. Nothing is ever executed: an expression is
parsed, and only + - * / of whole numbers count.
"""

import ast
import operator
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from backend.grading.verdicts import Verdict

# Eight numbers of four digits with every bracket there can be take less; Python's parser gets no longer text.
ANSWER_LIMIT: Final = 200

# ASCII alone: \d matches the digits of every script, and int() reads them.
_QUESTION = re.compile(r"Use (\d{1,4}(?:, \d{1,4}){1,7}) to make (\d{1,6})\.", re.ASCII)
_ALLOWED = re.compile(r"[0-9+\-*/() ]+", re.ASCII)
_BOX: Final = "\\boxed{"
_CLOSE: Final = "</think>"
_OPERATORS: Final[dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def judge(question: str, text: str) -> Verdict | None:
    """The verdict on the response `text`; None when `question` isn't "Use a, b, c to make t."."""
    asked = _QUESTION.fullmatch(question.strip())
    if asked is None:
        return None
    answer, note = boxed(text)
    if answer is None:
        return Verdict(None, False, note)
    given = Counter(int(number) for number in asked[1].split(", "))
    wrong = _fault(answer, given, int(asked[2]))
    return Verdict(answer, not wrong, wrong)


def boxed(text: str) -> tuple[str | None, str]:
    r"""What the only \boxed{} after the last </think> holds, or None and why there is none."""
    tail = text.rpartition(_CLOSE)[2]
    boxes = tail.count(_BOX)
    if boxes != 1:
        return None, "there is no boxed answer" if not boxes else "there is more than one boxed answer"
    content, closed, _ = tail.partition(_BOX)[2].partition("}")
    if not closed:
        return None, "the box is not closed"
    if len(content) > ANSWER_LIMIT:
        return None, f"the boxed answer is longer than {ANSWER_LIMIT} characters"
    return content.strip(), ""


def _fault(answer: str, given: Counter[int], target: int) -> str:
    """Why `answer` is wrong; empty if it is right."""
    if not _ALLOWED.fullmatch(answer):
        return "the answer is no expression of whole numbers"
    try:
        numbers: list[int] = []
        # `ast` and not `eval`: characters are checked already, but 9**9**9 is made of allowed ones.
        value = _value(ast.parse(answer, mode="eval").body, numbers)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "the answer is no expression of whole numbers"
    except ZeroDivisionError:
        return "the answer divides by zero"
    if Counter(numbers) != given:
        return "the answer does not use exactly the given numbers"
    return "" if value == target else f"the answer makes {value}, not {target}"


def _value(node: ast.expr, numbers: list[int]) -> Fraction:
    """The exact value of `node`; its numbers go to `numbers`. Raises ValueError for anything but arithmetic."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        numbers.append(node.value)
        return Fraction(node.value)
    if isinstance(node, ast.BinOp) and (apply := _OPERATORS.get(type(node.op))) is not None:
        return apply(_value(node.left, numbers), _value(node.right, numbers))
    raise ValueError("not arithmetic")
