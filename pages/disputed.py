"""Disputed: the traces that two graders judge differently, each with the reason; a row opens the Reader."""

import streamlit as st

from backend.report.files import csv_text
from backend.report.glossary import GRADER_MEANINGS
from backend.services.traces.disputes import PAIRS, Dispute
from pages.components.frame.chrome import empty_page, page_header
from pages.components.frame.gate import require_person
from pages.components.frame.session import disputes, left_out, run_labels, runs
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, rows_of

require_person()
SHOWN = 200
NAMES = {" and ".join(pair): pair for pair in PAIRS}


def problem_cell(dispute: Dispute) -> Lines:
    """A dispute's problem, and under it its run."""
    question = " ".join(dispute.question.split())
    run, number = runs()[dispute.run].info, f"{dispute.number}. {question[:80]}" + ("…" if len(question) > 80 else "")
    return Lines(number, f"{run.model} · {run.dataset} · sample {dispute.sample + 1}")


def export_csv(found: tuple[Dispute, ...]) -> str:
    """Every dispute as CSV, with both answers whole."""
    return csv_text(
        [
            {
                **{"trace": each.trace, "run": run_labels()[each.run], "problem": each.number, "gold": each.gold},
                **{"grader A": each.first.grader, "right A": each.first.correct, "answer A": each.first.answer},
                **{"grader B": each.second.grader, "right B": each.second.correct, "answer B": each.second.answer},
                **{"reason": each.reason, "question": each.question},
            }
            for each in found
        ]
    )


header = page_header("Disputed")
if not runs():
    empty_page("There are no traces yet, and so nothing to dispute.", "Import traces", "upload_file", "import.py")

left_out()
by_label = {label: run for run, label in run_labels().items()}
with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="sth-filters"):
    pair = st.selectbox(
        "Graders", list(NAMES), key="graders", bind="query-params", width=230,
        help="  \n".join(f"{name}: {meaning}" for name, meaning in GRADER_MEANINGS.items()),
    )  # fmt: skip
    chosen = st.multiselect("Runs", sorted(by_label), key="run", bind="query-params", placeholder="all runs", width=420)
first, second = NAMES[pair or next(iter(NAMES))]
found = disputes([by_label[label] for label in chosen], first, second)
count = len(found.rows)
header.text(f"{count:,} of {found.judged:,} traces that both judge" if found.judged else "none")

columns = [
    Column("problem", "Problem", width="30%", of=problem_cell),
    Column("gold", "Gold", width="10%", of=lambda each: each.gold[:60] or "–"),
    Column("first", first, Kind.VERDICT, of=lambda each: each.first.correct),
    Column("first_answer", "its answer", width="12%", of=lambda each: (each.first.answer or "–")[:60]),
    Column("second", second, Kind.VERDICT, of=lambda each: each.second.correct),
    Column("second_answer", "its answer", width="12%", of=lambda each: (each.second.answer or "–")[:60]),
    Column("reason", "Why they differ", width="24%", of=lambda each: each.reason),
]
event = data_table(
    columns, rows_of(columns, found.rows[:SHOWN], lambda each: each.trace), key="disputes",
    caption="Disputed traces", select=Select.ROW, empty="These two contradict each other on no trace that both judge.",
    note=f"The first {SHOWN:,} of {count:,}; the CSV holds all." if count > SHOWN else "A row opens the trace.",
)  # fmt: skip
if found.rows:
    st.download_button("Export every dispute as CSV", export_csv(found.rows), "disputed.csv", "text/csv",
                       icon=":material/download:")  # fmt: skip
if event and event.row:
    st.switch_page("reader.py", query_params={"trace": event.row})
