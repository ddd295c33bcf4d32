"""Dataclasses to plain JSON and back: how specs, plans and results are kept in the ledger and in files.

Owns the form: fields in their order, enums by value, tuples as lists. It checks no more than what it has to turn into
something else; whether numbers make sense is for the classes to say.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class JsonRecord:
    """Base of dataclasses that are kept as JSON."""

    __slots__ = ()  # without it, subclasses with slots would still carry a __dict__ each

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return encode(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """The record from JSON; fields it lacks have their defaults.

        Raises TypeError for an unknown or missing field and ValueError for a word that no enum has.
        """
        return _record(cls, raw)


def encode(value: Any) -> Any:
    """`value` as plain JSON values: dataclasses and named tuples as objects, enums by value, tuples as lists."""
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: encode(one) for key, one in value.items()}
    if hasattr(value, "_asdict"):
        return encode(value._asdict())
    return [encode(one) for one in value] if isinstance(value, list | tuple) else value


def decode(kind: type[T], raw: Any) -> T:
    """JSON values as a `kind`: a dataclass, a named tuple, or a list or tuple of such. Raises like `from_json`."""
    return _decoded(kind, raw)


def _decoded(kind: Any, raw: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        kinds = [one for one in get_args(kind) if one is not NoneType]
        return raw if raw is None or len(kinds) > 1 else _decoded(kinds[0], raw)
    if origin in (list, tuple):
        return origin(_decoded(get_args(kind)[0], one) for one in raw)
    if not isinstance(kind, type):
        return raw
    if issubclass(kind, Enum):
        return kind(raw)
    if issubclass(kind, JsonRecord):  # it may have a way of its own to read them, with sentences for what is wrong
        return kind.from_json(raw)
    # Numbers stay as they were written: 1 doesn't become 1.0, so that what is written again is the same, byte for byte.
    return _record(kind, raw) if is_dataclass(kind) or hasattr(kind, "_fields") else raw


def _record(kind: Any, raw: Mapping[str, Any]) -> Any:
    kinds = _kinds(kind)
    return kind(**{name: _decoded(kinds.get(name), value) for name, value in raw.items()})


@cache  # resolving annotations takes longer than all the rest
def _kinds(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
