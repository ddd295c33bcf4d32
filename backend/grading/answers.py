r"""Whether two answers are the same, as a mathematician reads them: letters, numbers, units, lists, else algebra.

Owns the kinds of answers and how each is compared; what can't be decided is None with a reason, never wrong. The
algebra is handed in, so that no process needs sympy before an answer does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final

from backend.grading.choices import choices, letter
from backend.grading.spelling import Collection, Number, collection, named, number, plain

Judged = tuple[bool | None, str]
Algebra = Callable[[str, str, str], Judged]  # what to do ("equal" or "units"), answer, gold

LENGTH_LIMIT: Final = 1500
_DEPTH: Final = 4
_LONGEST_LIST: Final = 60
_WRONG: Final[Judged] = False, ""
_RIGHT: Final[Judged] = True, ""

_LETTERS = re.compile(r"\(?([A-J])\)?(?:\s*(?:,|and|&|;|\s)\s*\(?([A-J])\)?)+|[A-J]{2,5}")
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?\s*«?\s*([ap]\.?\s*m\.?)?\s*»?", re.IGNORECASE)
_RATIO = re.compile(r"(\d+(?:\.\d+)?)\s*:\s*(\d+(?:\.\d+)?)")
_BASED = re.compile(
    r"\(?\s*([0-9A-Z]+)\s*\)?\s*(?:_\s*\{?\s*\(?\s*«?\s*(\d{1,2}|[a-z]+)\s*»?\s*\)?\s*\}?|«?\s*(?:in\s)?base\s*»?\s*(\d{1,2}|[a-z]+)\s*»?)"
)
_BASES: Final = ("", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_MAYBE_SET = re.compile(r"[<>]|\\(?:le|ge|neq|cup|in|begin|mathbb)")
_UNDEFINED = re.compile(r"(?:/|\\frac\s*\{[^{}]*\}\s*\{)\s*\(?\s*0(?:\.0*)?\s*(?![\d.^!{])")
_QUANTITY = re.compile(
    r"(?P<money>«dollar»\s*)?(?P<value>[-+]?.*?(?:[\d)}\]]|\\(?:pi|infty)))\s*"
    r"(?P<unit>(?:\s*/?\s*«\s*(?!and|or)[^«»]*»(?:\s*\^\s*\{?-?\d\}?)?)+|%|[A-Za-z][A-Za-z./^\d ]*)?"
)
_ANGLE_OF = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_WORDS = re.compile(r"(?:[^\W\d_]{3,}|[Nn]o|[Uu]p)(?:['\s.,«»-]+[^\W\d_]+)*[.!«»\s]*")
_SYNONYMS: Final = {
    **dict.fromkeys(("doesnotexist", "dne", "undefined", "notdefined"), "undefined"),
    **dict.fromkeys(("nosolution", "nosolutions", "norealsolution", "norealsolutions", r"\emptyset"), r"\emptyset"),
    **dict.fromkeys(("yes", "true"), "yes"),
    **dict.fromkeys(("no", "false"), "no"),
}


def parts_of(answer: str) -> int:
    """How many answers stand in a list without brackets."""
    found = collection(plain(answer))
    return len(found.items) if found and not found.opening else 1


def same(answer: str, gold: str, question: str, algebra: Algebra) -> Judged:
    """Whether `answer` is the same as `gold`; None with a reason where that can't be told.

    `question` may hold the choices that letters stand for.
    """
    if len(answer) > LENGTH_LIMIT:
        return None, f"unknown: the answer is longer than {LENGTH_LIMIT:,} characters"
    return _letters(answer, gold, question, algebra) or _same(plain(answer), plain(gold), algebra, question)


def _letters(answer: str, gold: str, question: str, algebra: Algebra) -> Judged | None:
    """The verdict where the gold answer or the response's is a letter of a multiple choice; else None."""
    several = [_LETTERS.fullmatch(plain(text)) for text in (answer, gold)]
    if several[0] and several[1]:
        return set(re.findall(r"[A-J]", several[0][0])) == set(re.findall(r"[A-J]", several[1][0])), ""
    mine, mine_text = letter(answer)
    wanted, wanted_text = letter(gold)
    if not (mine or wanted):
        return None
    offered = choices(question)
    if mine and wanted:
        return mine == wanted, ""
    if wanted:
        text = wanted_text or offered.get(wanted, "")
        if not text:
            return (False, "") if several[0] else (None, f"unknown: {wanted} is a letter, and the choices aren't known")
        return _same(plain(answer), plain(text), algebra, question)
    if text := mine_text or offered.get(mine, ""):
        return _same(plain(text), plain(gold), algebra, question)
    if len(gold.strip()) == 1 and gold.strip().isalpha():
        return None
    return None, f"unknown: {mine} is a letter, and the choices aren't known"


