"""The compared runs of the page Compare: their choice, their caveats, the items of the problem list, and the CSV.

Owns how a comparison is kept in the page's address.
"""

from collections.abc import Sequence

import streamlit as st

from backend.report.files import csv_text
from backend.report.model import Record
from backend.report.numbers import answer_text
from backend.services.traces.comparison import ComparedProblem, Comparison, ProblemFilter, Side
from backend.services.traces.losses import missing_sentence
from pages.components.frame.address import absent, asked_for, start_over
from pages.components.frame.session import COUNTED, LEFT_OUT, run_labels, runs, services
from pages.components.viewer.panes import TAGS
from pages.components.viewer.problem_list import ListEvent, ProblemItem
from pages.components.viewer.problem_list import ListFilter as Chip

MOST = 4
_CHIPS = {
    ProblemFilter.ALL: "All",
    ProblemFilter.RIGHT_TO_WRONG: "✓→✗",
    ProblemFilter.WRONG_TO_RIGHT: "✗→✓",
    ProblemFilter.BOTH_WRONG: "✗✗",
    ProblemFilter.CUE_DROP: "cues ↓",
    ProblemFilter.CUT_OFF: "cut off",
}


def shown_runs() -> list[str]:
    """The runs the address names, as far as they exist; where it names none, the surest pair, or the first two runs.

    Says which aren't there, and stops where none of them is: another pair would pass for the one that was linked.
    """
    named = asked_for("runs")
    asked = list(dict.fromkeys(run for run in named if run in runs()))[:MOST]
    lost = absent("run", named, runs(), "" if len(asked) != 1 else "Another run stands beside the one that is here.")
    if len(asked) > 1:
        return asked
    if lost and not asked:
        if st.button("Choose other runs", type="primary", icon=":material/compare:"):
            start_over()
        st.stop()
    pairs = services().runs.pairs()
    if asked:
        partner = next((p for p in pairs if asked[0] in (p.base.id, p.variant.id)), None)
        other = partner and (partner.variant.id if partner.base.id == asked[0] else partner.base.id)
        return [asked[0], other or next(run for run in runs() if run != asked[0])]
    return [pairs[0].base.id, pairs[0].variant.id] if pairs else list(runs())[:2]


def _remember(chosen: Sequence[str]) -> None:
    # Sample, range, pane and the picked bar belong to the runs that were shown before.
    st.query_params["runs"] = ",".join(chosen)
    for name in ("samples", "range", "pane"):
        st.query_params.pop(name, None)
    st.session_state.picked = None


def go_to(choice: ListEvent) -> None:
    """Puts a choice in the list of problems into the address: a problem, or a mode with its first problem."""
    query = st.query_params
    for name in ("samples", "range", "pane", *(("problem",) if choice.mode else ())):
        query.pop(name, None)
    query["mode" if choice.mode else "problem"] = choice.mode or choice.problem or ""


def run_picker(chosen: list[str]) -> list[str]:
    """Draws a select box for each run, the swap and the way to a further run; every change goes to the address."""
    labels = run_labels()

    def change() -> None:
        picked = [st.session_state[f"side-{i}"] for i in range(len(chosen))]
        _remember(list(dict.fromkeys(run for run in picked if run)))

    for i, run in enumerate(chosen):
        # The address rules: after a swap the boxes would otherwise keep their own values.
        st.session_state[f"side-{i}"] = run
        st.selectbox(TAGS[i], list(labels), format_func=lambda run, tag=TAGS[i]: f"{tag}   {labels[run]}",
                     key=f"side-{i}", on_change=change, label_visibility="collapsed", width=210,
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
    """The sentences to read before trusting the comparison: how the runs differ, and which problems are left out."""
    sentences = list(compared.warnings)
    for tag, lacking in zip(TAGS, compared.unpaired, strict=False):
        if lacking:
            sentences.append(f"{lacking} of {tag}'s problems are left out: not every run here holds them.")
    for tag, run in zip(TAGS, compared.runs, strict=False):
        if missing := missing_sentence(run):
            sentences.append(f"{tag}: {missing}")
    return " ".join(sentences)


def mode_chips(compared: Comparison) -> list[Chip]:
    """The list's modes, each with the number of problems it lets through; none for what isn't known of any run."""
    known = any(side.cut is not None for problem in compared.problems for side in problem.sides)
    return [
        Chip(mode.value, label, mode.value, len(compared.listed(mode)))
        for mode, label in _CHIPS.items()
        if known or mode is not ProblemFilter.CUT_OFF
    ]


def item_of(problem: ComparedProblem, mode: ProblemFilter) -> ProblemItem:
    """A problem as the list shows it; in the mode of cue drops with its drop beside it."""
    figure = f"−{problem.cue_drop:,.0f}" if mode is ProblemFilter.CUE_DROP else ""
    return ProblemItem(problem.id, problem.number, problem.question, tuple(s.right for s in problem.sides), figure)


def export_csv(compared: Comparison) -> str:
    """The comparison as CSV: a row for each problem, with the settings that its figures were made by."""
    settings = {"unit": compared.unit, "lexicon": compared.lexicon, "grader": compared.grader}
    settings["loops"] = COUNTED if compared.loops else LEFT_OUT
    runs = {f"run {tag}": f"{run.id} {run.label}" for tag, run in zip(TAGS, compared.runs, strict=False)}
    rows: list[Record] = []
    for problem in compared.problems:
        figures: dict[str, float | None] = {}
        for tag, side in zip(TAGS, problem.sides, strict=False):
            figures |= {f"{name} {tag}": value for name, value in _figures(side).items()}
        row = {"problem": problem.id, "number": problem.number, "gold": answer_text(problem.gold), **settings}
        rows.append({**row, **figures, **runs, "question": problem.question})
    return csv_text(rows)


def _figures(side: Side) -> dict[str, float | None]:
    """A side's figures by the names of their columns, which scripts of readers rely on."""
    return {
        "samples": side.samples, "judged": side.known, "right": side.correct if side.known else None,
        "length": side.length, "cues": side.cues, "per_1k": side.per_1k, "cut": side.cut,
    }  # fmt: skip
