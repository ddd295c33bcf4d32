r"""Answers brought to one spelling, whatever their LaTeX, and taken apart: numbers, lists, names before "=".

Owns rewriting that changes no meaning, unlike the paper's (normalise.py). Words from \text stand between « and ».
"""

import re
import sys
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_SIGNS: Final = str.maketrans(
    {
        **dict.fromkeys("−–—‐‑﹣", "-"),
        **{"×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "π": r"\pi ", "∞": r"\infty ", "±": r"\pm "},
        **{"≤": r"\le ", "≥": r"\ge ", "≠": r"\neq ", "∈": r"\in ", "∪": r"\cup ", "∩": r"\cap ", "∅": r"\emptyset "},
        **{"°": r"^\circ", "′": "'", "’": "'", "“": '"', "”": '"', "θ": r"\theta ", "≈": r"\approx "},
    }
)
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_RULES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: "^{" + found[0].translate(_SUPERSCRIPTS) + "}"),
        (r"√\s*(\([^()]*\)|\w+)", lambda found: r"\sqrt{" + found[1].strip("()") + "}"),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:left|right|displaystyle|limits|[bB]igg?[lr]?)(?![a-zA-Z])\.?", ""),
        (r"\\(leq|geq)(?:slant)?(?![a-zA-Z])", lambda found: "\\" + found[1][:2] + " "),
        (r"\\ne(?![a-zA-Z])", r"\\neq "),
        (
            r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox|hbox|operatorname|textsf|mathsf)\s*\{([^{}]*)\}",
            r"«\1»",
        ),
        (r"(?<=\d)(?:,?\\! ?|\\[,;: ]|\{,\}|«,»)(?=\d{3}(?!\d))", ""),
        (r"(?<!\\)\\[,;:! ]|\\q?quad(?![a-zA-Z])|~", " "),
        (r"\\\$|\\\(|\\\)|\\\[(?![^\[\]]*pt\])|\\\]", lambda found: "«dollar»" if found[0] == "\\$" else ""),
        (r"\$(?=\s?\d)(?!.*\$)", "«dollar»"),
        (r"\$", ""),
        (r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![a-zA-Z])|\bdegrees?\b", "«degree»"),
        (r"«\s*«degree»\s*»", "«degree»"),
        (r"(?<=\d)\s*\^?\s*\{?\s*«?(?:st|nd|rd|th)\b»?\s*\}?(?![a-zA-Z])", ""),
        (r"\\?%|\bper\s?cent\b", "%"),
        (r"\\(?:varnothing|empty)(?![a-zA-Z])|\{\s*\}(?=$)", r"\\emptyset"),
        (r"\\langle(?![a-zA-Z])", "("),
        (r"\\rangle(?![a-zA-Z])", ")"),
        (r"\binf(?:inity|ty)?\b|\\infin(?![a-zA-Z])", r"\\infty"),
        (r"(?<![\d,(\[{])\d{1,3}(?:,\d{3})+(?![\d,])", lambda found: found[0].replace(",", "")),
        (r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d.])", lambda found: found[0].replace(" ", "")),
        (r"(?<![\d\w}])\.(?=\d)", "0."),
    )
)
_BLANKS = re.compile(r"\s+")
_MARKS = re.compile(r"^[\s*_`\"]+|[\s*_`\".]+$")
_NUMBER: Final = r"(\d+(?:\.\d*)?)"
_DECIMAL = re.compile(rf"([-+]?){_NUMBER}(?:\s*(?:e|E|(?:\\times|\\cdot|x|\*)\s*10\s*\^)\s*\{{?([-+]?\d{{1,3}})\}}?)?")
_FRACTION = re.compile(r"([-+]?)\s*(?:(\d+)\s*\+?\s*)?\\frac\s*(?:\{\s*(-?\d+)\s*\}|(\d))\s*(?:\{\s*(-?\d+)\s*\}|(\d))")
_SLASHED = re.compile(rf"([-+]?)(?:(\d+)\s+)?(){_NUMBER}\s*/\s*(){_NUMBER}")
_EQUALS = re.compile(r"(?<![<>!:\\])=(?!=)|:=|\\in(?![a-z])|\\equiv(?![a-z])")
_ALSO = re.compile(r"«\s*,?\s*(?:and|or)\s*»|\b(?:and|or)\b|\\(?:lor|vee|land|wedge)(?![a-z])|;")
_WORDS: Final = (*("zero", "one", "two", "three", "four", "five", "six"), *("seven", "eight", "nine", "ten"))
_BRACKETS = re.compile(r"[()\[\]{}]")
BRACES = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class Number:
    """An exact value; `places` counts the digits after the point, None where there is no point."""

    value: Fraction
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """Items between two brackets ("" where there are none): a set, a tuple, an interval, a list."""

    opening: str
    items: tuple[str, ...]
    closing: str


