r"""Equality of two mathematical expressions by computer algebra, exactly, on top of math-verify's reading of LaTeX.

Owns reading an expression, the bounds on what is evaluated, and units. Importing this module imports sympy (about a
second, 100 MB): only a grader's process does.
"""

import re
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import math_verify
import sympy
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig, normalize_latex
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.physics import units

from backend.grading.answers import RIGHT, WRONG, Judged, every, rounds_to
from backend.grading.spelling import number
from backend.grading.symbolic import parse

_DIGITS: Final = 20_000.0
_PRECISION: Final = 60
_NONE: Any = None
_CONDITION: Final = Relational | sympy.And | sympy.Or
_SPELLING = NormalizationConfig(True, False, True, True, "none", False)
_DEGREES = re.compile(r"(\d+(?:\.\d+)?)\s*«degree»")
_EITHER = re.compile(r"«?\s*\bor\b\s*»?|\\(?:lor|vee)(?![a-z])")
_REPEATING = re.compile(r"(\d+)\.(\d*)\\(?:overline|bar|dot)\s*\{?(\d+)\}?")
# Places at which two formulas are compared: positive, negative, whole; none is special.
_POINTS: Final = tuple(
    sympy.Rational(p, q) for p, q in ((7, 3), (5, 11), (-9, 7), (3, 1), (13, 4), (-17, 5), (2, 1), (8, 1))
)
_TIMES: Final = 12
_BASIC: Final = [units.meter, units.kilogram, units.second, units.radian]
_DOLLAR, _EURO = sympy.symbols("dollar euro", positive=True)
_UNITS: Final = {
    **dict.fromkeys(("hr", "hrs"), units.hour),
    **dict.fromkeys(("sec", "secs"), units.second),
    **dict.fromkeys(("min", "mins"), units.minute),
    **dict.fromkeys(("lb", "lbs"), units.pound),
    **dict.fromkeys(("in", "in."), units.inch),
    **dict.fromkeys(("kph", "kmh"), units.kilometer / units.hour),
    **{"l": units.liter, "mph": units.mile / units.hour, "week": 7 * units.day, "°": units.degree},
    **{"dollar": _DOLLAR, "usd": _DOLLAR, "cent": _DOLLAR / 100, "euro": _EURO},
}


def judge(what: str, answer: str, gold: str) -> Judged:
    """Whether two expressions ("equal") or quantities ("units", value and unit apart) are the same."""
    try:
        return _quantities(answer, gold) if what == "units" else _equal(answer, gold)
    except MemoryError:
        raise
    except Exception as error:  # sympy and the grammar raise without a contract; the text is hostile
        return None, f"unknown: computer algebra failed ({type(error).__name__})"


@lru_cache(maxsize=512)
def read(text: str) -> Any:
    """The sympy object that `text` denotes; None where the grammar can't read it or it is too large."""
    if len(parts := _EITHER.split(text)) > 1:
        read_parts = [read(part) for part in parts]
        return sympy.Or(*read_parts) if all(isinstance(part, Relational) for part in read_parts) else None
    text = _REPEATING.sub(_repeating, re.sub(r"[«»]", " ", _DEGREES.sub(r"(\1 \\pi / 180)", text)))
    try:
        parsed = parse(normalize_latex(text, config=_SPELLING), _DIGITS)
    except Exception:
        return None
    if isinstance(parsed, sympy.Basic):
        # Decimals are meant as they are written: 0.1 + 0.2 is 0.3.
        exactly = {each: sympy.Rational(str(each)) for each in parsed.atoms(sympy.Float)}
        parsed = parsed.xreplace(exactly).subs(sympy.Symbol("i"), sympy.I)
    return parsed


def _repeating(found: re.Match[str]) -> str:
    """0.1\\overline{6} as a fraction."""
    whole, fixed, again = found.groups()
    value = Fraction(f"{whole}.{fixed}0") + Fraction(int(again), 10 ** len(fixed) * (10 ** len(again) - 1))
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _equal(answer: str, gold: str) -> Judged:
    mine, wanted = read(answer), read(gold)
    if mine is None or wanted is None:
        which = "gold answer" if wanted is None else "answer"
        return None, f"unknown: the {which} can't be read as mathematics"
    if any(thing.has(sympy.zoo, sympy.nan) for thing in (mine, wanted) if isinstance(thing, sympy.Basic)):
        return False, "a division by zero equals nothing"
    if type(mine) is type(wanted) and mine == wanted:
        return RIGHT
    if isinstance(mine, sympy.MatrixBase) or isinstance(wanted, sympy.MatrixBase):
        return _matrices(mine, wanted)
    if any(isinstance(thing, sympy.Set | sympy.Tuple | _CONDITION) for thing in (mine, wanted)):
        return _sets(mine, wanted)
    for decimal, other in ((answer, wanted), (gold, mine)):
        written = number(decimal)
        if written and written.places is not None and not other.free_symbols:
            value = sympy.N(other.doit(), _PRECISION)
            return rounds_to(written, Fraction(str(value))) if value.is_real and value.is_finite else WRONG
    return _identity(mine, wanted)