def _same(answer: str, gold: str, algebra: Algebra, question: str = "", depth: int = 0) -> Judged:
    if _UNDEFINED.search(gold):
        return (False, "") if not _UNDEFINED.search(answer) else (False, "a division by zero equals nothing")
    if _UNDEFINED.search(answer):
        return False, "the answer divides by zero"
    if _compact(answer) == _compact(gold):
        return _RIGHT
    if not answer or depth > _DEPTH:
        return (False, "") if not answer else (None, "unknown: nested too deep")
    for kind in (_times, _bases, _plus_minus, _lists, _equations, _quantities, _plain_numbers, _words):
        if (found := kind(answer, gold, algebra, question, depth)) is not None:
            return found
    return algebra("equal", answer, gold)


def _times(answer: str, gold: str, _algebra: Algebra, question: str, _depth: int) -> Judged | None:
    mine, wanted = _TIME.fullmatch(answer), _TIME.fullmatch(gold)
    if mine and wanted:
        half = [(found[4] or "")[:1].lower() for found in (mine, wanted)]
        if [int(x or 0) for x in mine.groups()[:3]] == [int(x or 0) for x in wanted.groups()[:3]]:
            return (False, "") if all(half) and half[0] != half[1] else _RIGHT
        ratios = [Fraction(int(found[1]), int(found[2]) or 1) for found in (mine, wanted)]
        if "ratio" in question.lower() or ratios[0] != ratios[1]:
            return ratios[0] == ratios[1] and "ratio" in question.lower(), ""
        return None, "unknown: times of day or ratios"
    mine, wanted = _RATIO.fullmatch(answer), _RATIO.fullmatch(gold)
    if not (mine or wanted):
        return None
    values = [_ratio(found) if found else number(text) for found, text in ((mine, answer), (wanted, gold))]
    if None in values:
        return None, "unknown: a ratio or time beside something else"
    return values[0].value == values[1].value, ""  # type: ignore[union-attr]  # neither is None


def _ratio(found: re.Match[str]) -> Number | None:
    return Number(Fraction(found[1]) / Fraction(found[2])) if Fraction(found[2]) else None


def _bases(answer: str, gold: str, _algebra: Algebra, _question: str, _depth: int) -> Judged | None:
    (digits, base), (gold_digits, gold_base) = read = [_based(text) for text in (answer, gold)]
    if not (base or gold_base):
        return None
    if digits.lstrip("0") == gold_digits.lstrip("0"):
        return not (base and gold_base) or base == gold_base, ""
    try:
        values = [int(written, of or 10) for written, of in read]
    except ValueError:
        return None
    return (None, "unknown: the same number in another base") if values[0] == values[1] else _WRONG


def _based(text: str) -> tuple[str, int]:
    """The digits of a number and its base, 0 where none is written."""
    found = _BASED.fullmatch(text)
    said = (found[2] or found[3]) if found else ""
    base = int(said) if said.isdigit() else _BASES.index(said) if said in _BASES else 0
    # A single letter with an index is a variable: A_1.
    return (found[1], base) if found and 2 <= base <= 36 and (base > 10 or found[1].isdigit()) else (text, 0)


def _plus_minus(answer: str, gold: str, algebra: Algebra, question: str, depth: int) -> Judged | None:
    if r"\pm" not in answer + gold or max(answer.count(r"\pm"), gold.count(r"\pm")) > 1:
        return None
    both = [
        f"{{{text.replace(chr(92) + 'pm', '+')}, {text.replace(chr(92) + 'pm', '-')}}}" if r"\pm" in text else text
        for text in (answer, gold)
    ]
    both = [re.sub(r"([{,=(]\s*)\+\s*", r"\1", text) for text in both]
    return _same(both[0], both[1], algebra, question, depth + 1)


