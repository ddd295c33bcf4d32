"""The math-verify library: parsing, comparing, and reasons where it fails.

Owns every call of the library. Importing this module imports sympy (about a second, 100 MB): only verify_rules.grade
does, when it must.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import product
from typing import Any, Final

import math_verify

from backend.grading.limits import TookTooLong, time_limit
from backend.grading.verdicts import TOO_LONG, Verdict

SECONDS: Final = 5.0
_NO_TIMER: Any = None
# A gold answer that says itself where its formula is; an escaped dollar is money.
_MARKED_UP: Final = re.compile(r"(?<!\\)\$|\\boxed|\\\(|\\\[")


def grade(text: str, gold: str | None) -> Verdict:
    """The library's verdict on the whole of `text`; correct is None, with a reason, where it fails or gives up.

    Each parsing and comparing step has 5 seconds, the library's default, of processor time; they hold in the main
    thread alone.
    """
    found, trouble = _attempt(partial(_parse, text))
    if trouble:
        return Verdict(None, None, trouble)
    answer = next((item for item in found if isinstance(item, str)), None)
    if gold is None or not gold.strip():
        return Verdict(answer, None, "no gold answer")
    if not found:
        return Verdict(None, False, "no answer found")
    expected, trouble = _attempt(partial(_parse_gold, gold.strip()))
    return Verdict(answer, None, trouble) if trouble else _compare(expected, found, answer)


def _compare(expected: Sequence[Any], found: Sequence[Any], answer: str | None) -> Verdict:
    """True if any pair is equal, as the library has it; unknown if none is and a comparison failed."""
    note = ""
    for wanted, got in product(expected, found):
        comparing = partial(math_verify.verify, wanted, got, timeout_seconds=_NO_TIMER, raise_on_error=True)
        equal, trouble = _attempt(comparing)
        if equal:
            return Verdict(answer, True)
        note = note or trouble
    return Verdict(answer, None, note) if note else Verdict(answer, False)


def _attempt(step: Callable[[], Any]) -> tuple[Any, str]:
    """The step's result and "", or None and why there is none."""
    try:
        with time_limit(SECONDS):
            return step(), ""
    except TookTooLong:
        return None, TOO_LONG
    except Exception as error:  # sympy and the grammar raise without a contract; the text is hostile
        return None, f"unknown: math-verify failed ({type(error).__name__})"


def _parse(text: str) -> Any:
    # The library's own timer counts wall-clock time, and raises ValueError outside the main thread.
    return math_verify.parse(text, parsing_timeout=_NO_TIMER, raise_on_error=True)


# The same gold answers come again with every sample of a problem.
@lru_cache(maxsize=1024)
def _parse_gold(gold: str) -> Any:
    # The library finds formulas in text: a bare one, as data sets have it, would be read as prose.
    return _parse(gold if _MARKED_UP.search(gold) else f"${gold}$")
