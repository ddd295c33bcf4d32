"""The list of problems beside the compared traces: modes with counts, a verdict for each run, one problem selected.

Owns the list's look and keyboard (j and k anywhere on the page, arrows and Enter inside it) and the check of what
the browser sends back. Questions are hostile text and become text nodes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.components.browser.component import browser_component
from pages.components.table.table_model import one_line

_HERE = Path(__file__)
_LIST = browser_component(
    "problem_list",
    _HERE.with_suffix(".js"),
    styles=[_HERE.with_suffix(".css")],
    html='<div class="rail" id="rail"></div>\n<div id="status" class="unseen" aria-live="polite"></div>\n',
)
_QUESTION_SHOWN = 160  # characters: a line holds about 40, the tooltip the rest


@dataclass(frozen=True, slots=True)
class ListFilter:
    """A way to narrow the list: `label` is what its chip says ("✗→✓"), `meaning` what it means ("wrong to right")."""

    id: str
    label: str
    meaning: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class ProblemItem:
    """A problem: its number in the set, its question, one verdict a run (None: no verdict), a short figure if any."""

    id: str
    number: int
    question: str
    verdicts: tuple[bool | None, ...]
    figure: str = ""


@dataclass(frozen=True, slots=True)
class ListEvent:
    """The problem or the mode that a person chose; the other is None."""

    problem: str | None = None
    mode: str | None = None


def problem_list(
    items: Sequence[ProblemItem],
    modes: Sequence[ListFilter],
    *,
    key: str,
    selected: str | None,
    mode: str,
    runs: Sequence[str] = ("A", "B"),
    height: int | None = None,
    empty: str = "No problem here.",
    on_choice: Callable[[ListEvent], None] | None = None,
) -> ListEvent | None:
    """Draws the list and returns what the person chose since the last run, or None.

    `items` are the problems of the present mode. `on_choice` is called before the page runs again. `selected` and
    `mode` are the ids shown now; `runs` are the letters over the columns of verdicts. `height` is in pixels; None fills
    the window from where the list begins to its lower edge.
    """

    # With a callback the page is drawn once with the choice in it; with the result alone it would be drawn twice.
    def report() -> None:
        chosen = list_event(st.session_state[key].get("event"), items, modes)
        if on_choice and chosen:
            on_choice(chosen)

    data = {
        "items": [_item(item) for item in items],
        "modes": [{"id": m.id, "label": m.label, "meaning": m.meaning, "count": m.count} for m in modes],
        "selected": selected,
        "mode": mode,
        "runs": list(runs),
        "height": height,
        "empty": empty,
    }
    # The frame's style sheet makes a container of that name stick to the window's edge.
    with st.container(key=f"sth-rail-{key}"):
        result = _LIST(key=key, data=data, on={"event": report})
    return list_event(result.event, items, modes)


def list_event(sent: object, items: Sequence[ProblemItem], modes: Sequence[ListFilter]) -> ListEvent | None:
    """What the browser sent, checked against what it was shown; None for nothing and for nonsense."""
    if not isinstance(sent, Mapping):
        return None
    problem, mode = sent.get("problem"), sent.get("mode")
    if any(item.id == problem for item in items):
        return ListEvent(problem=problem)
    if any(m.id == mode for m in modes):
        return ListEvent(mode=mode)
    return None


def _item(item: ProblemItem) -> list[object]:
    return [
        item.id,
        item.number,
        # Cut before as well: a question may be long, and writing out its invisible characters only makes it longer.
        one_line(item.question[: 4 * _QUESTION_SHOWN])[:_QUESTION_SHOWN],
        list(item.verdicts),
        item.figure,
    ]