def _lists(answer: str, gold: str, algebra: Algebra, question: str, depth: int) -> Judged | None:
    mine, wanted = collection(answer), collection(gold)
    if mine and wanted:
        if max(len(mine.items), len(wanted.items)) > _LONGEST_LIST:
            return None, "unknown: long lists"
        return _pair_up(mine, wanted, algebra, question, depth) if len(mine.items) == len(wanted.items) else _WRONG
    if not (several := mine or wanted):
        return None
    single = gold if mine else answer
    if _MAYBE_SET.search(single + "".join(several.items)) or {several.opening, several.closing} & set("()[]"):
        return None
    if named(single)[0]:
        return _same(named(answer)[1], named(gold)[1], algebra, question, depth + 1)
    if len(several.items) > 1:
        return _WRONG
    [item] = several.items
    return _same(item if mine else answer, gold if mine else item, algebra, question, depth + 1)


def _pair_up(mine: Collection, wanted: Collection, algebra: Algebra, question: str, depth: int) -> Judged:
    kinds = {mine.opening + mine.closing, wanted.opening + wanted.closing}
    items = _by_name(mine.items, wanted.items)
    ordered = _all(_same(a, b, algebra, question, depth + 1) for a, b in zip(items, wanted.items, strict=True))
    if kinds <= {"{}", ""}:
        return ordered if ordered[0] else _any_order(list(items), wanted.items, algebra, question, depth)
    if ordered[0] is False and kinds == {"", "()"} and not mine.opening:
        swapped = _any_order(list(items), wanted.items, algebra, question, depth)
        return (None, "unknown: the order may count") if swapped[0] else swapped
    if len(kinds) == 1 or "" in kinds or ordered[0] is not True:
        return ordered
    # (1, 2) and [1, 2]: intervals of other kinds, or a point in other brackets; a set is no tuple.
    about_intervals = re.search(r"interval|domain|range|inequal|values of|solve", question, re.IGNORECASE)
    mixed = kinds & {"(]", "[)", "{}"} or about_intervals or len(items) == 2
    return (False, "other brackets") if mixed else _RIGHT


def _by_name(mine: Sequence[str], wanted: Sequence[str]) -> Sequence[str]:
    """`mine` in the order of the names in `wanted`, where both name the same things: "y = 2, x = 1"."""
    names, order = {named(item)[0]: item for item in mine}, [named(item)[0] for item in wanted]
    same_names = "" not in names and set(order) == set(names) and len(names) == len(mine)
    return [names[name] for name in order] if same_names else mine


def _any_order(left: list[str], wanted: Sequence[str], algebra: Algebra, question: str, depth: int) -> Judged:
    doubt: Judged | None = None
    for item in wanted:
        found = [_same(one, item, algebra, question, depth + 1) for one in left]
        match = next((place for place, judged in enumerate(found) if judged[0]), None)
        if match is None:
            doubt = next((judged for judged in found if judged[0] is None), None)
            return doubt or _WRONG
        left.pop(match)
    return _RIGHT


def _all(found: Any) -> Judged:
    doubt: Judged | None = None
    for judged in found:
        if judged[0] is False:
            return judged
        doubt = doubt or (judged if judged[0] is None else None)
    return doubt or _RIGHT


def _equations(answer: str, gold: str, algebra: Algebra, question: str, depth: int) -> Judged | None:
    (mine, value), (wanted, gold_value) = named(answer), named(gold)
    if mine and wanted:
        if _compact(mine) == _compact(wanted):
            return _same(value, gold_value, algebra, question, depth + 1)
        if re.search(r"[A-Za-z]", value + gold_value) or not (_is_name(mine) and _is_name(wanted)):
            return None  # two equations: algebra tells whether they say the same
        found = _same(value, gold_value, algebra, question, depth + 1)
        return (None, f"unknown: {mine} or {wanted}") if found[0] else found
    if mine or wanted or value != answer or gold_value != gold:
        return _same(value, gold_value, algebra, question, depth + 1)
    return None


def _is_name(text: str) -> bool:
    return bool(re.fullmatch(r"\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\s*\([^()]*\))?'*", text.strip()))


