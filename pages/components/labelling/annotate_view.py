"""The annotating view: one item's text, the labels put on it, and what there is to put.

Owns the Python side of one Streamlit v2 component: what of a sheet the browser gets, and what comes back. The browser
side is `annotate_view/*.js` and `annotate_view.css`; labels go from there to the route of `annotate_route.py`, not
through here. Knows nothing of the store or of what a person may do.

Offsets here are Unicode code points; the browser converts them to UTF-16 once, and back once, when a label leaves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from backend.annotation import Label, LabelKind
from backend.services.annotation.records import Sheet
from pages.components import palette
from pages.components.labelling.annotate_route import PATH, annotate_token, row_data

_HERE = Path(__file__).parent
_VIEWER = _HERE.parent / "viewer"
_SHARED = ("dom", "offsets", "selection", "keys")
# One module in the browser: the order is that of their dependence.
_SCRIPTS = (
    "book",
    "storage",
    "outbox",
    "words",
    "paper",
    "hand",
    "keymap",
    "dialogs",
    "rail",
    "log",
    "annotator",
    "acts",
)
_SURROGATE = re.compile("[\ud800-\udfff]")
NEGATIVE = "×"


@dataclass(frozen=True, slots=True)
class AnnotateResult:
    """What a person asked for since the last run: another item (-1 or +1), or the next one after `finished`."""

    move: int | None = None
    finished: str | None = None


def annotate_view(sheet: Sheet, rows: Sequence[Label], person: str, *, key: str) -> AnnotateResult:
    """Show an item to annotate and say what was asked. `rows` are all that `person` ever wrote on it, by seq."""
    result = _component()(
        key=key,
        data=_data(sheet, rows, person),
        on_move_change=_nothing,
        on_finished_change=_nothing,
        on_renew_change=_nothing,
    )
    move, finished = result.get("move"), result.get("finished")
    return AnnotateResult(move if move in (-1, 1) else None, sheet.item.id if finished == sheet.item.id else None)


def _nothing() -> None:
    """Streamlit reports only those values that have a callback; `renew` asks for nothing but a run, for a new token."""


def _data(sheet: Sheet, rows: Sequence[Label], person: str) -> dict[str, Any]:
    item, project = sheet.item, sheet.project
    return {
        "item": item.id,
        "project": project.id,
        "person": person,
        "token": annotate_token(person, project.id),
        "url": PATH.removeprefix("/"),
        "text": clean(sheet.text),
        "sha256": item.text_sha256,
        "start": item.start,
        "end": item.end,
        "rows": [row_data(row) for row in rows],
        "cues": [[cue.start, cue.end, cue.entry, cue.group.value] for cue in sheet.cues],
        "lexicon": project.lexicon,
        "labels": label_data(project.scheme.labels),
        "flags": list(project.scheme.flags),
        "guidelines": {"text": project.guidelines, "version": project.guidelines_version},
        "state": sheet.state,
        "place": sheet.place,
        "seconds": sheet.seconds,
        "number": sheet.number,
        "done": sheet.done,
        "of": sheet.of,
        "blind": item.blind,
        "writable": sheet.writable,
        "why": sheet.why,
    }


def clean(text: str) -> str:
    """`text` as an encoding can carry it: a lone surrogate becomes one replacement character, so that offsets stay."""
    return _SURROGATE.sub("\ufffd", text)


def label_data(labels: Sequence[LabelKind]) -> list[dict[str, Any]]:
    """A scheme's labels with the letter each is drawn with: its group's, a cross for a refusal, else one of its own."""
    taken = set(palette.LETTERS.values())
    found = []
    for label in labels:
        if label.negative:
            letter = NEGATIVE
        elif label.group is not None:
            letter = palette.LETTERS[label.group]
        else:
            letter = next((c for c in label.name.upper() if c.isalnum() and c not in taken), "?")
            taken.add(letter)
        found.append(
            {
                "key": label.key,
                "name": label.name,
                "letter": letter,
                "group": None if label.group is None else label.group.value,
                "negative": label.negative,
                "description": label.description,
            }
        )
    return found


_registered: list[Callable[..., Any]] = []


def _component() -> Callable[..., Any]:
    """The component, declared on first use, so that importing this module costs no files."""
    if not _registered:
        _registered.append(st.components.v2.component("second_thoughts_annotate_view", css=_css(), js=_js()))
    return _registered[0]


def _css() -> str:
    return palette.css_variables(".an") + (_HERE / "annotate_view.css").read_text(encoding="utf-8")


def _js() -> str:
    files = [_VIEWER / "trace_view" / f"{name}.js" for name in _SHARED]
    files += [_HERE / "annotate_view" / f"{name}.js" for name in _SCRIPTS]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
