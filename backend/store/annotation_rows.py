"""Rows of people's work as values, and back: projects, schemes, items, who took them, labels.

Owns that translation. Knows nothing of transactions or of what is asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row

from backend.annotation import Item, Label, LabelKind, Layer, MachineCue, Op, Project, ProjectState, Scheme
from backend.domain import Group, Section, SectionSpan
from backend.store.database import now


class TextRow(NamedTuple):
    """A text with its sections, as it is kept."""

    text: str
    sections: tuple[SectionSpan, ...]


class Taken(NamedTuple):
    """Somebody who has taken an item, and how they left it."""

    item: str
    person: str
    state: str
    turn: int
    place: int = 0
    seconds: float = 0.0
    note: str = ""


def taken_of(row: Row[Any]) -> Taken:
    """Who took an item, from its row."""
    return Taken(row.item_id, row.person, row.state, row.turn, row.place, row.seconds, row.note)


def taken_values(project_id: str, taken: Taken) -> dict[str, Any]:
    """The row of somebody who takes an item now."""
    at = now()
    values = taken._asdict()
    item = values.pop("item")
    return values | {"item_id": item, "project_id": project_id, "opened": at, "changed": at}


def item_of(row: Row[Any]) -> Item:
    """An item from its row."""
    return Item(
        id=row.id,
        project=row.project_id,
        ordinal=row.ordinal,
        text_sha256=row.text_sha256,
        start=row.start,
        end=row.end,
        blind=row.blind,
        trace=row.trace,
        run=row.run,
        stratum=row.stratum,
        priority=row.priority,
        name=row.name,
    )


def item_values(item: Item, settled: str = "") -> dict[str, Any]:
    """The row of an item; `settled` is who has finished with it."""
    values = {field.name: getattr(item, field.name) for field in dataclasses.fields(Item)}
    values["project_id"] = values.pop("project")
    return values | {"settled": settled}


def scheme_of(data: Mapping[str, Any]) -> Scheme:
    """A scheme from how it is kept."""
    labels = (
        LabelKind(**{**label, "group": Group(label["group"]) if label["group"] else None}) for label in data["labels"]
    )
    return Scheme(tuple(labels), tuple(data["flags"]))


def scheme_values(scheme: Scheme) -> dict[str, Any]:
    """How a scheme is kept."""
    labels = [{f.name: getattr(label, f.name) for f in dataclasses.fields(LabelKind)} for label in scheme.labels]
    return {"labels": labels, "flags": list(scheme.flags)}


def project_of(row: Row[Any]) -> Project:
    """A project from its row, which holds its scheme and guidelines too."""
    values = {field.name: row._mapping[field.name] for field in dataclasses.fields(Project)}
    values |= {"state": ProjectState(row.state), "scheme": scheme_of(row.scheme)}
    return Project(**values)


def project_values(project: Project) -> dict[str, Any]:
    """The row of a project; scheme and guidelines have tables of their own."""
    values = {field.name: getattr(project, field.name) for field in dataclasses.fields(Project)}
    del values["scheme"], values["guidelines"]
    return values | {"state": project.state.value, "sampling": dict(project.sampling)}


def label_of(row: Row[Any]) -> Label:
    """A label from its row."""
    machine = MachineCue(**row.machine) if row.machine else None
    return Label(
        id=row.id,
        root=row.root,
        project=row.project_id,
        item=row.item_id,
        person=row.person,
        op=Op(row.op),
        start=row.start,
        end=row.end,
        quote=row.quote,
        text_sha256=row.text_sha256,
        label=row.label,
        layer=Layer(row.layer),
        flag=row.flag,
        comment=row.comment,
        how=row.how,
        machine=machine,
        reason=row.reason,
        scheme_version=row.scheme_version,
        guidelines_version=row.guidelines_version,
        at=row.at,
        seq=row.seq,
        received=row.received,
    )


def label_values(label: Label) -> dict[str, Any]:
    """The row of a label that arrives now; the database gives it its place."""
    values = {field.name: getattr(label, field.name) for field in dataclasses.fields(Label)}
    del values["seq"]
    values |= {"project_id": values.pop("project"), "item_id": values.pop("item")}
    machine = dataclasses.asdict(label.machine) if label.machine else None
    return values | {"op": label.op.value, "layer": label.layer.value, "machine": machine, "received": now()}


def sections_of(rows: Sequence[Sequence[Any]]) -> tuple[SectionSpan, ...]:
    """Sections from how they are kept."""
    return tuple(SectionSpan(Section(section), start, end) for section, start, end in rows)