def _quantities(answer: str, gold: str, algebra: Algebra, question: str, depth: int) -> Judged | None:
    (value, unit), (gold_value, gold_unit) = _quantity(answer), _quantity(gold)
    if not unit and not gold_unit:
        return None
    if "«" in value + gold_value:
        return None, "unknown: a quantity in several units"
    pair = number(value), number(gold_value)
    if "%" in (unit, gold_unit) and unit != gold_unit and not (unit and gold_unit) and all(pair):
        scaled = [Number(n.value / 100) if u == "%" else n for n, u in zip(pair, (unit, gold_unit), strict=True)]  # type: ignore[union-attr]
        return pair[0].value == pair[1].value or scaled[0].value == scaled[1].value, ""  # type: ignore[union-attr]
    if unit and gold_unit and unit != gold_unit:
        return algebra("units", f"{value}\0{unit}", f"{gold_value}\0{gold_unit}")
    if "degree" in (unit, gold_unit) and unit != gold_unit and r"\pi" in answer + gold:
        turned = [f"({text}) \\pi / 180" if u else text for text, u in ((value, unit), (gold_value, gold_unit))]
        return algebra("equal", *turned)
    return _same(value, gold_value, algebra, question, depth + 1)


def _quantity(text: str) -> tuple[str, str]:
    """A value and its unit, as words without marks; ("...", "") where nothing looks like one."""
    found = _QUANTITY.fullmatch(text)
    if not found or not (found["unit"] or found["money"]) or _ANGLE_OF.search(found["value"]):
        return text, ""
    unit = re.sub(r"[«»{}\s]+", " ", found["unit"] or "").strip().lower().rstrip(".")
    if found["money"]:
        return found["value"], " ".join(("dollar", unit)).strip() if unit not in ("dollars", "usd") else "dollar"
    # Without \text only words are units, and single letters after a blank: 3x is no quantity.
    marked = "«" in (found["unit"] or "") or unit == "%"
    spaced = text[: found.start("unit")].endswith(" ")
    if (
        not marked
        and not (re.match(r"[A-Za-z]{2}|[a-z]/[a-z]", unit) and number(found["value"]))
        and not (spaced and unit in set("mgshl") and number(found["value"]))
    ):
        return text, ""
    return found["value"].strip(), unit


def _plain_numbers(answer: str, gold: str, _algebra: Algebra, _question: str, _depth: int) -> Judged | None:
    mine, wanted = number(answer), number(gold)
    if mine is None or wanted is None:
        return None
    return agree(mine, wanted)


def agree(mine: Number, wanted: Number) -> Judged:
    """Whether two numbers are equal: exactly, or as a decimal rounded to its digits."""
    if mine.value == wanted.value:
        return _RIGHT
    for rounded, other in ((mine, wanted), (wanted, mine)):
        if rounded.places is not None and (other.places is None or other.places > rounded.places):
            return rounds_to(rounded, other.value)
    return _WRONG


def rounds_to(decimal: Number, value: Fraction) -> Judged:
    """Whether `value` rounded to the digits of `decimal` is it: right from six digits on, unknown from three."""
    assert decimal.places is not None
    if abs(decimal.value - value) < Fraction(1, 10**40):
        return _RIGHT
    if abs(decimal.value - value) > Fraction(51, 100 * 10**decimal.places):
        return _WRONG
    digits = len(str(abs(int(decimal.value * 10**decimal.places))))
    return _RIGHT if digits >= 6 else (None, "unknown: equal as far as it is written out") if digits >= 2 else _WRONG


def _words(answer: str, gold: str, _algebra: Algebra, _question: str, _depth: int) -> Judged | None:
    """Names and words, which aren't formulas."""
    mine, wanted = (_is_words(text) for text in (answer, gold))
    if not (mine or wanted):
        return None
    first, second = (re.sub(r"[«»\"'.,!\s]|\\text|[{}]|^(?:the|a|an)\b", "", text.lower()) for text in (answer, gold))
    if _SYNONYMS.get(first, first) == _SYNONYMS.get(second, second):
        return _RIGHT
    if mine and wanted and len(first) > 1 and len(second) > 1 and (first in second or second in first):
        return None, "unknown: one answer holds the other's words"
    if mine and wanted:
        return _WRONG if max(len(answer.split()), len(gold.split())) <= 4 else (None, "unknown: both answers are text")
    return _WRONG if number(gold) or number(answer) else (None, "unknown: words beside a formula")


def _is_words(text: str) -> bool:
    bare = text.strip("«» ")
    return bool(_WORDS.fullmatch(bare)) and bare not in ("sin", "cos", "pi")


def _compact(text: str) -> str:
    return re.sub(r"\s+|\\{1,2}$", "", text.replace("«", "").replace("»", ""))
