"""The annotating view: a Streamlit component that shows one item, the labels on it and the machine cues to answer.

Owns the Python side: which data the browser gets and which of its reports count. Labels go from the browser to the
route of `annotate_route.py`, not through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.annotation import Label
from backend.services.annotation.records import Sheet
from pages.components.labelling.annotate_route import PATH, annotate_token
from pages.components.labelling.label_data import item_data
from pages.components.labelling.labelling_component import labelling_component

_HERE = Path(__file__).parent
_component = labelling_component("annotate_view", _HERE / "annotate_view" / "annotator.js", _HERE / "annotate_view.css")


@dataclass(frozen=True, slots=True)
class AnnotateResult:
    """What a person asked for since the last run: another item (-1 or +1), or the next one after `finished`."""

    move: int | None = None
    finished: str | None = None


def annotate_view(sheet: Sheet, rows: Sequence[Label], person: str, *, key: str) -> AnnotateResult:
    """Show an item to annotate and return what was asked for. `rows` are all that `person` ever wrote on it, by seq."""
    # `renew` carries nothing: it asks for a run, and with it for a new token.
    result = _component(key=key, data=_data(sheet, rows, person), reports=("move", "finished", "renew"))
    move, finished = result.get("move"), result.get("finished")
    # A report may be older than the item: it is about an item that another tab has left meanwhile.
    return AnnotateResult(move if move in (-1, 1) else None, sheet.item.id if finished == sheet.item.id else None)


def _data(sheet: Sheet, rows: Sequence[Label], person: str) -> dict[str, Any]:
    item, project = sheet.item, sheet.project
    return item_data(item, project, sheet.text, rows) | {
        "person": person,
        "token": annotate_token(person, project.id),
        "url": PATH.removeprefix("/"),
        "cues": [[cue.start, cue.end, cue.entry, cue.group.value] for cue in sheet.cues],
        "lexicon": project.lexicon,
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