def _sets(mine: Any, wanted: Any) -> Judged:
    """Intervals, inequalities, equations, and lists that stand in one of them."""
    names = mine.free_symbols | wanted.free_symbols
    equations = isinstance(mine, sympy.Eq) and isinstance(wanted, sympy.Eq)
    if len(names) <= 1 and not equations:
        real = {name: sympy.Symbol("x", real=True) for name in names}
        first, second = (
            thing.subs(real).as_set() if isinstance(thing, _CONDITION) else thing for thing in (mine, wanted)
        )
        if isinstance(first, sympy.Set) and isinstance(second, sympy.Set):
            if first == second:
                return RIGHT
            difference = first.symmetric_difference(second)
            if difference.is_empty is not None and not isinstance(difference, sympy.ConditionSet):
                return bool(difference.is_empty), ""
    if math_verify.verify(wanted, mine, allow_set_relation_comp=True, timeout_seconds=_NONE, raise_on_error=True):
        return RIGHT
    alike = equations or (len(names) <= 1 and type(mine) is type(wanted))
    return WRONG if alike else (None, "unknown: sets or inequalities that could not be compared")


def _matrices(mine: Any, wanted: Any) -> Judged:
    # A tuple may be written as a column.
    shapes = {getattr(thing, "shape", None) for thing in (mine, wanted)} - {None}
    if not all(isinstance(thing, sympy.MatrixBase | sympy.Tuple) for thing in (mine, wanted)) or len(shapes) > 1:
        return WRONG
    return every(map(_identity, mine, wanted)) if len(mine) == len(wanted) else WRONG


def _identity(mine: Any, wanted: Any) -> Judged:
    """Equal where both are real at the same places and never differ there; numbers to 60 digits, whole ones exactly."""
    mine, wanted = (_plain(thing.doit()) for thing in (mine, wanted))
    if mine == wanted:
        return RIGHT
    if (mine.is_Rational and wanted.is_Rational) or mine.is_infinite or wanted.is_infinite:
        return WRONG
    names = sorted(mine.free_symbols | wanted.free_symbols, key=str)
    if not names:
        one, other = sympy.N(mine, _PRECISION), sympy.N(wanted, _PRECISION)
        # Integrals are only approximated: what is close may be equal.
        close = (mine - wanted).has(sympy.Integral, sympy.Sum, sympy.Limit) and abs(one - other) < 1e-6
        return RIGHT if _near(one, other) else (None, "unknown: close by approximation") if close else WRONG
    seen = 0
    for turn in range(_TIMES):
        at = {name: _POINTS[(turn + 3 * k) % len(_POINTS)] + turn // len(_POINTS) for k, name in enumerate(names)}
        one, other = (sympy.N(thing.subs(at), _PRECISION) for thing in (mine, wanted))
        if not all(value.is_number and value.is_finite and value.is_real for value in (one, other)):
            continue
        seen += 1
        if not _near(one, other):
            return _renamed(mine, wanted)
    if seen >= 3 or sympy.simplify(mine - wanted) == 0:
        return RIGHT
    return None, "unknown: the formulas have no real values to compare"


def _renamed(mine: Any, wanted: Any) -> Judged:
    first, second = mine.free_symbols, wanted.free_symbols
    if (
        len(first) == len(second) == 1
        and first != second
        and sympy.simplify(mine.subs(first.pop(), second.pop()) - wanted) == 0
    ):
        return None, "unknown: the same formula with another variable"
    return WRONG


def _plain(thing: Any) -> Any:
    """The expression with unknown functions' values as variables: f(x) is a number like any other."""
    if not isinstance(thing, sympy.Basic):
        return thing
    return thing.subs({call: sympy.Symbol(f"value_{call}") for call in thing.atoms(AppliedUndef)})


def _near(one: Any, other: Any) -> bool:
    return bool(abs(one - other) <= sympy.Float(10) ** -40 * max(abs(one), abs(other)))


def _quantities(answer: str, gold: str) -> Judged:
    (value, unit), (gold_value, gold_unit) = (text.split("\0") for text in (answer, gold))
    mine, wanted = _unit(unit), _unit(gold_unit)
    if mine is None or wanted is None:
        found = _equal(value, gold_value)
        alike = unit.rstrip("s") == gold_unit.rstrip("s") or unit in gold_unit or gold_unit in unit
        return found if alike or found[0] is not True else (None, f"unknown: {unit} or {gold_unit}")
    mine, wanted = (units.convert_to(unit, _BASIC) for unit in (mine, wanted))
    ratio = sympy.simplify(mine / wanted)
    if ratio.free_symbols or ratio.has(units.Quantity):
        return False, f"{unit} is no {gold_unit}"
    amounts = [sympy.Rational(str(n.value)) if (n := number(text)) else read(text) for text in (value, gold_value)]
    return _identity(amounts[0] * sympy.nsimplify(ratio, rational=True), amounts[1])


@lru_cache(maxsize=256)
def _unit(words: str) -> Any:
    """The unit that words like "cm^2", "square feet" or "km/h" name; None where one of them isn't known."""
    total = last = sympy.Integer(1)
    sign = power = 1
    for word in islice(re.findall(r"[a-z°]+|[/^]|-?\d", words), 12):
        if word in ("square", "sq", "cubic", "cu"):
            power = 2 if word.startswith("s") else 3
        elif word in ("/", "per"):
            sign = -1
        elif word.lstrip("-").isdigit():  # the unit itself is in already
            total *= last ** (sign * (int(word) - 1))
        elif word != "^":
            last = _known(word)
            if last is None:
                return None
            total, power = total * last ** (sign * power), 1
    return total


def _known(word: str) -> Any:
    spelled = [word, word.removesuffix("s"), word.removesuffix("es"), re.sub("re(s?)$", r"er\1", word)]
    quantities = [unit for each in spelled if isinstance(unit := getattr(units, each, None), units.Quantity)]
    return next((unit for unit in (*map(_UNITS.get, spelled), *quantities) if unit is not None), None)
