"""The import itself with its progress, and what came of it: rows read, traces made, what was left out, and links."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from backend.domain import visible
from backend.import_plan import Source
from backend.report.numbers import Form
from backend.services.traces.source_importer import ImportOutcome
from pages.components.editing.run_editor import forget_ticks
from pages.components.frame.notice import Tone, notice
from pages.components.frame.session import run_labels, runs, services
from pages.components.table.table import data_table
from pages.components.table.table_model import Cell, Column, Kind, Lines, Link, Row
from pages.parts.imports.uploads import sweep_uploads

_TONES: dict[str, Tone] = {"imported": "done", "failed": "error", "skipped": "warning"}
_COUNTS = (("traces", "Traces"), ("problems", "Problems"), ("rows", "Rows read"), ("left", "Left out"))


def import_sources(sources: Sequence[Source], base: Path | None, everything: bool) -> None:
    """Imports the sources while a bar shows the progress, and keeps their outcomes in the session.

    The uploads go when `everything` they hold has been imported.
    """
    bar, line = st.progress(0.0), st.empty()
    outcomes: list[ImportOutcome] = []

    def advance(done: int, total: int, name: str) -> None:
        """Shows how much of the present source is read: `done` of `total` bytes."""
        bar.progress((len(outcomes) + done / total) / len(sources))
        line.text(f"{len(outcomes) + 1} of {len(sources)}: {visible(name, 120)}")

    for outcome in services().imports.take(sources, on_progress=advance):
        outcomes.append(outcome)
        bar.progress(len(outcomes) / len(sources))
    st.session_state.outcomes = outcomes
    forget_ticks("sources")
    # What failed can be corrected or mapped, and then needs its file once more.
    if everything and not any(outcome.state == "failed" for outcome in outcomes):
        st.session_state.pop("mapped", None)
        sweep_uploads(base)


def outcome_view() -> None:
    """Draws what came of the last import."""
    outcomes: list[ImportOutcome] = st.session_state.get("outcomes", [])
    arrived = [outcome for outcome in outcomes if outcome.state == "imported" and outcome.run in runs()]
    for outcome in outcomes:
        if len(outcomes) < 4 or outcome not in arrived:
            notice(outcome.sentence, _TONES.get(outcome.state, "info"))
    if not arrived:
        return
    if len(arrived) > 3:
        notice(_total(arrived), "done")
    columns = [Column("run", "Imported"), *(Column(id_, name, Kind.NUMBER, Form.COUNT) for id_, name in _COUNTS),
               Column("links", "", Kind.LINKS)]  # fmt: skip
    event = data_table(columns, list(map(_row, arrived)), key="arrived", caption="Imported just now", height=320)
    if event and event.row and event.action:
        label = run_labels()[event.row]
        st.switch_page("browse.py", query_params={"run": label})
    if st.button("See them in the overview", icon=":material/dashboard:"):
        st.session_state.pop("outcomes")
        st.switch_page("overview.py")


def _row(outcome: ImportOutcome) -> Row:
    run, counts = runs()[outcome.run or ""], outcome.counts
    cells: dict[str, Cell] = {
        "run": Lines(run_labels()[run.id], run.info.source),
        "traces": run.traces,
        "problems": run.problems,
        "rows": counts.rows if counts else None,
        "left": sum(number for _, number in counts.left) if counts else None,
        "links": Link("Browse", action="browse"),
    }
    return Row(run.id, cells)


def _total(arrived: Sequence[ImportOutcome]) -> str:
    made = sum(runs()[outcome.run or ""].traces for outcome in arrived)
    left: Counter[str] = Counter()
    for outcome in arrived:
        left.update(dict(outcome.counts.left) if outcome.counts else {})
    told = "".join(f", {number:,} rows left out: {visible(reason)}" for reason, number in left.most_common())
    return f"{len(arrived)} runs imported: {made:,} traces{told}."
