"""Letters of multiple choice: the choices that a question offers, and the letter that an answer names."""

import re

from backend.grading.spelling import plain

_CHOICES = re.compile(
    r"(?:^|[\s,;{:}$\\])(?:\\?(?:text(?:bf)?|mathrm|mathbf|textrm)\s*\{\s*)?\**(?:\(([A-J])\)|([A-J])[.):])\**\}*[\s\\~:]*"
)
_LETTER = re.compile(r"(?i:option|choice|answer)?\W*([A-J])(?:\W*|\W*[).:-]\W*(?P<rest>.+))", re.DOTALL)


def choices(question: str) -> dict[str, str]:
    """Letter -> text of the choices that a question ends with; empty where there are none in order from A."""
    marks = list(_CHOICES.finditer(question))
    # From the last A: a question may speak of a point (A) before.
    first = max((at for at, mark in enumerate(marks) if (mark[1] or mark[2]) == "A"), default=None)
    if first is None:
        return {}
    found: dict[str, str] = {}
    ends = [mark.start() for mark in marks[1:]] + [len(question)]
    for mark, end in zip(marks[first:], ends[first:], strict=True):
        letter = mark[1] or mark[2]
        if letter != "ABCDEFGHIJ"[len(found) : len(found) + 1]:
            break
        found[letter] = (
            re.split(r"\n\s*\n", question[mark.end() : end].strip())[0].rstrip("$,;\\ ").removesuffix("\\qquad")
        )
    return found if len(found) > 1 else {}


def letter(text: str) -> tuple[str, str]:
    """The letter of a choice and the text after it: "(B) 12" is B and 12."""
    bare = re.sub(r"[«»*$]", "", plain(text)).strip()
    found = _LETTER.fullmatch(bare)
    if not found or re.match(r"[A-J]\s*(?:[-+*/^_=<>]|\\)", bare):
        return "", ""
    return found[1], found["rest"] or ""
