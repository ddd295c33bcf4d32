"""False confidence: wrong answers that are given without a doubt.

Owns which passage of a response counts as its closing, the place where a doubt would have to stand to warn the reader.
The caller says which closings hold a doubt and which answers are wrong.
"""

import re
from typing import Final

_BOXED: Final = "\\boxed{"
# A full stop within a number ends nothing; a tag may follow the stop at once.
_END: Final = re.compile(r"[.!?](?=[\s<]|$)|\n")
_SAYS: Final = re.compile(r"\w")
_TAG: Final = re.compile(r"</?\w+>")
_SENTENCES: Final = 2  # before the one with the answer


def closing(text: str) -> tuple[int, int]:
    """The closing passage of a response: `text[start:end]`, in code points.

    It runs from two sentences before the one with the last \\boxed{ to the end. Lines and . ! ? end sentences; a line
    without a word, or with a tag alone, is none. Without a \\boxed{ it is the last sentence and two before it.
    """
    # The last box: models that try out answers box them on the way.
    at = text.rfind(_BOXED)
    starts = _starts(text, at if at >= 0 else len(text))
    return starts[max(0, len(starts) - 1 - _SENTENCES)], len(text)


def _starts(text: str, before: int) -> list[int]:
    """Where the sentences begin that begin before `before`; the one in which `before` lies comes last."""
    found, start = [], 0
    for match in _END.finditer(text, 0, before):
        if _says(text[start : match.end()]):
            found.append(start)
            start = match.end()
    if before < len(text) or _says(text[start:]) or not found:
        found.append(start)
    return found


def _says(sentence: str) -> bool:
    return bool(_SAYS.search(_TAG.sub("", sentence)))


def falsely_confident(finished: bool, answer: str | None, correct: bool | None, doubts: bool) -> bool | None:
    """Whether a response asserts a wrong answer: it ended by itself, gives an answer that is wrong, and `doubts`
    (its closing holds a doubt) is false. None where nobody knows whether it is right.
    """
    if correct is None:
        return None
    # A response that was cut off, or gives no answer, asserts nothing.
    return finished and bool(answer) and not correct and not doubts
