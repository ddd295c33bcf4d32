"""Browse: all traces, filtered, sorted and paged by the store; a row opens the Reader."""

from collections import Counter

import streamlit as st

from backend.domain import SearchAs, TraceFilter
from pages.components.frame.address import absent, go_to
from pages.components.frame.chrome import empty_page, page_header
from pages.components.frame.gate import require_person
from pages.components.frame.notice import error_notice
from pages.components.frame.session import choose_grader, choose_lexicon, left_out, run_labels, runs, services
from pages.components.table.table import Select, data_table
from pages.components.viewer.trace_table import TRACE_COLUMNS, trace_row
from pages.parts.browse.export_menu import export_menu

require_person()
LOOPS = ("with loops", "without loops")
VERDICTS = ("right", "wrong", "unknown", "disputed")


def first_page() -> None:
    """Goes back to the first page, because another filter or order lists other traces."""
    st.session_state.page = 1


def bound(label: str, key: str, **more: object) -> float | None:
    """Draws a number field that is kept in the address; empty means no bound."""
    return st.number_input(label, value=None, min_value=0.0, key=key, bind="query-params", on_change=first_page,
                           placeholder="any", format="%g", **more)  # type: ignore[call-overload]  # fmt: skip


header = page_header("Browse")
with header:
    grader, lexicon = choose_grader(), choose_lexicon()
if not runs():
    empty_page("There is nothing to browse yet.", "Import traces", "upload_file", "import.py")

left_out()
labels = run_labels()
by_label = {label: run for run, label in labels.items()}
datasets = Counter(run.info.dataset for run in runs().values())
# Looked at before the fields are drawn: they take what they don't know out of the address, and would filter nothing.
absent("run", st.query_params.get_all("run"), by_label, "Nothing is filtered by it.")
absent("data set", st.query_params.get_all("dataset"), datasets, "Nothing is filtered by it.")
with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="sth-filters"):
    chosen = st.multiselect("Runs", sorted(by_label), key="run", bind="query-params", on_change=first_page,
                            placeholder="all runs", width=250)  # fmt: skip
    dataset = st.selectbox("Data set", sorted(datasets), index=None, key="dataset", bind="query-params",
                           on_change=first_page, placeholder="all", width=110)  # fmt: skip
    verdict = st.selectbox("Verdict", VERDICTS, index=None, key="verdict", bind="query-params",
                           on_change=first_page, placeholder="any", width=100)  # fmt: skip
    finish = st.selectbox("Ending", ["finished", "cut off"], index=None, key="ending", bind="query-params",
                          on_change=first_page, placeholder="any", width=100)  # fmt: skip
    search = st.text_input("Search the text", key="q", bind="query-params", on_change=first_page, type="search",
                           placeholder="a word, a phrase, a pattern", width=200)  # fmt: skip
    kind = st.segmented_control("Search as", [s.value for s in SearchAs], default="text", required=True, key="as",
                                bind="query-params", on_change=first_page)  # fmt: skip
    # A closed popover hides filters that narrow the list: its label counts them.
    hidden = sum(name in st.query_params for name in ("min", "max", "dmin", "dmax", "entry", "loops"))
    with st.popover(f"More · {hidden} set" if hidden else "More", icon=":material/tune:", key="more"):
        left, right = st.columns(2)
        with left:
            low, dense = bound("Words from", "min"), bound("Cues per 1,000 from", "dmin")
        entries = [entry.name for entry in services().lexicons.get(lexicon).entries]
        entry = st.selectbox("Holds a cue of", entries, index=None, key="entry", bind="query-params",
                             on_change=first_page, placeholder="any entry of the lexicon")  # fmt: skip
        loops = st.selectbox("Loops", LOOPS, index=None, key="loops", bind="query-params", on_change=first_page,
                             placeholder="any", help="A loop is a stretch that repeats itself.")  # fmt: skip
        with right:
            high, sparse = bound("Words to", "max"), bound("Cues per 1,000 to", "dmax")

wanted = TraceFilter(
    runs=tuple(by_label[label] for label in chosen if label in by_label), dataset=dataset,
    grader=grader, lexicon=lexicon,
    min_words=None if low is None else int(low), max_words=None if high is None else int(high),
    min_density=dense, max_density=sparse, cut=None if finish is None else finish == "cut off",
    entry=entry or "", search=search or "", search_as=SearchAs(kind or "text"),
    correct={"right": True, "wrong": False}.get(verdict or ""), unknown=verdict == "unknown",
    disagree=verdict == "disputed", looping=None if loops is None else loops == LOOPS[0],
)  # fmt: skip
# The order is the store's: the table holds one page of it and couldn't sort the rest.
sort = st.query_params.get("sort", "run")
descending = sort.startswith("-")
asked = st.session_state.get("page") or st.query_params.get("page", "")  # its field stands below the table
page_number = int(asked) if str(asked).isdecimal() else 1
with error_notice(stop=True):  # a pattern that is no regular expression, a column that is none
    found = services().trace_list.page(wanted, page_number, sort.removeprefix("-"), descending)

with header:
    st.text(f"{found.total:,} traces")
    export_menu(wanted, found.total)
event = data_table(
    TRACE_COLUMNS, [trace_row(listed) for listed in found.rows], key="traces", caption="Traces", select=Select.ROW,
    sorted_by=(sort.removeprefix("-"), descending),
    empty="No trace passes these filters.", note=f"Verdicts by {grader}; cues by {lexicon}.",
)  # fmt: skip
with st.container(horizontal=True, vertical_alignment="center", key="sth-pages"):
    if found.pages > 1:
        st.number_input(
            "Page", 1, found.pages, key="page", bind="query-params", width=130, label_visibility="collapsed"
        )
        st.text(f"of {found.pages:,}")
if event and event.kind == "sort":
    go_to(sort=("-" if event.descending else "") + (event.column or "run"))
if event and event.row:
    st.switch_page("reader.py", query_params={"trace": event.row})
