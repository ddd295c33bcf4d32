"""Paths into rows: the value a dotted name leads to, the rows inside a row, and the places where rows may lie.

A number in a path is a place in a list (-1 the last), `*` every key of an object, `/A|B/` every key with A or B in it,
`#` how long a list is; a list without a number means all its items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from backend.exchange.traces import fields
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.trace_format import RowError
from backend.import_plan import Row

_DEPTH = 6
_MISSING = object()
_SHOWN, _MOST_SHOWN = 20_000, 1_000  # characters at either end of a text; items of a list


def steps_of(path: str) -> list[str]:
    """The steps of a path; `results[].x` and `results[*].x` say the same as `results.x`, and `a[0]` as `a.0`."""
    plain = path.replace("[]", "").replace("[*]", "").replace("[", ".").replace("]", "")
    return [step for step in plain.split(".") if step]


def value_at(row: Any, column: str) -> Any:
    """The field of that name, or else what a dotted name leads to. Raises RowError where there is none."""
    found = row[column] if isinstance(row, dict) and column in row else _follow(row, steps_of(column))
    if found is _MISSING:
        raise RowError(f"the column '{column[:60]}' is missing (it has {fields.listed(row)})")
    return found


def _follow(here: Any, steps: Sequence[str]) -> Any:
    if not steps:
        return here
    if isinstance(here, list):
        if steps[0] == "#":
            return [len(item) for item in here] if all(isinstance(item, list) for item in here) else len(here)
        if _is_place(steps[0]) or steps[0] == "-1":
            inside = int(steps[0]) < len(here) and bool(here)
            return _follow(here[int(steps[0])], steps[1:]) if inside else _MISSING
        found = [_follow(item, steps) for item in here]
        # What one item lacks is unknown there; what all lack isn't a column.
        return _MISSING if all(each is _MISSING for each in found) else [None if v is _MISSING else v for v in found]
    if not isinstance(here, dict):
        return _MISSING
    if steps[0] == "*" or (len(steps[0]) > 2 and steps[0][0] == steps[0][-1] == "/"):
        keys = [key for key in here if steps[0] == "*" or _named(key, steps[0])]
        found = [value for key in keys if (value := _follow(here[key], steps[1:])) is not _MISSING]
        return found or _MISSING
    # A name with dots in it may be a field's own: flattened tables have such, and version numbers in models' names.
    for size in range(len(steps), 0, -1):
        if (name := ".".join(steps[:size])) in here:
            return _follow(here[name], steps[size:])
    return _MISSING


def _named(key: str, step: str) -> bool:
    """Whether `/correct|=acc/` means a key: one with that word in it, or after `=` the word itself."""
    words, plain = step[1:-1].lower().split("|"), key.lower()
    return any(plain == word[1:] if word.startswith("=") else word in plain for word in words if word)


def _is_place(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) < 9


def optional_value(row: Row, column: str | None) -> Any:
    """Like `value_at`, but None where there is no such field."""
    try:
        return value_at(row, column) if column else None
    except RowError:
        return None


def object_at(row: Row, *path: str) -> Row:
    """The object a path leads to; an empty one where there is none."""
    here: Any = row
    for key in path:
        here = here.get(key) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}


def flat(value: Any) -> list[Any]:
    """The items of a list of any depth, or the value itself; a list of messages is one item."""
    if not isinstance(value, list) or is_messages(value):
        return [value]
    return [inner for item in value for inner in flat(item)]


def only_one(row: Any, column: str, what: str) -> None:
    """Raises RowError where a number in a path takes one item of a list and leaves others that hold the same.

    A list of messages is no such list: one of its turns is the response.
    """
    here, steps = row, [] if isinstance(row, dict) and column in row else steps_of(column)
    for place, step in enumerate(steps):
        if isinstance(here, list) and _is_place(step) and not is_messages(here):
            others = sum(_holds(_follow(item, steps[place + 1 :])) for item in here)
            if others > 1:
                whole = ".".join((*steps[:place], *steps[place + 1 :]))
                raise RowError(f"'{column}' takes one of {others} {what}; '{whole}' takes them all")
        here = _follow(here, [step])
        if here is _MISSING:
            return


def _holds(value: Any) -> bool:
    return value is not _MISSING and value is not None


def is_messages(value: Any) -> bool:
    """Whether a list holds the turns of a chat: OpenAI's `role` or ShareGPT's `from`."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and isinstance(turn.get("role", turn.get("from")), str) for turn in value)
    )


