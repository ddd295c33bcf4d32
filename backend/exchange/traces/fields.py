"""Typed access to a row's fields: the text, list or number a format expects, or a RowError saying what stands there.

Owns the meanings of loosely written values: verdicts, token counts, finish reasons.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from backend.domain import Finish
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.trace_format import RowError
from backend.import_plan import Row
from backend.messages import finish_of

T = TypeVar("T")

# The last of each are those of program judges (AC: accepted, WA: wrong answer) and of Inspect's scorers (C, I, and N:
# no answer).
_TRUE = {"true", "1", "1.0", "yes", "y", "correct", "right", "pass", "passed", "accepted", "ac", "c"}
_FALSE = {
    *("false", "0", "0.0", "no", "incorrect", "wrong", "fail", "failed", "rejected", "i", "n"),
    *("wa", "tle", "mle", "re", "rte", "ce", "ole", "wrong answer", "time limit exceeded", "runtime error"),
}


def text(row: Row, key: str) -> str:
    """A required text."""
    if key not in row:
        raise RowError(f"'{key}' is missing (it has {listed(row)})")
    value = row[key]
    if not isinstance(value, str):
        raise RowError(f"'{key}' should be text, but is {type_name(value)}")
    return value


def optional_text(row: Row, key: str) -> str | None:
    """A text or number as text; None where it is absent or null."""
    return as_text(row.get(key), key)


def as_text(value: Any, name: str) -> str | None:
    """Text as it is, a number in its shortest form, None for null; a list or an object is an error."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise RowError(f"'{name}' should be text, but is {type_name(value)}")
    return str(value)


def written(value: Any, name: str) -> str | None:
    """Like `as_text`, but a list of one stands for its item, and other lists and objects become JSON text."""
    # verl writes gold answers as text, as a list, as an object or as null, by the data set.
    if isinstance(value, list) and len(value) == 1:
        return written(value[0], name)
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else as_text(value, name)


def texts(row: Row, key: str) -> list[str]:
    """A required list of one or more texts."""
    if key not in row:
        raise RowError(f"'{key}' is missing (it has {listed(row)})")
    values = row[key]
    if not isinstance(values, list):
        raise RowError(f"'{key}' should be a list of texts, but is {type_name(values)}")
    for place, value in enumerate(values, 1):
        if not isinstance(value, str):
            raise RowError(f"'{key}' should hold texts alone, but its item {place} is {type_name(value)}")
    if not values:
        raise RowError(f"'{key}' is an empty list")
    return values


def per_sample(row: Row, key: str, count: int, *, shorter: bool = False) -> list[Any]:
    """`count` values, one a response. Absent or null: all None. With `shorter`, missing ones at the end are None."""
    # A missing value is unknown, never false: other readers of these files compared a list with a scalar here.
    values = row.get(key)
    if values is None:
        return [None] * count
    if not isinstance(values, list):
        raise RowError(f"'{key}' should be a list, but is {type_name(values)}")
    if len(values) > count or (len(values) < count and not shorter):
        raise RowError(f"'{key}' has {len(values)} items for {count} responses")
    return values + [None] * (count - len(values))


def verdict(value: Any, name: str) -> bool | None:
    """True or false out of a boolean, 0/1 or a word; None for null and empty text."""
    if value is None or isinstance(value, bool):
        return value
    # A reward between 0 and 1 is no verdict.
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        if not word:
            return None
    raise RowError(f"'{name}' should be true, false, 0 or 1, but is {_short(value)}")


def count(value: Any, name: str) -> int | None:
    """A whole number of zero or more, also written as text or as 12.0; None for null and empty text."""
    if value is None or value == "":
        return None
    # isascii, because isdigit takes superscripts too; 19 digits and more don't fit a column.
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 19:
        return int(value)
    # Written so that Infinity, which has no whole part, is an error like any other.
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**63 and value == int(value):
        return int(value)
    raise RowError(f"'{name}' should be a whole number, but is {_short(value)}")


def finish(value: Any) -> Finish:
    """The finish reason as ours; unknown for any other word."""
    return finish_of(value)


def lenient(read: Callable[[Any, str], T | None], value: Any) -> T | None:
    """What `read` makes of a value; None where it can't be read, as of a reward of 0.3 that is no verdict."""
    try:
        return read(value, "")
    except RowError:
        return None


def zero_or_one(value: Any) -> bool | None:
    """A number of exactly 0 or 1 as a verdict; None for all else: other rewards and means say neither."""
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def first_named(row: Row, names: Sequence[str]) -> str:
    """The first of `names` whose field isn't null; "" where none is."""
    return next((name for name in names if row.get(name) is not None), "")


def only(row: Row, keys: Iterable[str]) -> Row:
    """The fields in `keys`."""
    return {key: row[key] for key in keys if key in row}


def unknown_finish(key: str, value: Any) -> Row:
    """The raw finish reason for `extra` where `finish` can't express it; empty otherwise."""
    return {key: value} if value is not None and finish(value) is Finish.UNKNOWN else {}


def rest(row: Mapping[str, Any], used: Iterable[str]) -> Row:
    """The fields not in `used`."""
    # Nothing a file holds is thrown away: what no field of ours takes is kept with the trace.
    left = dict(row)
    for key in used:
        left.pop(key, None)
    return left


def sliced(row: Row, keys: Sequence[str], count: int, *, shorter: bool = False) -> list[Row]:
    """One object a response with its share of the lists `keys`; lists that are absent are left out."""
    shares: list[Row] = [{} for _ in range(count)]
    for key in keys:
        if key in row:
            for share, value in zip(shares, per_sample(row, key, count, shorter=shorter), strict=True):
                share[key] = value
    return shares


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a sentence: the first few, and how many more there are."""
    # A row may have hundreds of columns, with names of any length.
    every = [name if len(name) <= 40 else name[:40] + "…" for name in names]
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "") or "nothing"


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return type_name(value)
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:40] + "…"
