"""The parts of Compare between the store and the screen: choosing runs, the list's items, the CSV.

Owns how a comparison is kept in the page's address. Knows nothing of statistics.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import streamlit as st

from backend.services.traces.comparison import ComparedProblem, Comparison, ProblemFilter, Side
from pages.components.frame.session import run_labels, runs, services
from pages.components.viewer.panes import TAGS
from pages.parts.compare.problem_list import ListEvent, ProblemItem
from pages.parts.compare.problem_list import ListFilter as Chip

MOST = 4
_CHIPS = {
    ProblemFilter.ALL: "All",
    ProblemFilter.RIGHT_TO_WRONG: "✓→✗",
    ProblemFilter.WRONG_TO_RIGHT: "✗→✓",
    ProblemFilter.BOTH_WRONG: "✗✗",
    ProblemFilter.CUE_DROP: "cues ↓",
    ProblemFilter.CUT_OFF: "cut off",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def shown_runs() -> list[str]:
    """The runs the address asks for, as far as they exist; else the surest pair; else any two that share problems."""
    asked = [run for run in st.query_params.get("runs", "").split(",") if run in runs()]
    asked = list(dict.fromkeys(asked))[:MOST]
    if len(asked) > 1:
        return asked
    pairs = services().runs.pairs()
    if asked:
        partner = next((p for p in pairs if asked[0] in (p.base.id, p.variant.id)), None)
        other = partner and (partner.variant.id if partner.base.id == asked[0] else partner.base.id)
        return [asked[0], other or next(run for run in runs() if run != asked[0])]
    return [pairs[0].base.id, pairs[0].variant.id] if pairs else list(runs())[:2]


def _remember(chosen: Sequence[str]) -> None:
    st.query_params["runs"] = ",".join(chosen)
    for name in ("samples", "range", "pane"):
        st.query_params.pop(name, None)
    st.session_state.picked = None


def go_to(choice: ListEvent) -> None:
    """Put a choice in the list of problems into the address: a problem, or a mode with its first problem."""
    query = st.query_params
    for name in ("samples", "range", "pane", *(("problem",) if choice.mode else ())):
        query.pop(name, None)
    query["mode" if choice.mode else "problem"] = choice.mode or choice.problem or ""


def run_picker(chosen: list[str]) -> list[str]:
    """A box a run, the swap, and one more run; every change goes to the address."""
    labels = run_labels()

    def change() -> None:
        picked = [st.session_state[f"side-{i}"] for i in range(len(chosen))]
        _remember(list(dict.fromkeys(run for run in picked if run)))

    for i, run in enumerate(chosen):
        st.session_state[f"side-{i}"] = run
        st.selectbox(TAGS[i], list(labels), format_func=lambda run, tag=TAGS[i]: f"{tag}   {labels[run]}",
                     key=f"side-{i}", on_change=change, label_visibility="collapsed", width=250,
                     placeholder=TAGS[i], help=f"Run {TAGS[i]}")  # fmt: skip
    st.button("Swap", icon=":material/swap_horiz:", type="tertiary", on_click=_remember,
              args=([*chosen[1::-1], *chosen[2:]],), help="Exchange A and B")  # fmt: skip
    with st.popover("Runs", icon=":material/add:", type="tertiary"):
        free = [run for run in labels if run not in chosen]
        if len(chosen) < MOST:
            added = st.selectbox("Add a run", free, index=None, format_func=labels.__getitem__, key="add-run")
            st.button("Add", disabled=added is None, on_click=_remember, args=([*chosen, added],))
        for i, run in enumerate(chosen[2:], start=2):
            st.button(
                f"Remove {TAGS[i]}", key=f"remove-{i}", on_click=_remember, args=([r for r in chosen if r != run],)
            )
    return chosen


def caveats(compared: Comparison) -> str:
    """What to know before trusting the comparison: how the runs differ, and which problems were left out."""
    said = list(compared.warnings)
    for tag, lacking in zip(TAGS, compared.unpaired, strict=False):
        if lacking:
            said.append(f"{lacking} of {tag}'s problems are left out: not every run here holds them.")
    return " ".join(said)


def mode_chips(compared: Comparison) -> list[Chip]:
    """The list's modes with how many problems each lets through."""
    return [Chip(mode.value, label, mode.value, len(compared.listed(mode))) for mode, label in _CHIPS.items()]


def item_of(problem: ComparedProblem, mode: ProblemFilter) -> ProblemItem:
    """A problem as the list shows it; the cue drop stands beside it in that mode."""
    figure = f"−{problem.cue_drop:,.0f}" if mode is ProblemFilter.CUE_DROP else ""
    return ProblemItem(problem.id, problem.number, problem.question, tuple(s.right for s in problem.sides), figure)


def export_csv(compared: Comparison) -> str:
    """Every problem of a comparison, one row each, with the settings that made the figures."""
    out = io.StringIO()
    writer = csv.writer(out)
    sides = list(zip(TAGS, compared.runs, strict=False))
    fields = ("samples", "judged", "right", "length", "cues", "per_1k", "cut")
    writer.writerow(["problem", "number", "gold", "unit", "lexicon", "grader",
                     *(f"{f} {t}" for t, _ in sides for f in fields),
                     *(f"run {t}" for t, _ in sides), "question"])  # fmt: skip
    for problem in compared.problems:
        figures = [value for side in problem.sides for value in _figures(side)]
        named = [f"{run.id} {run.label}" for _, run in sides]
        row = [problem.id, problem.number, problem.gold, compared.unit, compared.lexicon, compared.grader]
        writer.writerow([_plain(cell) for cell in (*row, *figures, *named, problem.question)])
    return out.getvalue()


def _figures(side: Side) -> list[float | int | None]:
    return [side.samples, side.known, side.correct, side.length, side.cues, side.per_1k, side.cut]


def _plain(cell: object) -> object:
    """Text that a spreadsheet would take for a formula is marked as text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
