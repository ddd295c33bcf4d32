"""LaTeX inside a trace, turned into MathML that is safe to draw.

Owns finding the formulas of a text, converting each by latex2mathml, and the allow-list every element and
attribute must pass. It returns plain nested tuples, never markup, so that nothing here can become HTML.

Offsets are Unicode code points, half-open, delimiters included.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element

from latex2mathml.converter import Converter

# (tag, attributes or None, *children); a child is a tree, or the one string inside a token element.
Tree = tuple[Any, ...]

# A text of nothing but formulas must stop neither the server nor the browser.
MAX_FORMULA = 2_000  # characters
MAX_FORMULAS = 1_500  # different ones in a text
MAX_NODES = 3_000
MAX_ALL_NODES = 150_000
MAX_DEPTH = 60

# trace_view/math_names.js repeats these lists, because the browser checks again; a test compares the two.
TOKENS = frozenset({"mi", "mn", "mo", "ms", "mtext", "mspace"})
ELEMENTS = TOKENS | {
    "mrow", "mfrac", "msqrt", "mroot", "mstyle", "mpadded", "mphantom", "menclose", "msub", "msup", "msubsup",
    "munder", "mover", "munderover", "mmultiscripts", "mprescripts", "none", "mtable", "mtr", "mtd",
}  # fmt: skip
# Values are bounded too: a length of 9999em would cover the page.
_WORD = re.compile(r"[a-z-]{1,24}(?: [a-z-]{1,24}){0,11}")
_NUMBER = re.compile(r"[+-]?\d{1,2}(?:\.\d{1,4})?")
_LENGTH = re.compile(r"[+-]?\d{0,2}(?:\.\d{1,4})?(?:em|ex|px|pt|mm|cm|in|mu|%)?(?: [\d.]{1,6}(?:em|ex|px|pt))*")
ATTRIBUTES: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(
        ("displaystyle", "stretchy", "fence", "separator", "symmetric", "largeop", "movablelimits", "accent",
         "accentunder", "form", "mathvariant", "columnalign", "rowalign", "columnlines", "rowlines", "frame",
         "notation", "display", "linebreak"), _WORD),
    "scriptlevel": _NUMBER,
    **dict.fromkeys(
        ("lspace", "rspace", "linethickness", "width", "height", "depth", "voffset", "minsize", "maxsize",
         "mathsize", "rowspacing", "columnspacing"), _LENGTH),
}  # fmt: skip

_OPENERS = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
_MARK = re.compile(r"\\[\s\S]|\$\$|\$|\n[ \t\r]*\n")
# A macro may expand without bound, and some commands read files.
_DEFINES = re.compile(r"\\(?:(?:re)?newcommand|providecommand|[egx]?def|let|require|input|include)\b")
_ENTITY = re.compile(r"&#x([0-9A-Fa-f]{1,6});")
# Drawn mathematics has no place for the badges that show these in text.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula of a text: `text[start:end]` with its delimiters, `body` without them."""

    start: int
    end: int
    body: str
    display: bool


@dataclass(frozen=True, slots=True)
class Mathematics:
    """The formulas of one text that can be drawn.

    `spans` holds (start, end, index into `trees`, display); `failed` counts formulas the library refuses,
    `left` those beyond the limits of this module. Both stay as source.
    """

    spans: tuple[tuple[int, int, int, bool], ...]
    trees: tuple[Tree, ...]
    failed: int
    left: int


def find_formulas(text: str) -> Iterator[Formula]:
    r"""The formulas between `$`, `$$`, `\(` and `\[` delimiters, left to right, in time linear in the text.

    A single dollar opens only before, and closes only after, a character that isn't blank, and never before a
    digit, so that sums of money stay text; inline formulas end at a blank line.
    """
    opened: re.Match[str] | None = None
    for mark in _MARK.finditer(text):  # one pass and one open delimiter: hostile text can't make it quadratic
        sign = mark[0]
        if opened is not None and sign == _OPENERS[opened[0]] and _closes(text, opened, mark):
            yield Formula(opened.start(), mark.end(), text[opened.end() : mark.start()], opened[0] in ("$$", r"\["))
            opened = None
        elif sign in _OPENERS and not (sign in "$$" and opened is not None and opened[0] in (r"\(", r"\[")):
            opened = mark if sign != "$" or text[mark.end() : mark.end() + 1].strip() else None
        elif sign[0] == "\n" and opened is not None and opened[0] in ("$", r"\("):
            opened = None


def _closes(text: str, opened: re.Match[str], mark: re.Match[str]) -> bool:
    if opened.end() == mark.start():
        return False
    if mark[0] != "$":
        return True
    return bool(text[mark.start() - 1].strip()) and not text[mark.end() : mark.end() + 1].isdigit()


def mathematics(text: str) -> Mathematics:
    """Every formula of `text` the library can convert, equal ones sharing a tree."""
    known: dict[tuple[str, bool], int | None] = {}
    trees: list[Tree] = []
    spans: list[tuple[int, int, int, bool]] = []
    failed = left = nodes = 0
    for formula in find_formulas(text):
        key = (formula.body, formula.display)
        if key not in known:
            if len(known) >= MAX_FORMULAS or nodes > MAX_ALL_NODES or len(formula.body) > MAX_FORMULA:
                left += 1
                continue
            tree = convert(*key)
            known[key] = None if tree is None else len(trees)
            if tree is not None:
                nodes += _size(tree)
                trees.append(tree)
        index = known[key]
        if index is None:
            failed += 1
        else:
            spans.append((formula.start, formula.end, index, formula.display))
    return Mathematics(tuple(spans), tuple(trees), failed, left)


@lru_cache(maxsize=16_384)  # every rerun asks for the same formulas again
def convert(latex: str, display: bool) -> Tree | None:
    r"""The MathML tree of one formula, or None where it must stay source.

    Refused: macro definitions (their expansion has no bound), control characters, elements outside the
    allow-list, trees deeper or larger than the limits, and whatever the library can't read.
    """
    if _DEFINES.search(latex) or _CONTROL.search(latex):
        return None
    try:
        element = Converter(display="block" if display else "inline").convert_to_element(latex)
        tree = ("mrow", None, *(_checked(child, 0) for child in element))
    except (Exception, RecursionError):  # the library raises errors of many kinds for text that isn't LaTeX
        return None
    return tree if 1 < _size(tree) <= MAX_NODES else None


def _checked(element: Element, depth: int) -> Tree:
    if element.tag not in ELEMENTS or depth > MAX_DEPTH:
        raise ValueError(f"{element.tag} isn't drawn")
    attributes = {
        name: value
        for name, value in element.attrib.items()
        if (allowed := ATTRIBUTES.get(name)) is not None and allowed.fullmatch(value)
    }
    if element.tag in TOKENS:
        text = _ENTITY.sub(lambda found: chr(int(found[1], 16)), element.text or "")
        return (element.tag, attributes or None, text) if text else (element.tag, attributes or None)
    return (element.tag, attributes or None, *(_checked(child, depth + 1) for child in element))


def _size(tree: Tree) -> int:
    return 1 + sum(_size(child) for child in tree[2:] if isinstance(child, tuple))
