"""Series: training runs over their steps, from the trend to one problem at the first step, at any and at the last."""

import streamlit as st

from backend.domain import visible
from backend.report.files import csv_text
from pages.components.charts.chart_view import show
from pages.components.frame.address import go_to
from pages.components.frame.chrome import empty_page, page_header
from pages.components.frame.gate import require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import choose_grader, choose_lexicon, choose_loops, left_out, services
from pages.components.table.table import Select, data_table
from pages.parts.series.series_choice import (
    all_series,
    asked_step,
    based,
    choose_group,
    choose_line,
    choose_series,
    figures_of,
    go_to_row,
)
from pages.parts.series.step_charts import alarm_rows, alarms_in, charts, headline, records, table
from pages.parts.series.step_view import figures, side_by_side, traces

require_person()
header = page_header("Series")
if not all_series():
    empty_page(
        "A series is one training over its steps. Import a training's rollouts or evaluations (a folder of verl, TRL's "
        "completions, a Trackio store; or name series and step on Import), or start a training on Distil: its "
        "evaluations are a series.", "Import traces", "upload_file", "import.py",
    )  # fmt: skip

left_out()
with header:
    grader, lexicon, loops = choose_grader(), choose_lexicon(), choose_loops()
with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="sth-filters"):
    chosen = choose_series()
    if not chosen:
        st.stop()
    lines, group = choose_line(chosen), choose_group()
    lines = based(lines)
with error_notice(stop=True):
    by_name = {series.name: series for series in chosen}
    found = {name: figures_of(by_name[name], line, lexicon, grader, loops, group) for name, line in lines.items()}
first = next(iter(found.values()))
st.header(headline(first) if len(found) == 1 else f"{len(found)} series over their steps", anchor=False)
for name, line in lines.items():
    if known := services().series.caveats(line, lexicon):
        notice(f"{visible(name, 60)}: {' '.join(known)}", "warning", key=f"series-caveats-{name}")

rang = alarms_in(found)
if rang:
    columns, rows = alarm_rows(list(found), rang)
    rung = data_table(columns, rows, key="series-alarms", caption="Alarms", height=200, select=Select.ROW,
                      note="Stated rules against the beginning of each series; a row leads to its step.")  # fmt: skip
    if rung and rung.row:
        go_to_row(rung.row, list(found))

unit = services().series.unit(next(iter(lines.values())))
drawn = charts(found, rang, unit, group)
asked = None
with st.container(horizontal=True, gap="small", key="sth-series-curves"):
    for key, chart in drawn.items():
        place = f"series-{key}"
        with st.container(key=f"sth-series-curve-{key}"):
            picked = show(chart, key=place, file_stem=place, on_select=True)
        # A chart keeps its selection: only a change of it is news.
        if picked and picked != st.session_state.get(f"{place}-seen"):
            asked = picked[0]
        st.session_state[f"{place}-seen"] = picked
if asked:
    line_of = next((name for name in found if str(asked["line"]).startswith(name)), next(iter(found)))
    go_to(of=line_of, step=f"{asked['step']:.0f}")

name, step = asked_step(found)
st.header(f"Step {step.step:,}", anchor=False)
if len(found) > 1:
    st.text(visible(name, 100))
figures(step)
traces(step, grader, lexicon)
side_by_side(found[name], step, grader, lexicon, loops=loops)

with st.expander("Every step as numbers", key="series-numbers", on_change="rerun") as numbers:
    pass
if numbers.open:
    with numbers:
        columns, rows = table(found)
        note = f"Intervals at 95% are over problems; verdicts by {grader}, cues by {lexicon}."
        event = data_table(columns, rows, key="series-table", caption="Steps", height=420, select=Select.ROW, note=note)
        if event and event.row:
            go_to_row(event.row, list(found))
        st.download_button("Every figure as CSV", csv_text(list(records(found))), "series.csv", "text/csv",
                           type="tertiary", icon=":material/download:", on_click="ignore")  # fmt: skip
