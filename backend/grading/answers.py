r"""Whether two answers are the same, as a mathematician reads them: letters, numbers, units, lists, else algebra.

Owns the kinds of answers and how each is compared; what can't be decided is None with a reason, never wrong. The
algebra is handed in, so that no process needs sympy before an answer does.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from backend.grading.choices import choices, letter
from backend.grading.spelling import Collection, Number, collection, named, number, plain

Judged = tuple[bool | None, str]
Algebra = Callable[[str, str, str], Judged]  # what to do ("equal" or "units"), answer, gold

LENGTH_LIMIT: Final = 1500
RIGHT: Final[Judged] = True, ""
WRONG: Final[Judged] = False, ""
_DEPTH: Final = 4
_LONGEST_LIST: Final = 60

_LETTERS = re.compile(r"\(?([A-J])\)?(?:\s*(?:,|and|&|;|\s)\s*\(?([A-J])\)?)+|[A-J]{2,5}")
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?\s*«?\s*([ap]\.?\s*m\.?)?\s*»?", re.IGNORECASE)
_RATIO = re.compile(r"\d+(?:\.\d+)?\s*:\s*\d+(?:\.\d+)?")
_BASED = re.compile(
    r"\(?\s*([0-9A-Z]+)\s*\)?\s*(?:_\s*\{?\s*\(?\s*«?\s*(\d{1,2}|[a-z]+)\s*»?\s*\)?\s*\}?|«?\s*(?:in\s)?base\s*»?\s*(\d{1,2}|[a-z]+)\s*»?)"
)
_BASES: Final = ("", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_PLUS_MINUS: Final = r"\pm"
_MAYBE_SET = re.compile(r"[<>]|\\(?:le|ge|neq|cup|in|begin|mathbb)")
_INTERVALS = re.compile(r"interval|domain|range|inequal|values of|solve", re.IGNORECASE)
_NAME = re.compile(r"\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\s*\([^()]*\))?'*")
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
    comparison = _Comparison(question, algebra)
    return comparison.letters(answer, gold) or comparison.same(plain(answer), plain(gold))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Comparing answers to a question. Each kind has a method, whose None says that neither answer is of its kind."""

    question: str
    algebra: Algebra
    depth: int = 0

    def same(self, answer: str, gold: str) -> Judged:
        if _UNDEFINED.search(answer) or _UNDEFINED.search(gold):
            return False, "a division by zero equals nothing"
        if _compact(answer) == _compact(gold):
            return RIGHT
        if not answer or self.depth > _DEPTH:
            return (None, "unknown: nested too deep") if answer else WRONG
        kinds = (
            self._times,
            _bases,
            self._plus_minus,
            self._lists,
            self._equations,
            self._quantities,
            _numbers,
            _words,
        )
        found = (kind(answer, gold) for kind in kinds)
        return next((judged for judged in found if judged), None) or self.algebra("equal", answer, gold)

    def _within(self, answer: str, gold: str) -> Judged:
        """As `same`, on parts of what is compared."""
        return replace(self, depth=self.depth + 1).same(answer, gold)

    def letters(self, answer: str, gold: str) -> Judged | None:
        """Letters of a multiple choice, or one beside the text that it stands for."""
        mine, wanted = (_LETTERS.fullmatch(plain(text)) for text in (answer, gold))
        if mine and wanted:
            return set(re.findall(r"[A-J]", mine[0])) == set(re.findall(r"[A-J]", wanted[0])), ""
        (chosen, said), (right, right_said) = letter(answer), letter(gold)
        if bool(chosen) is bool(right):
            return (chosen == right, "") if chosen else None
        if text := (said or right_said) or choices(self.question).get(chosen or right, ""):
            return self.same(*((plain(text), plain(gold)) if chosen else (plain(answer), plain(text))))
        if right and mine:
            return WRONG
        if chosen and len(gold.strip()) == 1 and gold.strip().isalpha():
            return None
        return None, f"unknown: {chosen or right} is a letter, and the choices aren't known"

    def _times(self, answer: str, gold: str) -> Judged | None:
        mine, wanted = _TIME.fullmatch(answer), _TIME.fullmatch(gold)
        if mine and wanted:
            clocks = [[int(part or 0) for part in found.groups()[:3]] for found in (mine, wanted)]
            halves = {found[4][0].lower() for found in (mine, wanted) if found[4]}
            if clocks[0] == clocks[1]:
                return len(halves) < 2, ""
            if len({Fraction(hours, minutes or 1) for hours, minutes, _ in clocks}) > 1:
                return WRONG
            return RIGHT if "ratio" in self.question.lower() else (None, "unknown: times of day or ratios")
        if not (_RATIO.fullmatch(answer) or _RATIO.fullmatch(gold)):
            return None
        first, second = (number(text.replace(":", "/")) for text in (answer, gold))
        if not (first and second):
            return None, "unknown: a ratio or time beside something else"
        return first.value == second.value, ""

    def _plus_minus(self, answer: str, gold: str) -> Judged | None:
        if max(answer.count(_PLUS_MINUS), gold.count(_PLUS_MINUS)) != 1:
            return None
        both = [
            f"{{{text.replace(_PLUS_MINUS, '+')}, {text.replace(_PLUS_MINUS, '-')}}}" if _PLUS_MINUS in text else text
            for text in (answer, gold)
        ]
        return self._within(*(re.sub(r"([{,=(]\s*)\+\s*", r"\1", text) for text in both))

    def _lists(self, answer: str, gold: str) -> Judged | None:
        mine, wanted = collection(answer), collection(gold)
        if mine and wanted:
            if max(len(mine.items), len(wanted.items)) > _LONGEST_LIST:
                return None, "unknown: long lists"
            return self._pair_up(mine, wanted) if len(mine.items) == len(wanted.items) else WRONG
        if not (several := mine or wanted):
            return None
        single = gold if mine else answer
        if _MAYBE_SET.search(single + "".join(several.items)) or {several.opening, several.closing} & set("()[]"):
            return None
        if named(single)[0]:
            return self._within(named(answer)[1], named(gold)[1])
        if len(several.items) > 1:
            return WRONG
        [item] = several.items
        return self._within(item if mine else answer, gold if mine else item)

    def _pair_up(self, mine: Collection, wanted: Collection) -> Judged:
        kinds = {mine.opening + mine.closing, wanted.opening + wanted.closing}
        items = _by_name(mine.items, wanted.items)
        if kinds <= {"{}", ""}:
            return self._any_order(items, wanted.items)
        ordered = every(map(self._within, items, wanted.items))
        if ordered[0] is False and kinds == {"", "()"} and not mine.opening:
            swapped = self._any_order(items, wanted.items)
            return (None, "unknown: the order may count") if swapped[0] else swapped
        if len(kinds) == 1 or "" in kinds or ordered[0] is not True:
            return ordered
        # (1, 2) and [1, 2]: intervals of other kinds, or a point in other brackets; a set is no tuple.
        mixed = kinds & {"(]", "[)", "{}"} or _INTERVALS.search(self.question) or len(items) == 2
        return (False, "other brackets") if mixed else RIGHT

    def _any_order(self, items: Sequence[str], wanted: Sequence[str]) -> Judged:
        left = list(items)
        for item in wanted:
            doubt = WRONG
            for place, one in enumerate(left):
                judged = self._within(one, item)
                if judged[0]:
                    left.pop(place)
                    break
                doubt = judged if judged[0] is None and doubt[0] is False else doubt
            else:
                return doubt
        return RIGHT

    def _equations(self, answer: str, gold: str) -> Judged | None:
        (mine, value), (wanted, gold_value) = named(answer), named(gold)
        if (value, gold_value) == (answer, gold):
            return None
        if not (mine and wanted) or _compact(mine) == _compact(wanted):
            return self._within(value, gold_value)
        if re.search(r"[A-Za-z]", value + gold_value) or not (_NAME.fullmatch(mine) and _NAME.fullmatch(wanted)):
            return None  # two equations: algebra tells whether they say the same
        found = self._within(value, gold_value)
        return (None, f"unknown: {mine} or {wanted}") if found[0] else found

    def _quantities(self, answer: str, gold: str) -> Judged | None:
        (value, unit), (gold_value, gold_unit) = _quantity(answer), _quantity(gold)
        if not unit and not gold_unit:
            return None
        if "«" in value + gold_value:
            return None, "unknown: a quantity in several units"
        if unit and gold_unit and unit != gold_unit:
            return self.algebra("units", f"{value}\0{unit}", f"{gold_value}\0{gold_unit}")
        mine, wanted = number(value), number(gold_value)
        if (unit or gold_unit) == "%" and unit != gold_unit and mine and wanted:
            return mine.value in (wanted.value, wanted.value * (100 if unit else Fraction(1, 100))), ""
        if (unit or gold_unit) == "degree" and unit != gold_unit and r"\pi" in answer + gold:
            turned = [f"({text}) \\pi / 180" if u else text for text, u in ((value, unit), (gold_value, gold_unit))]
            return self.algebra("equal", *turned)
        return self._within(value, gold_value)


