r"""Equality of two mathematical expressions by computer algebra, exactly, on top of math-verify's reading of LaTeX.

Owns reading an expression, the bounds on what is evaluated, and units. Importing this module imports sympy (about a
second, 100 MB): only a grader's process does.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import math_verify
import sympy
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig, latex2sympy, normalize_latex
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.physics import units

from backend.grading.answers import Judged, rounds_to
from backend.grading.spelling import number
from backend.grading.symbolic import digits

_DIGITS: Final = 20_000.0
_PRECISION: Final = 60
_NONE: Any = None
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
_UNITS: Final = {
    **dict.fromkeys(("hr", "hrs"), "hour"),
    **dict.fromkeys(("sec", "secs"), "second"),
    **dict.fromkeys(("min", "mins"), "minute"),
    **dict.fromkeys(("lb", "lbs"), "pound"),
    **dict.fromkeys(("in", "in."), "inch"),
    "l": "liter",
    "mph": "mile/hour",
    "kph": "kilometer/hour",
    "kmh": "kilometer/hour",
    "week": "7 day",
    "cent": "0.01 dollar",
    "°": "degree",
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
        parsed = latex2sympy(
            normalize_latex(text, config=_SPELLING), is_real=None, convert_degrees=False, normalization_config=None
        )
    except Exception:
        return None
    if digits(parsed) > _DIGITS:
        return None
    if isinstance(parsed, sympy.Basic):
        # Decimals are meant as they are written: 0.1 + 0.2 is 0.3.
        exactly = {each: sympy.Rational(str(each)) for each in parsed.atoms(sympy.Float)}
        parsed = parsed.xreplace(exactly).subs(sympy.Symbol("i"), sympy.I)
    return parsed


def _repeating(found: re.Match[str]) -> str:
    """0.1\\overline{6} as a fraction."""
    whole, fixed, again = found.groups()
    value = Fraction(int(fixed or 0), 10 ** len(fixed)) + Fraction(
        int(again), 10 ** len(fixed) * (10 ** len(again) - 1)
    )
    value += int(whole)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _equal(answer: str, gold: str) -> Judged:
    mine, wanted = read(answer), read(gold)
    if mine is None or wanted is None:
        which = "gold answer" if wanted is None else "answer"
        return None, f"unknown: the {which} can't be read as mathematics"
    if any(thing.has(sympy.zoo, sympy.nan) for thing in (mine, wanted) if isinstance(thing, sympy.Basic)):
        return False, "a division by zero equals nothing"
    if type(mine) is type(wanted) and mine == wanted:
        return True, ""
    if isinstance(mine, sympy.MatrixBase) or isinstance(wanted, sympy.MatrixBase):
        return _matrices(mine, wanted)
    if _is_set(mine) or _is_set(wanted):
        return _sets(mine, wanted)
    for decimal, other in ((answer, wanted), (gold, mine)):
        written = number(decimal)
        if written and written.places is not None and not other.free_symbols:
            value = sympy.N(other.doit(), _PRECISION)
            return rounds_to(written, Fraction(str(value))) if value.is_real and value.is_finite else (False, "")
    return _identity(mine, wanted)


def _is_set(thing: Any) -> bool:
    return isinstance(thing, sympy.Set | Relational | sympy.Tuple) or thing.func.__name__ in ("And", "Or")


def _sets(mine: Any, wanted: Any) -> Judged:
    """Intervals, inequalities, equations, and lists that stand in one of them."""
    names = mine.free_symbols | wanted.free_symbols
    if isinstance(mine, sympy.Eq) and isinstance(wanted, sympy.Eq):
        return _equations(mine, wanted)
    if len(names) <= 1:
        first, second = (_as_set(thing, next(iter(names), sympy.Symbol("x"))) for thing in (mine, wanted))
        if first is not None and second is not None:
            if first == second:
                return True, ""
            difference = first.symmetric_difference(second)
            if difference.is_empty is not None and not isinstance(difference, sympy.ConditionSet):
                return bool(difference.is_empty), ""
    if math_verify.verify(wanted, mine, allow_set_relation_comp=True, timeout_seconds=_NONE, raise_on_error=True):
        return True, ""
    alike = len(names) <= 1 and type(mine) is type(wanted)
    return (False, "") if alike else (None, "unknown: sets or inequalities that could not be compared")


def _as_set(thing: Any, name: Any) -> Any:
    if isinstance(thing, sympy.Set):
        return thing
    real = sympy.Symbol("x", real=True)
    if isinstance(thing, Relational):
        return sympy.solveset(thing.subs(name, real), real, sympy.S.Reals)
    if thing.func.__name__ in ("And", "Or"):
        parts = [_as_set(part, name) for part in thing.args]
        return sympy.Intersection(*parts) if thing.func.__name__ == "And" else sympy.Union(*parts)
    return None


def _equations(mine: Any, wanted: Any) -> Judged:
    """Two equations say the same where their differences are in a constant ratio."""
    left, right = (equation.lhs - equation.rhs for equation in (mine, wanted))
    if left.free_symbols != right.free_symbols:
        return False, ""
    ratio = sympy.simplify(left / right)
    return (True, "") if not ratio.free_symbols and ratio != 0 else (False, "")


def _matrices(mine: Any, wanted: Any) -> Judged:
    both = [list(thing) if isinstance(thing, sympy.MatrixBase | sympy.Tuple) else None for thing in (mine, wanted)]
    if both[0] is None or both[1] is None or len(both[0]) != len(both[1]):
        return False, ""
    # A tuple may be written as a column.
    if isinstance(mine, sympy.MatrixBase) and isinstance(wanted, sympy.MatrixBase) and mine.shape != wanted.shape:
        return False, ""
    found = [_identity(one, other) for one, other in zip(*both, strict=True)]
    return next((judged for judged in found if not judged[0]), (True, ""))


def _identity(mine: Any, wanted: Any) -> Judged:
    """Equal where both are real at the same places and never differ there; numbers to 60 digits, whole ones exactly."""
    mine, wanted = (_plain(thing.doit()) for thing in (mine, wanted))
    if mine == wanted:
        return True, ""
    if mine.is_Rational and wanted.is_Rational:
        return False, ""
    if mine.is_infinite or wanted.is_infinite:
        return False, ""
    names = sorted(mine.free_symbols | wanted.free_symbols, key=str)
    if not names:
        one, other = sympy.N(mine, _PRECISION), sympy.N(wanted, _PRECISION)
        # Integrals are only approximated: what is close may be equal.
        close = (mine - wanted).has(sympy.Integral, sympy.Sum, sympy.Limit) and abs(one - other) < 1e-6
        return (True, "") if _near(one, other) else (None, "unknown: close by approximation") if close else (False, "")
    seen = 0
    for turn in range(_TIMES):
        at = {name: _POINTS[(turn + 3 * k) % len(_POINTS)] + turn // len(_POINTS) for k, name in enumerate(names)}
        one, other = (sympy.N(thing.subs(at), _PRECISION) for thing in (mine, wanted))
        if not (_is_value(one) and _is_value(other)):
            continue
        seen += 1
        if not _near(one, other):
            return _renamed(mine, wanted)
    if seen >= 3 or sympy.simplify(mine - wanted) == 0:
        return True, ""
    return None, "unknown: the formulas have no real values to compare"


def _renamed(mine: Any, wanted: Any) -> Judged:
    first, second = mine.free_symbols, wanted.free_symbols
    if (
        len(first) == len(second) == 1
        and first != second
        and sympy.simplify(mine.subs(first.pop(), second.pop()) - wanted) == 0
    ):
        return None, "unknown: the same formula with another variable"
    return False, ""


def _plain(thing: Any) -> Any:
    """The expression with unknown functions' values as variables: f(x) is a number like any other."""
    if not isinstance(thing, sympy.Basic):
        return thing
    return thing.subs({call: sympy.Symbol(f"value_{call}") for call in thing.atoms(AppliedUndef)})


def _is_value(thing: Any) -> bool:
    return bool(thing.is_number and thing.is_finite and thing.is_real)


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
            last = _known(_UNITS.get(word) or _UNITS.get(word.removesuffix("s")) or word)
            if last is None:
                return None
            total, power = total * last ** (sign * power), 1
    return total


def _known(name: str) -> Any:
    if " " in name or "/" in name:
        factor, _, rest = name.rpartition(" ")
        above, _, below = rest.partition("/")
        return sympy.Rational(factor or 1) * _known(above) / (_known(below) if below else 1)
    if name.rstrip("s") in ("dollar", "euro", "usd"):
        return sympy.Symbol({"usd": "dollar"}.get(name.rstrip("s"), name.rstrip("s")), positive=True)
    spelled = [name, name.removesuffix("s"), name.removesuffix("es"), re.sub("re(s?)$", r"er\1", name)]
    found = (getattr(units, spelling, None) for spelling in spelled)
    return next((unit for unit in found if isinstance(unit, units.Quantity)), None)
