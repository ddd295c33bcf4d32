"""Label Studio's tasks, annotations and regions as its JSON holds them, before their offsets are interpreted.

Owns the reading of a task's fields, and the check whether a region's words are where the region would be.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from backend.domain import visible
from backend.exchange.labels.formats.label_studio import ANNOTATOR, CODE_POINTS, OURS, STATE, UTF16
from backend.exchange.labels.parts import Utf16
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.trace_format import RowError

Unit = Literal["code points", "UTF-16"]
UNITS: Final[tuple[Unit, ...]] = (UTF16, CODE_POINTS)
_GAPS = re.compile(r"\\n|\s+")  # the editor writes line breaks as "\n", two characters
_WHOLE = re.compile(r"[0-9]{1,9}")
_KEYS: Final = frozenset({"annotations", "completions", "predictions"})


def matches(row: Any) -> bool:
    """Whether a JSON value is a task."""
    return isinstance(row, Mapping) and isinstance(row.get("data"), Mapping) and not _KEYS.isdisjoint(row)


@dataclass(slots=True)
class Region:
    """A labelled stretch; `quote` is None where the file doesn't carry its words."""

    number: int
    key: str
    start: int
    end: int
    labels: list[str]
    quote: str | None
    comment: str = ""
    flags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TaskAnnotation:
    """One annotation of a task."""

    name: str
    gold: bool
    done: bool
    regions: list[Region]


@dataclass(frozen=True, slots=True)
class LabelStudioTask:
    """A task; `ours` is what our writer put beside it ({} in a file of Label Studio's own)."""

    key: str
    text: str
    places: Utf16
    layers: list[TaskAnnotation]
    ours: Mapping[str, Any]

    def fits(self, unit: Unit) -> bool:
        """Whether every region's words are where it would be, counting in `unit`."""
        return all(self.misfit(region, unit) is None for layer in self.layers for region in layer.regions)

    def misfit(self, region: Region, unit: Unit) -> str | None:
        """Why a region can't be where it would be, counting in `unit`, as a clause; None where it can."""
        where = f"its region {region.number} ({visible(', '.join(region.labels), 60)}, {region.start} to {region.end})"
        if region.start == region.end:
            return f"{where} is empty"
        start, end = self.place(region, unit)
        if start is None or end is None:
            return f"{where} begins or ends inside a character"
        if not 0 <= start < end <= len(self.text):
            return f"{where} lies outside the {len(self.text):,} characters of the text"
        found = self.text[start:end]
        # White space aside: the editor trims it and writes line breaks in two ways.
        if region.quote is None or region.quote == found or _bare(region.quote) == _bare(found) != "":
            return None
        return f"{where} says '{visible(region.quote, 60)}', but the text has '{visible(found, 60)}' there"

    def place(self, region: Region, unit: Unit) -> tuple[int | None, int | None]:
        """Start and end of a region in code points; None inside a character."""
        if unit == CODE_POINTS:
            return region.start, region.end
        return self.places.place(region.start), self.places.place(region.end)

    @property
    def differs(self) -> bool:
        """Whether any region would be elsewhere when counted in the other unit."""
        regions = [region for layer in self.layers for region in layer.regions]
        return self.places.differs and any(self.place(r, UTF16) != self.place(r, CODE_POINTS) for r in regions)


def _bare(text: str) -> str:
    return _GAPS.sub("", text)


def task_from(row: Any, number: int, left: Counter[str]) -> LabelStudioTask:
    """The task of a JSON value, the `number`th of its file; `left` counts what isn't imported. Raises RowError."""
    if not matches(row):
        raise RowError("it is no task with 'data' and 'annotations'")
    meta = row.get("meta")
    ours = meta.get(OURS) if isinstance(meta, Mapping) else None
    ours = ours if isinstance(ours, Mapping) else {}
    data = row["data"]
    text = _words(data)
    # Annotations were called completions until version 1.0.
    found = row.get("annotations") or row.get("completions") or []
    if not isinstance(found, list):
        raise RowError(f"its annotations should be a list, but are {type_name(found)}")
    # A model's suggestions that nobody has confirmed.
    left["prediction"] += len(row.get("predictions") or ())
    layers = [layer for each in found if (layer := _layer(each, left)) is not None]
    key = ours.get("id") or data.get("name") or f"task {row.get('id', number)}"
    return LabelStudioTask(str(key), text, Utf16(text), layers, ours)


