"""The two tables of the overview: pairs of runs, and runs with their figures.

Owns which figures a line shows. Knows nothing of how they are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from backend.measure.bootstrap import Estimate
from backend.report.numbers import Form, Interval, interval_text, number
from backend.services.traces.run_pairs import Pair
from backend.services.traces.runs import RunSummary
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, Link, Row
from pages.components.viewer.panes import sampling_text

MOST_PAIRS = 6


def pair_table(pairs: Sequence[Pair], figures: Mapping[str, RunSummary], grader: str) -> str | None:
    """Pairs found, the surest first; returns "A,B" (run ids) of the one a person opened."""
    everything = bool(st.session_state.get("all_pairs")) or len(pairs) <= MOST_PAIRS
    shown = pairs if everything else pairs[:MOST_PAIRS]
    columns = [
        Column("a", "A"),
        Column("b", "B"),
        Column("problems", "Problems", Kind.NUMBER, Form.COUNT),
        Column("accuracy_a", "Accuracy A", Kind.NUMBER, Form.PERCENT),
        Column("accuracy_b", "Accuracy B", Kind.NUMBER, Form.PERCENT),
        Column("cues_a", "Cues a trace A", Kind.NUMBER),
        Column("cues_b", "Cues a trace B", Kind.NUMBER),
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
            "accuracy_a": _interval(a.accuracy[grader]),
            "accuracy_b": _interval(b.accuracy[grader]),
            "cues_a": _interval(a.cues),
            "cues_b": _interval(b.cues),
            "open": Link("Compare", action="compare"),
        },
    )


def run_table(figures: Sequence[RunSummary], grader: str) -> str | None:
    """Every run with accuracy, cues, density and length; returns the id of the one a person opened."""
    columns = [
        Column("model", "Model", width="24%"),
        Column("dataset", "Data set", width="15%"),
        Column("accuracy", f"Accuracy by {grader}", Kind.BAR, Form.PERCENT, most=1.0, width="23%"),
        Column(
            "disputed", "Disputed", Kind.NUMBER, Form.COUNT, help="Traces on which the graders contradict each other"
        ),
        Column("cues", "Cues a trace", Kind.NUMBER),
        Column("per_1k", "per 1,000", Kind.NUMBER, help="All cues over all words (tokens where the run has them)"),
        Column("length", "Length", Kind.NUMBER, Form.COUNT),
        Column("unit", "in", width="64px"),
    ]
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
            "dataset": Lines(run.info.dataset, _traces_text(summary)),
            "accuracy": _interval(summary.accuracy[grader]),
            "disputed": summary.disagree or None,
            "cues": _interval(summary.cues),
            "per_1k": _interval(summary.per_1k),
            "length": _interval(summary.length),
            "unit": run.length_unit,
        },
    )


def _traces_text(summary: RunSummary) -> str:
    """How many traces and problems; with several samples a problem, pass@k for the largest k as well."""
    run = summary.run
    text = f"{run.traces:,} traces, n = {run.problems:,}"
    k = max(summary.pass_k, default=1)
    if k > 1 and (chance := summary.pass_k[k]):
        text += (
            f" · pass@{k} {number(chance.value, Form.PERCENT)} {interval_text(chance.low, chance.high, Form.PERCENT)}"
        )
    return text


def _interval(estimate: Estimate | None) -> Interval | None:
    return Interval(estimate.value, estimate.low, estimate.high) if estimate else None
