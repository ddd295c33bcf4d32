r"""Equality of two mathematical expressions by computer algebra, on text nobody vouches for.

Owns reading an expression and the bounds on what is evaluated. Importing this module imports sympy (about a second), so
that only `paper` does, when strings and numbers don't settle a comparison.
"""

import math
import re
from functools import lru_cache
from typing import Any, Final

from latex2sympy2_extended.latex2sympy2 import latex2sympy
from sympy import nan, simplify, zoo

LENGTH_LIMIT: Final = 500
# Reading leaves powers and factorials unevaluated; those of more digits are refused before any arithmetic.
_DIGITS: Final = 3000.0
_TOLERANCE: Final = 1e-4

# The grammar knows \sin and \sqrt{}, people also write sin and sqrt().
_PLAIN: Final = (
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\^\(([^()]*)\)"), r"^{\1}"),
    (re.compile(r"(?<![\\a-zA-Z])sqrt\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"(?<![\\a-zA-Z])(sin|cos|tan|log|ln|exp|pi)(?![a-zA-Z])"), r"\\\1 "),
)
_INDEX = re.compile(r"(?<=\d)_\{?(\w+)\}?")


def equal(left: str, right: str, tolerance: float = _TOLERANCE) -> bool:
    """Whether two expressions are equal: as written, by value within `tolerance`, or after simplifying.

    False for anything that can't be read, is longer than LENGTH_LIMIT or too large to evaluate. May
    take arbitrarily long on expressions within those bounds: give it a time_limit or a process.
    """
    if max(len(left), len(right)) > LENGTH_LIMIT:
        return False
    try:
        first, second = _read(left), _read(right)
        return first is not None and second is not None and _same(first, second, tolerance)
    except MemoryError:  # says nothing of the two: the grader makes it "unknown"
        raise
    except Exception:  # sympy raises whatever it meets: any failure means "not shown to be equal"
        return False


@lru_cache(maxsize=256)
def _read(text: str) -> Any:
    """The sympy object `text` denotes, None where the grammar can't read it or it is too large."""
    # The grammar reads 11:00 as a division, and 43_7 as 43.
    if ":" in text:
        return None
    text = _INDEX.sub(r" b_{\1}", text)
    for pattern, replacement in _PLAIN:
        text = pattern.sub(replacement, text)
    parsed = parse(text, _DIGITS)
    # A division by zero has no value, and would equal every other.
    return None if hasattr(parsed, "has") and parsed.has(zoo, nan) else parsed


def parse(text: str, limit: float) -> Any:
    """The sympy object `text` denotes; None where the grammar can't read it or numbers have over `limit` digits."""
    # A LaTeX grammar, and never `sympify` or `parse_expr`: those hand the text to Python's evaluator.
    try:
        parsed = latex2sympy(text, is_real=None, convert_degrees=False, normalization_config=None)
    except Exception:
        return None
    return parsed if _digits(parsed) <= limit else None


def _same(first: Any, second: Any, tolerance: float) -> bool:
    if first == second:
        return True
    difference = first - second
    if hasattr(difference, "is_zero_matrix"):
        return bool(simplify(difference).is_zero_matrix)
    # Simplifying is what takes long: where a number is left, its value settles it.
    if difference.free_symbols:
        difference = simplify(difference)
    return not difference.free_symbols and abs(complex(difference.evalf())) <= tolerance


def _digits(expression: Any) -> float:
    """An upper bound on the decimal digits of any number that evaluating `expression` makes."""
    args = getattr(expression, "args", ())
    if getattr(expression, "is_Number", False):
        return math.log10(min(abs(float(expression)), 1e300) + 1) if expression.is_finite else 1.0
    if not args:
        return 1.0
    sizes = [_digits(arg) for arg in args]
    kind = type(expression).__name__
    if kind in ("Pow", "exp"):
        return max(sizes[0], 1.0) * 10 ** min(sizes[-1], 9.0)
    if "factorial" in kind or kind in ("binomial", "gamma"):
        return 10 ** min(max(sizes), 9.0) * max(max(sizes), 1.0)
    return sum(sizes) if kind == "Mul" else max(sizes) + 1.0
