"""Overview: what is in the store, which runs belong side by side, and what to do next."""

import streamlit as st

from backend.services import Pair, RunSummary
from pages.components.chrome import page_header
from pages.components.gate import require_person
from pages.components.notice import notice
from pages.components.panes import sampling_text
from pages.components.quantity import Form, Interval
from pages.components.session import choose_grader, choose_lexicon, missing_cues, run_labels, services, summaries
from pages.components.table import Column, Kind, Lines, Link, Row, Select, data_table

require_person()
MOST_PAIRS = 8


def interval(estimate: object) -> Interval | None:
    """An estimate as a table cell; nothing where there is none."""
    return None if estimate is None else Interval(estimate.value, estimate.low, estimate.high)  # type: ignore[attr-defined]


def run_row(summary: RunSummary, grader: str) -> Row:
    """One run as a row: figures with their intervals."""
    run, judged = summary.run, summary.accuracy[grader]
    unsure = f"{summary.disagree} disputed" if summary.disagree else ""
    return Row(
        run.id,
        {
            "model": Lines(run.info.model, sampling_text(run)),
            "dataset": Lines(run.info.dataset, f"{run.traces:,} traces of {run.problems:,} problems"),
            "accuracy": interval(judged),
            "bar": interval(judged),
            "disputed": unsure,
            "cues": interval(summary.cues),
            "per_1k": interval(summary.per_1k),
            "length": interval(summary.length),
            "unit": run.length_unit,
        },
    )


def pair_row(pair: Pair, figures: dict[str, RunSummary], grader: str) -> Row:
    """One pair as a row: from A to B."""
    a, b = figures[pair.base.id], figures[pair.variant.id]
    right_a, right_b = a.accuracy[grader], b.accuracy[grader]
    return Row(
        f"{pair.base.id},{pair.variant.id}",
        {
            "a": Lines(pair.base.info.model, pair.base.info.dataset),
            "b": Lines(pair.variant.info.model, pair.reason),
            "problems": pair.problems,
            "accuracy_a": right_a and right_a.value,
            "accuracy_b": right_b and right_b.value,
            "cues_a": a.cues.value,
            "cues_b": b.cues.value,
            "open": Link("Compare", action="compare"),
        },
    )


lexicon, figures = None, []
with page_header("What the models doubt"):
    if services().runs.all():
        grader, lexicon = choose_grader(), choose_lexicon()
if lexicon is None:
    st.text("The store is empty. Bring reasoning traces: pairs of a base model and its trained variant form by themselves.")
    if st.button("Import traces", type="primary", icon=":material/upload_file:"):
        st.switch_page("import.py")
    st.text("Or on the command line:")
    st.code("python -m backend import PATH...", language=None)
    st.stop()

figures = summaries(lexicon)
by_id = {summary.run.id: summary for summary in figures}
pairs = [pair for pair in services().runs.pairs() if pair.base.id in by_id and pair.variant.id in by_id]
traces = sum(summary.run.traces for summary in figures)
st.text(
    f"{traces:,} responses in {len(figures):,} runs. Read them, set a base model beside its trained variant, "
    "and see where the doubts went."
)
if lacking := missing_cues(lexicon):
    with st.container(horizontal=True):
        notice(f"{len(lacking)} of the runs hold no cues of this lexicon yet, and count as none.", "warning")
        if st.button("Find them now"):
            with st.spinner("Matching"):
                list(services().lexicons.match_missing())
            st.rerun()

if pairs:
    st.subheader("Side by side", anchor=False)
    shown = pairs if len(pairs) <= MOST_PAIRS or st.session_state.get("all_pairs") else pairs[:MOST_PAIRS]
    event = data_table(
        [
            Column("a", "A"),
            Column("b", "B"),
            Column("problems", "Problems", Kind.NUMBER, Form.COUNT),
            Column("accuracy_a", "Accuracy A", Kind.NUMBER, Form.PERCENT),
            Column("accuracy_b", "Accuracy B", Kind.NUMBER, Form.PERCENT),
            Column("cues_a", "Cues a trace A", Kind.NUMBER),
            Column("cues_b", "Cues a trace B", Kind.NUMBER),
            Column("open", "", Kind.LINKS),
        ],
        [pair_row(pair, by_id, grader) for pair in shown],
        key="pairs",
        caption="Pairs of runs over the same problems",
        select=Select.ROW,
        note="Point estimates; Compare has every interval, paired by problem.",
    )
    if len(pairs) > len(shown):
        st.button(f"Show all {len(pairs)} pairs", key="all_pairs_button", type="tertiary",
                  on_click=lambda: st.session_state.update(all_pairs=True))  # fmt: skip
    if event and event.row:
        st.switch_page("compare.py", query_params={"runs": event.row})

st.subheader("In the store", anchor=False)
columns = [
    Column("model", "Model"),
    Column("dataset", "Data set"),
    Column("accuracy", f"Accuracy ({grader}), 95%", Kind.NUMBER, Form.PERCENT),
    Column("bar", "", Kind.BAR, Form.PERCENT, most=1.0, sortable=False, width="110px"),
    Column("disputed", "Graders"),
    Column("cues", "Cues a trace, 95%", Kind.NUMBER),
    Column("per_1k", "per 1,000, 95%", Kind.NUMBER),
    Column("length", "Length, 95%", Kind.NUMBER, Form.COUNT),
    Column("unit", "unit"),
]
event = data_table(
    columns,
    [run_row(summary, grader) for summary in figures],
    key="runs_table",
    caption="Runs in the store",
    select=Select.ROW,
    note="Intervals resample problems (n = problems of the run). Densities are pooled: all cues over all units of length.",
)
if event and event.row:
    st.switch_page("browse.py", query_params={"run": run_labels()[event.row]})
