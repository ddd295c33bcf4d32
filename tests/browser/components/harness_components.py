"""A small app that draws the shared components with values known to the tests. `?view=` chooses which."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import streamlit as st

from backend.domain import Group
from backend.measure.paired import Flips
from backend.report.numbers import Change, Form, Interval
from pages.components.charts import pair_charts
from pages.components.charts.chart_view import picked_range, show
from pages.components.frame import chrome
from pages.components.table.table import Select, data_table
from pages.components.table.table_model import Column, Kind, Lines, Link, Row
from pages.components.viewer.problem_list import ListFilter, ProblemItem, problem_list

HOSTILE = [
    "<script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    "<img src='http://198.51.100.7/pixel.png'>",
    "[click](javascript:window.hacked=1)",
    "javascript:window.hacked=1",
    "</script><style>body{display:none}</style>",
    "![x](http://198.51.100.7/a.png) **bold** $x^2$ :material/home:",
    '<a href="javascript:window.hacked=1">link</a> <b>bold</b> &lt;b&gt;',
    "right\u202egnorw\u202c",
    "\x1b[31mred\x1b[0m",
    "%{x} {{constructor}} ${alert(1)}",
]
NAMES = ["lab base", "SFT on its own traces", "SFT with the solution shown", "self-distilled", "GRPO"]
ACCURACY = [
    (0.578, 0.525, 0.630),
    (0.675, 0.623, 0.722),
    (0.308, 0.258, 0.355),
    (0.252, 0.208, 0.300),
    (0.670, 0.618, 0.722),
]
CUES = [7.1, 7.4, 0.1, 0.04, 7.2]

RUN_COLUMNS = [
    Column("run", "run · 200 held-out problems"),
    Column("accuracy", "accuracy, 95%", Kind.BAR, Form.PERCENT, most=1.0),
    Column("cues", "doubts a trace", Kind.NUMBER),
    Column("verdict", "verdict", Kind.VERDICT),
    Column("links", "", Kind.LINKS),
]


def run_rows(current: str | None) -> list[Row]:
    """The table of the first screen."""
    rows = []
    for at, (name, (value, low, high), cues) in enumerate(zip(NAMES, ACCURACY, CUES, strict=True)):
        cells = {
            "run": Lines(name, "AIME 2024 · greedy" if at % 2 else "", f"/browse?run=r{at}"),
            "accuracy": Interval(value, low, high) if at != 3 else Interval(None),
            "cues": cues,
            "verdict": (True, False, None)[at % 3],
            "links": [Link("Compare", "/compare?a=r0", "compare"), Link("Delete", action="delete")],
        }
        rows.append(Row(f"r{at}", cells, current=f"r{at}" == current))
    return rows


def problems(count: int) -> list[ProblemItem]:
    """Questions of the length real ones have."""
    draw = random.Random(7)
    stems = [
        "Every morning Aya goes for a walk",
        "Let $ABC$ be a triangle inscribed in circle",
        "Find the number of triples",
    ]
    return [
        ProblemItem(
            f"p{i}", i, f"{stems[i % 3]} {i} and more words that do not fit", (draw.random() < 0.4, draw.random() < 0.7)
        )
        for i in range(1, count + 1)
    ]


MODES = [
    ListFilter("all", "All", "all problems", 30),
    ListFilter("up", "✗→✓", "wrong to right", 14),
    ListFilter("down", "✓→✗", "right to wrong", 0),
    ListFilter("wrong", "✗✗", "both wrong", 12),
    ListFilter("drop", "doubt ↓", "largest cue drop"),
    ListFilter("cut", "cut off", "cut off", 5),
]
STRIP = [
    chrome.BigNumber("Accuracy", 0.133, 0.600, Change(0.467, 0.267, 0.633), Form.PERCENT, n=30),
    chrome.BigNumber("Doubts a trace", 13.5, 364.8, Change(351.3, 262, 449)),
    chrome.BigNumber("per 1,000 words", 2.4, 24.9, Change(22.5, 19.8, 25.3)),
    chrome.BigNumber("Length, words", 2402, 7211, Change(3.0, 2.0, 4.6, ratio=True), Form.COUNT),
    chrome.BigNumber("Cut off", 0.13, 0.27, Change(0.14, -0.03, 0.30), Form.PERCENT),
]


def tables() -> None:
    """Runs, a page of traces sorted by the server, a table with check boxes, an empty one."""
    chrome.page_header("Overview", "5 runs · 1,000 traces").button("Import", key="import", type="primary")
    chrome.numbers_strip(STRIP)
    st.header("In the store", anchor=False)
    shown = st.session_state.get("current")
    event = data_table(
        RUN_COLUMNS,
        run_rows(shown),
        key="runs",
        caption="Runs",
        select=Select.ROW,
        note="Both ways of writing were trained into this small model.",
    )
    report("runs", event)
    if event and event.kind == "row":
        st.session_state["current"] = event.row
    order = st.session_state.get("order", ("n", True))
    numbers = sorted(range(1, 51), reverse=order[1])
    rows = [Row(str(n), {"text": f"trace {n}", "n": n}) for n in numbers]
    columns = [Column("text", "trace"), Column("n", "length", Kind.NUMBER, Form.COUNT)]
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Traces", anchor=False)
        event = data_table(
            columns,
            rows,
            key="traces",
            caption="Traces",
            select=Select.ROW,
            sorted_by=order,
            height=240,
        )
        report("traces", event)
    if event and event.kind == "sort" and event.column:
        st.session_state["order"] = (event.column, event.descending)
        st.rerun()
    with right:
        st.header("Choose runs", anchor=False)
        event = data_table(
            RUN_COLUMNS[:1],
            run_rows(None),
            key="many",
            caption="Choose runs",
            select=Select.MANY,
            checked=st.session_state.get("checked", ()),
        )
        if event and event.kind == "check":
            st.session_state["checked"] = event.checked
        report("many", event)
        data_table(
            RUN_COLUMNS[:3], [], key="empty", caption="Empty", empty="No run yet. Import evaluation files to begin."
        )


def compare() -> None:
    """The rail of problems beside something tall."""
    chrome.page_header("Compare", "AIME 2024 · greedy · 30 pairs")
    chrome.numbers_strip(STRIP)
    count = int(st.query_params.get("n", "30"))
    items = problems(count)
    mode = st.session_state.get("mode", "all")
    if mode == "wrong":
        items = [item for item in items if item.verdicts == (False, False)]
    rail, work = st.columns([236, 900], gap="medium")
    with rail:
        event = problem_list(items, MODES, key="list", selected=st.session_state.get("problem", "p5"), mode=mode)
    if event:
        st.session_state["problem"] = event.problem or st.session_state.get("problem", "p5")
        st.session_state["mode"] = event.mode or mode
        st.session_state["events"] = st.session_state.get("events", 0) + 1
        st.rerun()
    with work:
        st.text(
            f"Problem {st.session_state.get('problem', 'p5')}, mode {mode}, events {st.session_state.get('events', 0)}"
        )
        st.text_input("Notes", key="notes")


def chart_set() -> list[tuple[str, pair_charts.Chart]]:
    """Every chart, with values of the size real ones have."""
    draw = random.Random(3)
    pairs = [(draw.gammavariate(2, 6), draw.gammavariate(4, 8)) for _ in range(120)]
    words = ["wait", "hmm", "maybe", "let me check", "alternatively", "I'm not sure", "actually", "perhaps", "hold on"]
    kinds = list(Group)
    changes = [
        pair_charts.WordDifference(
            w,
            kinds[i % 6],
            Interval((i - 3) * 1.7, (i - 3) * 1.7 - 1.2, (i - 3) * 1.7 + 1.2),
            0.001 if abs(i - 3) > 1 else 0.4,
        )
        for i, w in enumerate(words)
    ]
    groups = {
        g: (Interval(2.0 + i, 1.5 + i, 2.5 + i), Interval(4.0 + 2 * i, 3.0 + 2 * i, 5.0 + 2 * i))
        for i, g in enumerate(Group)
    }
    runs = [
        pair_charts.RunAccuracy(n, Interval(*a), 200, ("A", "", "", "B", "")[i])
        for i, (n, a) in enumerate(zip(NAMES, ACCURACY, strict=True))
    ]
    return [
        ("cues", pair_charts.distributions(pairs, measure="Doubts per 1,000 words", unit="per 1,000 words")),
        ("words", pair_charts.word_bars(changes, unit="uses a trace")),
        ("groups", pair_charts.group_bars(groups, unit="per 1,000 words")),
        ("flips", pair_charts.flip_bars(Flips(4, 12, 0, 14, 0.0001))),
        ("accuracy", pair_charts.accuracy_dots(runs)),
    ]


def draw_charts() -> None:
    """All charts; the distributions can be picked from."""
    chrome.page_header("Charts")
    made = dict(chart_set())
    picked = show(made["cues"], key="cues", file_stem="cues A/B", on_select=True)
    report("picked", picked_range(picked))
    left, right = st.columns(2, gap="large")
    for column, names in ((left, ("words", "flips")), (right, ("groups", "accuracy"))):
        with column:
            for name in names:
                show(made[name], key=name, file_stem=name)


def hostile() -> None:
    """The same battery through every component that shows text."""
    chrome.page_header("Hostile", HOSTILE[0])
    rows = [
        Row(f"<{i}>", {"text": Lines(text, text), "links": Link(text, action="go")}) for i, text in enumerate(HOSTILE)
    ]
    columns = [Column("text", HOSTILE[7]), Column("links", "", Kind.LINKS)]
    data_table(columns, rows, key="hostile", caption=HOSTILE[1], select=Select.ROW, note=HOSTILE[2])
    items = [ProblemItem(f'"{i}"', i, text, (True, None)) for i, text in enumerate(HOSTILE)]
    problem_list(
        items, [ListFilter("all", HOSTILE[1], HOSTILE[1], 1)], key="list", selected=None, mode="all", height=420
    )
    runs = [pair_charts.RunAccuracy(text, Interval(0.5, 0.4, 0.6), 3) for text in HOSTILE]
    show(pair_charts.accuracy_dots(runs), key="dots", file_stem=HOSTILE[0])
    words = [pair_charts.WordDifference(text, Group.HEDGE, Interval(1.0, 0.5, 1.5), 0.01) for text in HOSTILE]
    show(pair_charts.word_bars(words, unit="uses a trace"), key="words", file_stem="words")


def report(name: str, value: object) -> None:
    """What the server got, for the test to read."""
    if value is not None:
        st.session_state[f"said-{name}"] = repr(value)
    with st.container(key=f"said-{name}"):
        st.text(json.dumps({name: st.session_state.get(f"said-{name}")}, ensure_ascii=False))


def main() -> None:
    """The shell of the harness: a page for each view."""
    chrome.configure_page()
    chrome.load_style()
    chrome.sidebar_foot("Local · not signed in")
    views = {"tables": tables, "compare": compare, "charts": draw_charts, "hostile": hostile}
    pages = [
        st.Page(view, title=name.capitalize(), url_path=name, icon=":material/article:", default=name == "tables")
        for name, view in views.items()
    ]
    st.navigation(pages).run()


if __name__ == "__main__":
    main()