def _bases(answer: str, gold: str) -> Judged | None:
    (digits, base), (gold_digits, gold_base) = read = [_based(text) for text in (answer, gold)]
    if not (base or gold_base):
        return None
    if digits.lstrip("0") == gold_digits.lstrip("0"):
        return not (base and gold_base) or base == gold_base, ""
    try:
        values = {int(written, of or 10) for written, of in read}
    except ValueError:
        return None
    return WRONG if len(values) > 1 else (None, "unknown: the same number in another base")


def _based(text: str) -> tuple[str, int]:
    """The digits of a number and its base, 0 where none is written."""
    found = _BASED.fullmatch(text)
    said = (found[2] or found[3]) if found else ""
    base = int(said) if said.isdigit() else _BASES.index(said) if said in _BASES else 0
    # A single letter with an index is a variable: A_1.
    return (found[1], base) if found and 2 <= base <= 36 and (base > 10 or found[1].isdigit()) else (text, 0)


def every(found: Iterable[Judged]) -> Judged:
    """The first that is wrong, else the last in doubt; right where all are."""
    doubt = RIGHT
    for judged in found:
        if judged[0] is False:
            return judged
        doubt = doubt if judged[0] else judged
    return doubt


def _by_name(mine: Sequence[str], wanted: Sequence[str]) -> Sequence[str]:
    """`mine` in the order of the names in `wanted`, where both name the same things: "y = 2, x = 1"."""
    names, order = {named(item)[0]: item for item in mine}, [named(item)[0] for item in wanted]
    same_names = "" not in names and set(order) == set(names) and len(names) == len(mine)
    return [names[name] for name in order] if same_names else mine


