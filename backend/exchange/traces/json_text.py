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


def parse(raw: bytes) -> Any:
    """The value of UTF-8 JSON text. Raises RowError: not UTF-8, not JSON, too deep, or with a number too large."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RowError(_why(raw, error)) from None
    # orjson rounds whole numbers beyond 64 bits without a word, and an id or an answer would be another one. The slow
    # parser runs only where there is such a number.
    if _has_huge(value):
        json.loads(raw, parse_int=_refuse_huge)
    return value


def parse_object(raw: bytes) -> dict[str, Any]:
    """Like `parse`, for text that must be a JSON object."""
    value = parse(raw)
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
    # Python's own json module writes NaN and Infinity, which no standard parser takes.
    near = text[max(error.pos - 1, 0) : error.pos + 3]
    if _NOT_A_NUMBER.match(near) or _NOT_A_NUMBER.match(near[1:]):
        return f"NaN or Infinity at character {error.pos + 1} is not JSON; an unknown number is null"
    if "surrogate" in error.msg:
        return f"the text from character {error.pos + 1} on holds half a surrogate pair, which is no character"
    if "depth" in error.msg:
        return f"it is nested more than {DEPTH_LIMIT} levels deep"
    if "infinity" in error.msg:
        return f"the number at character {error.pos + 1} is too large to hold"
    if "end of data" in error.msg or error.pos >= len(text.rstrip()):
        return "it ends in the middle of a JSON value, as a truncated file does"
    return f"it is not valid JSON at character {error.pos + 1}: {error.msg.split(': line')[0]}"


def _has_huge(value: Any) -> bool:
    """Whether there is a number that may have lost digits. Raises RowError where the value is nested too deep."""
    # Level by level and without recursion, so that the depth is known before anything can overflow.
    open_items, depth, huge = [value] if isinstance(value, dict | list) else [], 0, False
    while open_items:
        depth += 1
        if depth > DEPTH_LIMIT:
            raise RowError(f"it is nested more than {DEPTH_LIMIT} levels deep")
        deeper: list[Any] = []
        for item in open_items:
            for child in item.values() if type(item) is dict else item:
                kind = type(child)
                if kind is dict or kind is list:
                    deeper.append(child)
                elif kind is float and abs(child) >= _EXACT:
                    huge = True
        open_items = deeper
    return huge


def _refuse_huge(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise RowError(f"the whole number {digits[:12]}… has {len(digits)} digits, more than fit; write it as text")
    return int(digits)
