"""Parsing JSON with checks of its depth and whole numbers, and with sentences for what is wrong in it."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from backend.exchange.traces.trace_format import RowError

# Levels of lists and objects. Deeper values overflow the stack of whoever walks them recursively.
DEPTH_LIMIT = 100
_EXACT = 2.0**63  # from here on orjson hands whole numbers over as floats
_NOT_A_NUMBER = re.compile(r"-?(?:NaN|Inf)")
_KEY = re.compile(rb'(?<!\\)"[ \t\r\n]*:')


def parse(raw: bytes) -> Any:
    """The value of UTF-8 JSON text. Python's own NaN and Infinity are null.

    Raises RowError: not UTF-8, not JSON, too deep, with a number too large, or with a key that stands twice.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # Python's json module writes NaN and Infinity, which no standard parser takes.
        if not _not_a_number(raw, error):
            raise RowError(_why(raw, error)) from None
        value = _with_nulls(raw)
    huge, keys = _walked(value)
    # orjson rounds whole numbers beyond 64 bits without a word, and an id or an answer would be another one; of a key
    # that stands twice it takes the last. The slow parser runs only where there may be such a number or key.
    if huge or len(_KEY.findall(raw)) != keys:
        json.loads(raw, parse_int=_refuse_huge, object_pairs_hook=_refuse_repeated)
    return value


def _not_a_number(raw: bytes, error: orjson.JSONDecodeError) -> bool:
    # Places are counted in characters; the few around it decide, for a text may hold the word "NaN" as well.
    near = raw.decode("utf-8", "replace")[max(error.pos - 2, 0) : error.pos + 3]
    return any(_NOT_A_NUMBER.match(near[start:]) for start in range(3))


def _with_nulls(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=lambda _: None)
    except RecursionError:
        raise RowError(f"it is nested more than {DEPTH_LIMIT} levels deep") from None
    except ValueError as error:
        # What is wrong stands after the NaN, where orjson hadn't come.
        raise RowError(f"it is not valid JSON: {str(error).split(': line')[0]}") from None


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    first: dict[str, Any] = {}
    for key, value in pairs:
        # The same value twice is no question.
        if first.setdefault(key, value) != value:
            raise RowError(f"the key '{key[:40]}' stands twice in it with different values; leave the one that counts")
    return found


def parse_object(raw: bytes) -> dict[str, Any]:
    """Like `parse`, for text that must be a JSON object."""
    return as_object(parse(raw))


def as_object(value: Any) -> dict[str, Any]:
    """A value that must be a JSON object. Raises RowError."""
    if not isinstance(value, dict):
        raise RowError(f"it should be a JSON object, but is {type_name(value)}")
    return value


def type_name(value: object) -> str:
    """What a JSON value is, in words."""
    words = {str: "text", bool: "true or false", dict: "an object", list: "a list", type(None): "null"}
    return words.get(type(value), "a number")


def _why(raw: bytes, error: orjson.JSONDecodeError) -> str:
    # orjson says where, and often not what; these are the faults that files have in practice.
    try:
        text = raw.decode()
    except UnicodeDecodeError as fault:
        return f"byte {fault.start + 1} of it (0x{raw[fault.start]:02x}) is not valid UTF-8"
    if "\0" in text:
        return f"byte {raw.index(0) + 1} of it is a NUL byte"
    if "surrogate" in error.msg:
        return f"the text from character {error.pos + 1} on holds half a surrogate pair, which is no character"
    if "depth" in error.msg:
        return f"it is nested more than {DEPTH_LIMIT} levels deep"
    if "infinity" in error.msg:
        return f"the number at character {error.pos + 1} is too large to hold"
    if "end of data" in error.msg or error.pos >= len(text.rstrip()):
        return "it ends in the middle of a JSON value, as a truncated file does"
    return f"it is not valid JSON at character {error.pos + 1}: {error.msg.split(': line')[0]}"


def _walked(value: Any) -> tuple[bool, int]:
    """Whether there is a number that may have lost digits, and how many keys. Raises RowError where it is too deep."""
    # Level by level and without recursion, so that the depth is known before anything can overflow.
    open_items, depth, huge, keys = [value] if isinstance(value, dict | list) else [], 0, False, 0
    while open_items:
        depth += 1
        if depth > DEPTH_LIMIT:
            raise RowError(f"it is nested more than {DEPTH_LIMIT} levels deep")
        deeper: list[Any] = []
        for item in open_items:
            keys += len(item) if type(item) is dict else 0
            for child in item.values() if type(item) is dict else item:
                kind = type(child)
                if kind is dict or kind is list:
                    deeper.append(child)
                elif kind is float and abs(child) >= _EXACT:
                    huge = True
        open_items = deeper
    return huge, keys


def _refuse_huge(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise RowError(f"the whole number {digits[:12]}… has {len(digits)} digits, more than fit; write it as text")
    return int(digits)
