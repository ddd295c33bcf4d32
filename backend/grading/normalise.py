r"""Spellings of an answer brought to one form, as the paper's evaluation does before comparing.

Owns the rewriting rules. They are as coarse as the paper's on purpose: verdicts are to agree with those it published.
"""

import re
from typing import Final

# As the paper's grader has it: `5 m` and `5` become equal, and so do `a+b` and `+b`.
_SINGLE_LETTERS: Final = "a c d g h l m o s t"
# The paper's list is longer and partly accidental; these are the units that answers carry.
_UNITS: Final = """
    acre am apple area bc by cc cent centimeter centimetre cm coin cube cubic day decrease deg degree dollar dm
    east excess feet foot ft gain gallon gal gm gram hectare hour hr inch inches increase kg kilogram kilometer
    kilometre km kmh kmph lb less liter litre loss man mark marks men meter metre mile min minute mm month more
    mph mt mtr north noon number ohm page pence per percent person people piece pm point pound prime profit pure
    ratio rise round rs rupee s sec second side south sq square step student th ton toy unit way week west woman
    women yard year yr
"""


_WORDS: Final = {*_UNITS.split(), *(f"{word}s" for word in _UNITS.split()), *_SINGLE_LETTERS.split()}
_LONGEST_FIRST: Final = sorted(_WORDS, key=lambda word: (-len(word), word))
_UNIT = re.compile(rf"(?<!\w)(?:{'|'.join(_LONGEST_FIRST)})(?!\w)")
_TEXT_AT_END = re.compile(r"\\text\{[^{}]*\}$")

# Tried in this order; a later rule may rely on an earlier one.
_RULES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<!\\)\\[!,;: ]|\\q?quad(?![a-zA-Z])|~", ""),
        (r"\\[td]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:left|right|displaystyle)(?![a-zA-Z])", ""),
        (r"\\begin\s*\{array\}\s*\{[^{}]*\}|\\begin\s*\{bmatrix\}", r"\\begin{pmatrix}"),
        (r"\\end\s*\{(?:array|bmatrix)\}", r"\\end{pmatrix}"),
        (r"\\(neq|leq|geq)(?![a-zA-Z])", lambda found: found[0][:-1]),
        (r"\\([{}])", r"\1"),
        (r"\^\s*\{?\s*\\circ\s*\}?|°", ""),
        (r"\\?[$%]|\\[()]", ""),
        (r"\\(?:text|textbf|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}", r"\1"),
        (r"\b[xyz]\\in\b", ""),
        (r"\binfinity\b|(?<!\\)\binf\b|\+\s*\\infty", r"\\infty"),
        (r"\\emptyset|\\varnothing", "{}"),
        (r"\band\b|['\"]", ""),
        (r"(?<![\d\w])\.(?=\d)", "0."),
        (r"(?<=\d)\.0*(?!\d)", ""),
        (r"\\sqrt\s*(\w)", r"\\sqrt{\1}"),
        (r"\\frac\s*(\w)\s*(\w)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\{[^{}]*\})\s*(\w)", r"\\frac\1{\2}"),
        (r"\\frac\s*(\w)\s*(?=\{)", r"\\frac{\1}"),
    )
)
# Runs of white space go first: the rules below may then allow for blanks without becoming quadratic.
_BLANKS = re.compile(r"\s+")
_SHORT_LEFT_SIDE = re.compile(r"^\s*[^=<>!\\]{1,2}?\s*=\s*([^=]+)$")
_SLASH = re.compile(r"^(-?\d+)/(\d+)$")


def normalise(answer: str) -> str:
    """`answer` in the form that the paper's comparison starts from. Never raises; "" stays ""."""
    text = _BLANKS.sub(" ", answer).strip(" ").rstrip(".")
    text = _dropping(_TEXT_AT_END, text)
    text = _dropping(_UNIT, text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    if short := _SHORT_LEFT_SIDE.match(text):
        text = short[1]
    text = text.replace(" ", "").rstrip(".")
    return _SLASH.sub(r"\\frac{\1}{\2}", text)


def _dropping(pattern: re.Pattern[str], text: str) -> str:
    """`text` without what `pattern` matches, unless nothing would be left."""
    rest = pattern.sub("", text).strip()
    return rest or text
