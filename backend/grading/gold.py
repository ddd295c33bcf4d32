"""Gold answers as data sets write them: after "####", in a box, as JSON, or as text that nothing compares with."""

import json
import re
from typing import Final

from backend.grading.spelling import BRACES, closing

LENGTH_LIMIT: Final = 1500
_NOTHING: Final = {*("", "-", "?", "n/a", "na", "none", "null", "nan", "tbd"), *("see solution", "proof", "answer")}
_KEYS: Final = {"answer", "final_answer", "value", "result"}
_WORD = re.compile(r"(?<![\\a-zA-Z])(?!and\b|or\b)[A-Za-z]{2,}")
_TEXT = re.compile(r"\\text\s*\{[^}]*\}")
_CODE = re.compile(r"^\s*(?:def|class|import|return|#include|function)\b|```", re.MULTILINE)
_WORDS: Final = 7
DATA: Final = "the gold answer is data, not an answer to compare with"
PROSE: Final = "the gold answer is text, not an answer to compare with"


def gold_answer(gold: str | None) -> tuple[str, str]:
    """The answer that a gold text ends in ("540" of "... #### 540"), and why nothing compares with it, or "".

    Both are empty where there is no gold answer.
    """
    text = _ending(gold or "")
    if text.lower().strip(". ") in _NOTHING:
        return "", ""
    try:
        found = json.loads(text) if text[:1] in ("[", "{", '"') else None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and len(found) == 1 and _KEYS & {key.lower() for key in found}:
        found = list(found.values())
    if isinstance(found, list) and len(found) == 1:
        [found] = found
    if isinstance(found, str):
        return gold_answer(found)
    if isinstance(found, dict) or (isinstance(found, list) and not all(isinstance(x, int | float) for x in found)):
        return text, DATA
    wordy = len(_WORD.findall(_TEXT.sub(" ", text))) > _WORDS
    return text, PROSE if wordy or len(text) > LENGTH_LIMIT or _CODE.search(text) else ""


def _ending(text: str) -> str:
    """What stands after "####", in <answer> tags or in the last box; else all of it."""
    if "####" in text:
        return text.rpartition("####")[2].strip()
    if tag := re.search(r"<answer>(.*?)</answer>", text, re.DOTALL):
        return tag[1].strip()
    opening = text.rfind(box := "\\boxed{")
    end = closing(text, BRACES, opening) if opening >= 0 else None
    return (text if end is None else text[opening + len(box) : end]).strip()
