"""The adjudicating view: one item with everybody's labels as lanes over its text, and the gold lane decided here.

Owns the Python side of one Streamlit v2 component; the browser side is `adjudicate_view/*.js` and its style sheet, over
parts of the annotating view. Decisions go to the route of `annotate_route.py`. Knows nothing of agreement or merging.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from backend.annotation import Layer
from backend.services.annotation.label_rules import REASONS
from backend.services.annotation.records import Adjudication
from pages.components import palette
from pages.components.labelling.annotate_route import GOLD_PATH, gold_token, row_data
from pages.components.labelling.annotate_view import clean, label_data

_HERE = Path(__file__).parent
_COMPONENTS = _HERE.parents[1] / "components"
_VIEWER, _LABELLING = _COMPONENTS / "viewer", _COMPONENTS / "labelling"
_TRACE = ("dom", "offsets", "selection", "keys")
_ANNOTATE = ("book", "storage", "outbox", "words", "paper", "hand", "keymap", "rail", "log")
_SCRIPTS = ("judge", "judging")


@dataclass(frozen=True, slots=True)
class AdjudicateResult:
    """What was asked for since the last run: another item of the queue (-1 or +1), or the next one after `settled`."""

    move: int | None = None
    settled: bool = False


def adjudicate_view(sheet: Adjudication, person: str, agreement: str, *, key: str) -> AdjudicateResult:
    """Show an item to decide and say what was asked. `agreement` is a word on it for the header."""
    result = _component()(
        key=key,
        data=_data(sheet, person, agreement),
        on_move_change=_nothing,
        on_settled_change=_nothing,
        on_renew_change=_nothing,
    )
    move = result.get("move")
    return AdjudicateResult(move if move in (-1, 1) else None, result.get("settled") == sheet.labelled.item.id)


def _nothing() -> None:
    """Streamlit reports only those values that have a callback; `renew` asks for nothing but a run, for a new token."""


def _data(sheet: Adjudication, person: str, agreement: str) -> dict[str, Any]:
    one, project = sheet.labelled, sheet.project
    lanes = sorted(one.by_person.items(), key=lambda lane: sheet.names.get(lane[0], lane[0]))
    return {
        "item": one.item.id,
        "project": project.id,
        "person": person,
        "token": gold_token(person, project.id),
        "url": GOLD_PATH.removeprefix("/"),
        "text": clean(one.text),
        "sha256": one.item.text_sha256,
        "start": one.item.start,
        "end": one.item.end,
        "lanes": [
            {
                "name": sheet.names.get(who, who),
                "done": who in one.done,
                "labels": [row_data(row) for row in labels],
            }
            for who, labels in lanes
        ],
        "rows": [row_data(row) for row in one.gold if row.layer is Layer.GOLD],
        "labels": label_data(project.scheme.labels),
        "reasons": list(REASONS),
        "agreement": agreement,
        "settled": one.settled,
        "number": sheet.number,
        "of": sheet.of,
        "writable": sheet.writable,
        "why": sheet.why,
    }


_registered: list[Callable[..., Any]] = []


def _component() -> Callable[..., Any]:
    """The component, declared on first use, so that importing this module costs no files."""
    if not _registered:
        _registered.append(st.components.v2.component("second_thoughts_adjudicate_view", css=_css(), js=_js()))
    return _registered[0]


def _css() -> str:
    sheets = [
        path.read_text(encoding="utf-8") for path in (_LABELLING / "annotate_view.css", _HERE / "adjudicate_view.css")
    ]
    return palette.css_variables(".an") + "\n".join(sheets)


def _js() -> str:
    files = [_VIEWER / "trace_view" / f"{name}.js" for name in _TRACE]
    files += [_LABELLING / "annotate_view" / f"{name}.js" for name in _ANNOTATE]
    files += [_HERE / "adjudicate_view" / f"{name}.js" for name in _SCRIPTS]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