def expand(row: Row, path: str) -> list[Row]:
    """The rows that lie at `path` inside a row, each with the fields of what is around it; none where nothing does.

    A field of the same name further out is kept as `above.NAME`; items that are no objects stand under the list's name.
    Raises RowError for a path that takes one list of several.
    """
    steps = steps_of(path)
    only_one(row, path, "lists of rows")
    return list(_rows_at(row, steps, {}, steps[-1] if steps else "row"))


def _rows_at(here: Any, steps: Sequence[str], around: Row, name: str) -> Iterator[Row]:
    if isinstance(here, list) and not (steps and _is_place(steps[0])):
        for item in here:
            yield from _rows_at(item, steps, around, name)
    elif not steps:
        yield _merged(around, here if isinstance(here, dict) else {name: here})
    elif isinstance(here, list):
        yield from _rows_at(here[int(steps[0])], steps[1:], around, name) if int(steps[0]) < len(here) else ()
    elif isinstance(here, dict) and steps[0] == "*":
        for key, inner in here.items():
            yield from _rows_at(inner, steps[1:], {**around, "key": key}, name)
    elif isinstance(here, dict):
        size = next((n for n in range(len(steps), 0, -1) if ".".join(steps[:n]) in here), 0)
        if size:
            key = ".".join(steps[:size])
            # Lists beside the one that is expanded are other tables: they would be copied into every row.
            kept = {k: v for k, v in here.items() if k != key and not _is_table(v)}
            yield from _rows_at(here[key], steps[size:], _merged(around, kept), key)


def _merged(around: Row, inner: Row) -> Row:
    clashes = {f"above.{key}": value for key, value in around.items() if key in inner and value != inner[key]}
    return {**around, **clashes, **inner}


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value) and not is_messages(value)


def places(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Path -> the objects there, for every list of objects inside some rows, outermost first."""
    found: dict[str, list[Row]] = {}
    level: list[tuple[str, list[Row]]] = [("", list(rows))]
    for _ in range(_DEPTH):
        deeper: list[tuple[str, list[Row]]] = []
        for prefix, objects in level:
            for path, inner in _inside(prefix, objects):
                if not path.endswith("&"):
                    found[path] = inner
                deeper.append((path, inner))
        level = deeper
    return found


def _inside(prefix: str, objects: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Paths one step below some objects with the objects there; a single object's path is marked with "&"."""
    in_list, prefix = prefix != "" and prefix[-1] not in "&*", prefix.removesuffix("&")
    keys = dict.fromkeys(key for each in objects[:50] for key, value in each.items() if isinstance(value, dict | list))
    if prefix and not prefix.endswith("*") and len(keys) > 1 and _alike(objects):
        yield f"{prefix}.*", [value for each in objects for value in each.values()]
        return
    if not prefix and _alike(objects):
        yield "*", [value for each in objects for value in each.values()]
        return
    for key in keys:
        if in_list and _is_place(key):
            continue  # In a path it would be a place in the list.
        values = [each[key] for each in objects if key in each]
        path = f"{prefix}.{key}" if prefix else key
        found = [item for value in values for item in flat(value) if isinstance(item, dict)]
        if found and not any(is_messages(value) for value in values):
            yield (path if any(isinstance(value, list) for value in values) else f"{path}&"), found


def _alike(objects: Sequence[Row]) -> bool:
    """Whether objects map ids to objects of one kind, so that they are lists in other clothes."""
    values = [value for each in objects for value in each.values()]
    if len(values) < 2 or not all(isinstance(value, dict) for value in values):
        return False
    return all(value.keys() == values[0].keys() for value in values) or all(
        key.isdigit() for each in objects for key in each
    )


def shortened(value: Any) -> Any:
    """A value to look at: long texts without their middle, and of long lists and large objects the beginning."""
    if isinstance(value, str):
        return value if len(value) <= 2 * _SHOWN else f"{value[:_SHOWN]} … {value[-_SHOWN:]}"
    if isinstance(value, list):
        return [shortened(item) for item in value[:_MOST_SHOWN]]
    if isinstance(value, dict):
        return {key: shortened(value[key]) for key in islice(value, _MOST_SHOWN)}
    return value


def describe_value(value: Any) -> str:
    """What a value is, in words, with the fields of an object."""
    return f"an object with {fields.listed(value, 6)}" if isinstance(value, dict) else type_name(value)
