"""Reader: one trace with its cues marked and its tokens coloured, its verdicts, its source and its forks."""

import json
from dataclasses import replace

import streamlit as st

from backend.report.numbers import answer_text
from pages.components.frame.chrome import empty_page, page_header
from pages.components.frame.gate import require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import choose_grader, choose_lexicon, run_labels, services
from pages.components.live.token_jobs import go_on_dialog, regenerate, score_with
from pages.components.viewer.panes import pane_of
from pages.components.viewer.trace_view import Options, read_range, trace_view
from pages.parts.reader.token_controls import token_controls
from pages.parts.reader.token_forks import children, open_trace, parent_line

require_person()
trace_id = st.query_params.get("trace", "")
header = page_header("Reader")
if not trace_id:
    empty_page(
        "Choose a trace in Browse, or a problem in Compare: it opens here.", "Browse traces", "list", "browse.py"
    )

with header:
    back, onward = services().traces.neighbours(trace_id)
    for name, icon, target in (("Previous", "chevron_left", back), ("Next", "chevron_right", onward)):
        if st.button(name, icon=f":material/{icon}:", type="tertiary", disabled=target is None):
            open_trace(target or "")
    grader, lexicon = choose_grader(), choose_lexicon()

with error_notice(stop=True):
    trace = services().traces.open(trace_id, services().lexicons.get(lexicon).id)

with st.container(key="sth-question"):
    st.text(f"Problem {trace.number}   {trace.question}")
    st.text(f"gold {answer_text(trace.gold)}" if trace.gold is not None else "no gold answer")
if parent := services().traces.parent(trace.id):
    parent_line(parent, grader)

with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    others = [run for run in services().traces.runs_with(trace.problem) if run != trace.run.id]
    labels = run_labels()
    if others:
        with st.popover("Compare with", icon=":material/compare:"):
            for other in others:
                if st.button(labels[other], key=f"with-{other}", type="tertiary"):
                    st.switch_page(
                        "compare.py", query_params={"runs": f"{trace.run.id},{other}", "problem": trace.problem}
                    )
    with st.popover("Verdicts", icon=":material/gavel:"):
        for verdict in trace.verdicts:
            word = {True: "right", False: "wrong", None: "unknown"}[verdict.correct]
            st.text(
                f"{verdict.grader}: {word}, answer {verdict.answer or '–'}"
                + (f" ({verdict.note})" if verdict.note else "")
            )
        if trace.disagreement:
            notice(trace.disagreement, "warning")
    with st.popover("Source", icon=":material/folder_open:"):
        st.text(f"{trace.source}, row {trace.source_row}")
        st.text(f"file sha256 {trace.source_sha256}\ntext sha256 {trace.text_sha256}\ntrace {trace.id}")
        if trace.run.info.note:
            st.text(trace.run.info.note)
        if not trace.roles_known:
            notice("The source doesn't say which part is the prompt and which the response's thinking.", "info")
        st.text("Everything else the source says of it:")
        # Fields of a file may be as long as the trace itself, and the popover's body is sent even while it is closed.
        st.code(json.dumps(trace.extra, ensure_ascii=False, indent=1)[:20_000], language=None, height=300)
    score_with(trace.run)
    regenerate(trace.problem, [trace.run])
    layer = token_controls(trace)

# Without the link to the Reader that a pane has on every other page.
pane = replace(pane_of(trace, grader, link=False), tokens=layer)
forks = services().traces.forks(trace.id)
options = Options(go_on=True, reserve=48 if forks else 16)  # the height left below the viewer for the list of forks
view = trace_view([pane], key="reader", active=read_range(st.query_params.to_dict(), [pane]), options=options)
children(forks, grader)
if view.go_on:
    go_on_dialog(trace, view.go_on.at)
