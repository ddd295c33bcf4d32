"""Conversion between rows of the annotation tables and values: projects, schemes, items, assignments, labels.

`*_of` makes a value of a row, `*_values` the columns of a value.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row

from backend.annotation import Item, Label, LabelKind, Layer, MachineCue, Op, Project, ProjectState, Scheme
from backend.domain import Group, Section, SectionSpan
from backend.store.database import field_values, now


class TextRow(NamedTuple):
    """A stored text with its sections."""

    text: str
    sections: tuple[SectionSpan, ...]


class Taken(NamedTuple):
    """An assignment: who took an item, as which of theirs (`turn`), and how they left it."""

    item: str
    person: str
    state: str
    turn: int
    place: int = 0
    seconds: float = 0.0
    note: str = ""


def taken_of(row: Row[Any]) -> Taken:
    """An assignment from its row."""
    return Taken(row.item_id, row.person, row.state, row.turn, row.place, row.seconds, row.note)


def taken_values(project_id: str, taken: Taken) -> dict[str, Any]:
    """The row of an assignment that begins now."""
    at = now()
    values = taken._asdict()
    item = values.pop("item")
    return values | {"item_id": item, "project_id": project_id, "opened": at, "changed": at}


def item_of(row: Row[Any]) -> Item:
    """An item from its row."""
    return Item(**field_values(row, Item, project="project_id"))


def item_values(item: Item, settled: str = "") -> dict[str, Any]:
    """The row of an item; `settled` is the id of the adjudicator who has finished with it."""
    values = _shallow(item)
    values["project_id"] = values.pop("project")
    return values | {"settled": settled}


def scheme_of(data: Mapping[str, Any]) -> Scheme:
    """A scheme from its JSON."""
    labels = (
        LabelKind(**{**label, "group": Group(label["group"]) if label["group"] else None}) for label in data["labels"]
    )
    return Scheme(tuple(labels), tuple(data["flags"]))


def scheme_values(scheme: Scheme) -> dict[str, Any]:
    """A scheme as JSON."""
    return {"labels": [_shallow(label) for label in scheme.labels], "flags": list(scheme.flags)}


def project_of(row: Row[Any]) -> Project:
    """A project from its row, which holds its scheme and guidelines too."""
    values = field_values(row, Project) | {"state": ProjectState(row.state), "scheme": scheme_of(row.scheme)}
    return Project(**values)


def project_values(project: Project) -> dict[str, Any]:
    """The row of a project; scheme and guidelines have tables of their own."""
    values = _shallow(project)
    del values["scheme"], values["guidelines"]
    return values | {"state": project.state.value, "sampling": dict(project.sampling)}


def label_of(row: Row[Any]) -> Label:
    """A label from its row."""
    values = field_values(row, Label, project="project_id", item="item_id")
    values |= {"op": Op(row.op), "layer": Layer(row.layer)}
    return Label(**values | {"machine": MachineCue(**row.machine) if row.machine else None})


def label_values(label: Label) -> dict[str, Any]:
    """The row of a label that arrives now."""
    values = _shallow(label)
    del values["seq"]  # the database numbers the log
    values |= {"project_id": values.pop("project"), "item_id": values.pop("item")}
    machine = dataclasses.asdict(label.machine) if label.machine else None
    return values | {"op": label.op.value, "layer": label.layer.value, "machine": machine, "received": now()}


def sections_of(rows: Sequence[Sequence[Any]]) -> tuple[SectionSpan, ...]:
    """Sections from their JSON: lists of section, start, end."""
    return tuple(SectionSpan(Section(section), start, end) for section, start, end in rows)


def _shallow(value: Item | Label | LabelKind | Project) -> dict[str, Any]:
    # Not dataclasses.asdict: it would copy what lies within, and thousands of labels arrive at once from a file.
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
