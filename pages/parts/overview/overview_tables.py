"""The two tables of the page Overview: pairs of runs over the same problems, and all runs with their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from backend.report.numbers import Form, interval_text, number
from backend.services.traces.losses import answered_text
from backend.services.traces.run_pairs import Pair
from backend.services.traces.runs import RunSummary
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, Link, Row, interval_cell
from pages.components.viewer.panes import sampling_text

MOST_PAIRS = 6


def pair_table(pairs: Sequence[Pair], figures: Mapping[str, RunSummary], grader: str) -> str | None:
    """Draws the pairs in their order; returns "A,B" (run ids) of the one a person opened."""
    # "Show all" stands below the table: its press is known from the session in the run that draws the whole table.
    everything = bool(st.session_state.get("all_pairs")) or len(pairs) <= MOST_PAIRS
    shown = pairs if everything else pairs[:MOST_PAIRS]
    columns = [
        Column("a", "A"),
        Column("b", "B"),
        Column("problems", "Problems", Kind.NUMBER, Form.COUNT),
        Column("accuracy_a", "Accuracy A", Kind.NUMBER, Form.PERCENT),
        Column("accuracy_b", "Accuracy B", Kind.NUMBER, Form.PERCENT),
        Column("cues_a", "Cues per trace A", Kind.NUMBER),
        Column("cues_b", "Cues per trace B", Kind.NUMBER),
        Column("open", "", Kind.LINKS),
    ]
    rows = [_pair_row(pair, figures, grader) for pair in shown]
    event = data_table(columns, rows, key="pairs", caption="Pairs of runs over the same problems", select=Select.ROW)
    if not everything:
        st.button(f"Show all {len(pairs)} pairs", key="more_pairs", type="tertiary",
                  on_click=lambda: st.session_state.update(all_pairs=True))  # fmt: skip
    return event.row if event else None


def _pair_row(pair: Pair, figures: Mapping[str, RunSummary], grader: str) -> Row:
    a, b = figures[pair.base.id], figures[pair.variant.id]
    return Row(
        f"{pair.base.id},{pair.variant.id}",
        {
            "a": Lines(pair.base.info.model, pair.base.info.dataset),
            "b": Lines(pair.variant.info.model, f"{pair.reason} A" if pair.reason == "trained from" else pair.reason),
            "problems": pair.problems,
            "accuracy_a": interval_cell(a.accuracy[grader]),
            "accuracy_b": interval_cell(b.accuracy[grader]),
            "cues_a": interval_cell(a.cues),
            "cues_b": interval_cell(b.cues),
            "open": Link("Compare", action="compare"),
        },
    )


def run_table(figures: Sequence[RunSummary], grader: str) -> str | None:
    """Draws every run with accuracy, cues, density and length; returns the id of the one a person opened."""
    columns = [
        Column("model", "Model", width="24%"),
        Column("dataset", "Data set", width="15%"),
        Column("accuracy", f"Accuracy by {grader}", Kind.BAR, Form.PERCENT, most=1.0, width="23%"),
        Column("disputed", "Disputed", Kind.NUMBER, Form.COUNT),
        Column("cues", "Cues per trace", Kind.NUMBER),
    ]
    # A column a unit: 300 tokens and 300 words under one heading would be compared, and sorted, as the same.
    for unit in sorted({summary.run.length_unit for summary in figures}):
        columns.append(Column(f"per_1k_{unit}", f"per 1,000 {unit}", Kind.NUMBER))
        columns.append(Column(f"length_{unit}", f"Length, {unit}", Kind.NUMBER, Form.COUNT))
    rows = [_run_row(summary, grader) for summary in figures]
    note = "95% intervals in grey resample problems; n is the run's problems. A row opens its traces."
    event = data_table(columns, rows, key="runs_table", caption="Runs in the store", select=Select.ROW, note=note)
    return event.row if event else None


def _run_row(summary: RunSummary, grader: str) -> Row:
    run = summary.run
    return Row(
        run.id,
        {
            "model": Lines(run.info.model, sampling_text(run)),
            "dataset": Lines(run.info.dataset, _traces_text(summary, grader)),
            "accuracy": interval_cell(summary.accuracy[grader]),
            # None shows as a dash: a column of zeros would hide the few runs with a dispute.
            "disputed": summary.disagree or None,
            "cues": interval_cell(summary.cues),
            f"per_1k_{run.length_unit}": interval_cell(summary.per_1k),
            f"length_{run.length_unit}": interval_cell(summary.length),
        },
    )


def _traces_text(summary: RunSummary, grader: str) -> str:
    """The numbers of traces and problems, of graded ones where not all are; of several samples also pass@k."""
    run = summary.run
    text = f"{answered_text(run)}, n = {run.problems:,}"
    if 0 < (count := summary.graded[grader]) < run.traces:
        text += f" · {count:,} graded"
    k = max(summary.pass_k, default=1)
    if k > 1 and (chance := summary.pass_k[k]):
        text += (
            f" · pass@{k} {number(chance.value, Form.PERCENT)} {interval_text(chance.low, chance.high, Form.PERCENT)}"
        )
    return text