def _quantity(text: str) -> tuple[str, str]:
    """A value and its unit, as words without marks; ("...", "") where nothing looks like one."""
    found = _QUANTITY.fullmatch(text)
    if not found or not (found["unit"] or found["money"]) or _ANGLE_OF.search(found["value"]):
        return text, ""
    unit = re.sub(r"[«»{}\s]+", " ", found["unit"] or "").strip().lower().rstrip(".")
    if found["money"]:
        return found["value"], "dollar" if unit in ("dollars", "usd") else f"dollar {unit}".strip()
    # Without \text only words are units, and single letters after a blank: 3x is no quantity.
    spaced = text[: found.start("unit")].endswith(" ")
    word = re.match(r"[A-Za-z]{2}|[a-z]/[a-z]", unit) or (spaced and unit in set("mgshl"))
    if "«" in found["unit"] or unit == "%" or (word and number(found["value"])):
        return found["value"].strip(), unit
    return text, ""


def _numbers(answer: str, gold: str) -> Judged | None:
    """Numbers written out: equal exactly, or as a decimal rounded to its digits."""
    mine, wanted = number(answer), number(gold)
    if not (mine and wanted) or mine.value == wanted.value:
        return RIGHT if mine and wanted else None
    for rounded, other in ((mine, wanted), (wanted, mine)):
        if rounded.places is not None and (other.places is None or other.places > rounded.places):
            return rounds_to(rounded, other.value)
    return WRONG


def rounds_to(decimal: Number, value: Fraction) -> Judged:
    """Whether `value` rounded to the digits of `decimal` is it: right from six digits on, unknown from two."""
    assert decimal.places is not None
    if abs(decimal.value - value) < Fraction(1, 10**40):
        return RIGHT
    if abs(decimal.value - value) > Fraction(51, 100 * 10**decimal.places):
        return WRONG
    digits = len(str(abs(int(decimal.value * 10**decimal.places))))
    return RIGHT if digits >= 6 else (None, "unknown: equal as far as it is written out") if digits >= 2 else WRONG


def _words(answer: str, gold: str) -> Judged | None:
    """Names and words, which aren't formulas."""
    bare = (text.strip("«» ") for text in (answer, gold))
    mine, wanted = (_WORDS.fullmatch(text) and text not in ("sin", "cos", "pi") for text in bare)
    if not (mine or wanted):
        return None
    first, second = (re.sub(r"[«»\"'.,!\s]|\\text|[{}]|^(?:the|a|an)\b", "", text.lower()) for text in (answer, gold))
    if _SYNONYMS.get(first, first) == _SYNONYMS.get(second, second):
        return RIGHT
    if not (mine and wanted):
        return WRONG if number(gold) or number(answer) else (None, "unknown: words beside a formula")
    if min(len(first), len(second)) > 1 and (first in second or second in first):
        return None, "unknown: one answer holds the other's words"
    return WRONG if max(len(answer.split()), len(gold.split())) <= 4 else (None, "unknown: both answers are text")


def _compact(text: str) -> str:
    return re.sub(r"\s+|\\{1,2}$|[«»]", "", text)