def _words(data: Mapping[str, Any]) -> str:
    """The text of a task: its field `text`, or the only text there is."""
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    if "text" in texts or len(texts) == 1:
        return texts.get("text", next(iter(texts.values())))
    names = ", ".join(visible(str(name), 40) for name in data) or "nothing"
    raise RowError(f"its data has no field 'text' and not just one other text (it has {names})")


def _layer(row: Any, left: Counter[str]) -> TaskAnnotation | None:
    """One annotation of a task; None where its annotator skipped the task."""
    if not isinstance(row, Mapping) or not isinstance(results := row.get("result"), list):
        raise RowError("an annotation of it has no list 'result'")
    # A skipped task isn't one in which somebody found nothing.
    if row.get("was_cancelled") is True:
        left["skipped annotation"] += 1
        return None
    values = [(each, each["value"]) for each in results if _valued(each, left)]
    # A region's labels, choices and comments are results of their own that share its id.
    regions = [_region(n, each, value) for n, (each, value) in enumerate(values, 1) if _labelled(value)]
    by_key = {region.key: region for region in regions}
    name, state = _person(row.get("completed_by")), "done"
    for each, value in values:
        choices, texts = _list(value.get("choices")), _list(value.get("text"))
        region = by_key.get(str(each.get("id")))
        if each.get("from_name") == ANNOTATOR and texts:
            name = texts[0]
        elif each.get("from_name") == STATE and choices:
            state = choices[0]
        elif region is not None and not _labelled(value):
            region.flags += choices
            region.comment = "\n".join(filter(None, (region.comment, *texts)))
        elif not _labelled(value):
            left["region of another kind" if "start" in value or "x" in value else "answer about a whole text"] += 1
    return TaskAnnotation(name, row.get("ground_truth") is True, state == "done", regions)


def _valued(each: Any, left: Counter[str]) -> bool:
    if not isinstance(each, Mapping):
        raise RowError(f"a result of it should be an object, but is {type_name(each)}")
    if isinstance(each.get("value"), Mapping):
        return True
    left["relation" if each.get("type") == "relation" else "result without a value"] += 1
    return False


def _labelled(value: Mapping[str, Any]) -> bool:
    return bool(_list(value.get("labels"))) and "start" in value and "end" in value


def _region(number: int, row: Mapping[str, Any], value: Mapping[str, Any]) -> Region:
    places = []
    for name in ("start", "end"):
        at = value[name]
        # A number written as text is taken too, and true is a number to Python.
        if isinstance(at, bool) or not _WHOLE.fullmatch(str(at)):
            raise RowError(f"the {name} of its region {number} should be a whole number, but is {visible(str(at), 40)}")
        places.append(int(str(at)))
    meta, quote = row.get("meta"), value.get("text")
    return Region(
        number=number,
        key=str(row.get("id", "")),
        start=places[0],
        end=places[1],
        labels=_list(value["labels"]),
        quote=quote if isinstance(quote, str) else None,
        comment="\n".join(_list(meta.get("text"))) if isinstance(meta, Mapping) else "",
    )


def _list(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _person(value: Any) -> str:
    """Who made an annotation, as far as the file says."""
    # Exports hold an account as an object or as its bare number, by version.
    if isinstance(value, Mapping):
        names = " ".join(str(value[name]) for name in ("first_name", "last_name") if value.get(name))
        return names or str(value.get("email") or value.get("username") or _person(value.get("id")))
    return f"annotator {value}" if isinstance(value, int) and not isinstance(value, bool) else ""