def plain(answer: str) -> str:
    """`answer` in one spelling. Never raises."""
    text = unicodedata.normalize("NFC", answer)
    text = "".join(str(unicodedata.digit(c, c)) if c.isdecimal() else c for c in text).translate(_SIGNS)
    text = re.sub(r"[！-～]", lambda found: chr(ord(found[0]) - 0xFEE0), text)
    text = _BLANKS.sub(" ", text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _MARKS.sub("", _BLANKS.sub(" ", text))
    # Words alone need no marks: \text{Evelyn} is Evelyn.
    if (word := re.fullmatch(r"«\s*([^«»]*?)[\s.]*»", text)) and word[1] not in {"dollar", "degree"}:
        text = word[1]
    return str(_WORDS.index(text.lower())) if text.lower() in _WORDS else text


def number(text: str) -> Number | None:
    """The number that `text` writes out, None where it is anything else or divides by zero."""
    text = text.strip()
    if len(text) > 300:
        return None
    if found := _DECIMAL.fullmatch(text):
        places = len(found[2].partition(".")[2]) if "." in found[2] else None
        shift = int(found[3] or 0)
        value = Fraction(found[2].rstrip(".")) * Fraction(10) ** shift
        return Number(-value if found[1] == "-" else value, None if places is None else max(0, places - shift))
    if found := _FRACTION.fullmatch(text) or _SLASHED.fullmatch(text):
        above, below = Fraction(found[3] or found[4]), Fraction(found[5] or found[6])
        if below:
            value = int(found[2] or 0) + above / below
            return Number(-value if found[1] == "-" else value)
    return None


def named(text: str) -> tuple[str, str]:
    """The name and the value of "x = 5" or "x ∈ [1, 2]", the last of a chain; ("", text) where nothing is named."""
    name = value = ""
    for sign in list(_EQUALS.finditer(text)):
        before = text[: sign.start()]
        if sum(map(before.count, "([{")) == sum(map(before.count, ")]}")):
            name = name or before.strip()
            value = text[sign.end() :].strip()
    # "5 = x" names x as well: a number has no other name.
    if number(name) and value.isalpha():
        name, value = value, name
    if name:
        text = value
    return name, text.partition(r"\approx")[0].strip() or text


def collection(text: str) -> Collection | None:
    """The items of a list, set, tuple or interval; None for a single thing."""
    text = text.replace(r"\{", "{").replace(r"\}", "}").strip()
    opening = text[:1] if text[:1] in ("(", "[", "{") and closing(text, _BRACKETS) == len(text) - 1 else ""
    inner = text[1:-1] if opening else text
    items = tuple(item.strip() for item in split(_ALSO.sub(",", inner)) if item.strip())
    if len(items) < 2 and not (opening == "{" and items):
        return None
    return Collection(opening, items, text[-1] if opening else "")


def split(text: str) -> list[str]:
    """`text` split at the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def closing(text: str, brackets: re.Pattern[str], start: int = 0, end: int = sys.maxsize) -> int | None:
    """Where the bracket that opens at `start` is closed; an interval's may be of another kind."""
    depth = 0
    for bracket in brackets.finditer(text, start, end):
        depth += 1 if bracket[0] in "([{" else -1
        if depth == 0:
            return bracket.start()
    return None
