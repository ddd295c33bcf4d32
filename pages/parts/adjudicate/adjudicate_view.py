"""The adjudicating view: a Streamlit component with everybody's labels as lanes over a text, and the gold lane below.

Owns the Python side: which data the browser gets and which of its reports count. Decisions go from the browser to the
route of `annotate_route.py`, not through here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.annotation import Layer
from backend.services.annotation.label_rules import REASONS
from backend.services.annotation.records import Adjudication
from pages.components.labelling.annotate_route import GOLD_PATH, gold_token
from pages.components.labelling.label_data import item_data, row_data
from pages.components.labelling.labelling_component import labelling_component

_HERE = Path(__file__).parent
_component = labelling_component(
    "adjudicate_view", _HERE / "adjudicate_view" / "adjudicator.js", _HERE / "adjudicate_view.css"
)


@dataclass(frozen=True, slots=True)
class AdjudicateResult:
    """What was asked for since the last run: another item of the queue (-1 or +1), or the next one after `settled`."""

    move: int | None = None
    settled: bool = False


def adjudicate_view(sheet: Adjudication, person: str, agreement: str, *, key: str) -> AdjudicateResult:
    """Show an item to decide and return what was asked for. `agreement` stands in the header."""
    # `renew` carries nothing: it asks for a run, and with it for a new token.
    result = _component(key=key, data=_data(sheet, person, agreement), reports=("move", "settled", "renew"))
    move = result.get("move")
    return AdjudicateResult(move if move in (-1, 1) else None, result.get("settled") == sheet.labelled.item.id)


def _data(sheet: Adjudication, person: str, agreement: str) -> dict[str, Any]:
    one, project = sheet.labelled, sheet.project
    gold = [row for row in one.gold if row.layer is Layer.GOLD]
    return item_data(one.item, project, one.text, gold) | {
        "person": person,
        "token": gold_token(person, project.id),
        "url": GOLD_PATH.removeprefix("/"),
        "lanes": _lanes(sheet),
        "reasons": list(REASONS),
        "agreement": agreement,
        "settled": one.settled,
        "number": sheet.number,
        "of": sheet.of,
        "writable": sheet.writable,
        "why": sheet.why,
    }


def _lanes(sheet: Adjudication) -> list[dict[str, Any]]:
    """A lane for each annotator, by name, so that a person keeps one place over all items."""
    one = sheet.labelled
    lanes = [
        {"name": sheet.names.get(who, who), "done": who in one.done, "labels": [row_data(row) for row in labels]}
        for who, labels in one.by_person.items()
    ]
    return sorted(lanes, key=lambda lane: lane["name"])
