"""The two tables of the page Overview: pairs of runs over the same problems, and all runs with their figures."""

from collections.abc import Mapping, Sequence

import streamlit as st

from backend.domain import Run
from backend.measure.run_figures import LOOPED
from backend.report.numbers import Form, Interval, interval_text, number
from backend.services.traces.losses import answered_text
from backend.services.traces.run_pairs import Pair
from backend.services.traces.runs import RunSummary
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, Link, Row, interval_cell, rows_of
from pages.components.viewer.panes import sampling_text

MOST_PAIRS = 6


def pair_table(pairs: Sequence[Pair], figures: Mapping[str, RunSummary], grader: str, loops: bool = True) -> str | None:
    """Draws the pairs in their order; returns "A,B" (run ids) of the one a person opened."""
    # "Show all" stands below the table: its press is known from the session in the run that draws the whole table.
    everything = bool(st.session_state.get("all_pairs")) or len(pairs) <= MOST_PAIRS
    shown = pairs if everything else pairs[:MOST_PAIRS]
    columns = [
        Column("a", "A", of=lambda pair: Lines(pair.base.info.model, pair.base.info.dataset)),
        Column("b", "B", of=lambda pair: Lines(
            pair.variant.info.model, f"{pair.reason} A" if pair.reason == "trained from" else pair.reason)),
        Column("problems", "Problems", Kind.NUMBER, Form.COUNT, of=lambda pair: pair.problems),
        Column("accuracy_a", "Accuracy A", Kind.NUMBER, Form.PERCENT,
               of=lambda pair: interval_cell(figures[pair.base.id].accuracy[grader])),
        Column("accuracy_b", "Accuracy B", Kind.NUMBER, Form.PERCENT,
               of=lambda pair: interval_cell(figures[pair.variant.id].accuracy[grader])),
        Column("cues_a", "Cues per trace A", Kind.NUMBER, of=lambda pair: _cues_cell(figures[pair.base.id], loops)),
        Column("cues_b", "Cues per trace B", Kind.NUMBER, of=lambda pair: _cues_cell(figures[pair.variant.id], loops)),
        Column("open", "", Kind.LINKS, of=lambda pair: Link("Compare", action="compare")),
    ]  # fmt: skip
    rows = rows_of(columns, shown, lambda pair: f"{pair.base.id},{pair.variant.id}")
    event = data_table(columns, rows, key="pairs", caption="Pairs of runs over the same problems", select=Select.ROW)
    if not everything:
        st.button(f"Show all {len(pairs)} pairs", key="more_pairs", type="tertiary",
                  on_click=lambda: st.session_state.update(all_pairs=True))  # fmt: skip
    return event.row if event else None


def run_table(
    figures: Sequence[RunSummary], grader: str, loops: bool = True, damaged: Sequence[tuple[Run, str]] = ()
) -> str | None:
    """Draws every run with accuracy, cues, density and length; returns the id of the one a person opened.

    Without `loops` cues, density and length are of what lies outside loops. Damaged runs come last, with what is wrong
    and how to mend it.
    """
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
    rows = [_run_row(summary, grader, loops) for summary in figures]
    for run, why in damaged:
        model, dataset = Lines(run.info.model, f"damaged: {why}"), Lines(run.info.dataset, "in no figure")
        rows.append(Row(run.id, {"model": model, "dataset": dataset}))
    note = "95% intervals in grey are over problems; n is the run's problems. A row opens its traces."
    event = data_table(columns, rows, key="runs_table", caption="Runs in the store", select=Select.ROW, note=note)
    return event.row if event else None


def _cues_cell(summary: RunSummary, loops: bool) -> Interval | None:
    """Cues per trace, and under it what a mean hides: the median, and how much one trace or its loops hold of it."""
    if not loops:
        median = f"median {number(summary.median_free_cues, Form.DECIMAL)}"
        return interval_cell(summary.free.cues if summary.free else None, median)
    notes = [f"median {number(summary.median_cues, Form.DECIMAL)}"]
    if (summary.in_loops or 0) > LOOPED:
        notes.append(f"{summary.in_loops:.0%} in loops")
    if (summary.largest or 0) > LOOPED:
        notes.append(f"{summary.largest:.0%} in one trace")
    return interval_cell(summary.cues, " · ".join(notes))


def _run_row(summary: RunSummary, grader: str, loops: bool) -> Row:
    run = summary.run
    median = f"median {number(summary.median_length if loops else summary.median_free_length, Form.COUNT)}"
    shown = summary if loops else summary.free
    return Row(
        run.id,
        {
            "model": Lines(run.info.model, sampling_text(run)),
            "dataset": Lines(run.info.dataset, _traces_text(summary, grader)),
            "accuracy": interval_cell(summary.accuracy[grader]),
            # None shows as a dash: a column of zeros would hide the few runs with a dispute.
            "disputed": summary.disagree or None,
            "cues": _cues_cell(summary, loops),
            f"per_1k_{run.length_unit}": interval_cell(shown.per_1k if shown else None),
            f"length_{run.length_unit}": interval_cell(shown.length if shown else None, median),
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
