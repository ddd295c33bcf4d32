"""Numbers as people read them: percentages, counts, intervals and changes, formatted by one rule for pages and reports.

Owns how many decimal places a number takes, its unit, its minus sign and the dash for an unknown one.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

# A hyphen is narrower than a digit: a column of signed numbers would not line up with it.
MINUS = "\N{MINUS SIGN}"
# Unknown is never written as 0: nobody measured that there is nothing.
UNKNOWN = "–"


class Form(StrEnum):
    """How a number is formatted."""

    PERCENT = "percent"  # 0.133 is 13.3%, a difference of it is in points
    COUNT = "count"  # 2,402
    DECIMAL = "decimal"  # 13.5; two places below one
    SCORE = "score"  # 0.97: two places, for figures whose maximum is 1


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with the ends of its interval, all in the number's own unit; None where unknown.

    `note` qualifies it, and `why` says why it has no interval.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = field(default="", kw_only=True)
    why: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Change:
    """B against A with its interval: a difference in their own unit, or how many times A where `ratio` is set."""

    value: float
    low: float | None = None
    high: float | None = None
    ratio: bool = False


def number(value: float | None, form: Form, *, signed: bool = False) -> str:
    """Formats `value`; "–" where it is None or not finite. A signed percentage is a difference in points."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    scaled = value * 100 if form is Form.PERCENT else value
    places = _places(scaled, form)
    shown = round(scaled, places)
    # What rounds to zero carries no sign: "−0.0" and "+0.0" would claim a direction that can't be seen.
    text = f"{shown:{'+' if signed and shown else ''},.{places}f}" if shown else f"{0:.{places}f}"
    # "+5%" of an accuracy could be read as a twentieth of it; points can't.
    unit = "" if form is not Form.PERCENT else " pt" if signed else "%"
    return text.replace("-", MINUS) + unit


def interval_text(low: float | None, high: float | None, form: Form, *, signed: bool = False) -> str:
    """Formats an interval as `[low, high]`, without the unit that the value before it carries; "" where unknown."""
    if low is None or high is None:
        return ""
    ends = (number(end, form, signed=signed).removesuffix("%").removesuffix(" pt") for end in (low, high))
    return f"[{', '.join(ends)}]"


def change_text(change: Change, form: Form) -> tuple[str, str]:
    """Formats a change and its interval: ("+46.7 pt", "[+26.7, +63.3]") or ("×3.0", "[2.0, 4.6]")."""
    if not change.ratio:
        return number(change.value, form, signed=True), interval_text(change.low, change.high, form, signed=True)
    value = number(change.value, Form.DECIMAL)
    return (value if value == UNKNOWN else f"×{value}"), interval_text(change.low, change.high, Form.DECIMAL)


def answer_text(answer: str | None) -> str | None:
    """A reference answer as people write it: 21 for "21.0", as files with numbers have it; None stays None."""
    whole, point, rest = (answer or "").partition(".")
    return whole if point and rest and not rest.strip("0") and whole.lstrip("-").isdigit() else answer


def _places(scaled: float, form: Form) -> int:
    if form is Form.COUNT:
        return 0
    if form is Form.SCORE:
        return 2
    # 0.95 and not 1: what one place rounds to 1.0 is written like the numbers above it.
    return 2 if form is Form.DECIMAL and 0 < abs(scaled) < 0.95 else 1
