"""What can be done with the runs that are ticked: open their traces, compare them, delete them."""

from collections.abc import Sequence

import streamlit as st

from backend.domain import Run
from pages.components.frame.session import run_labels, services
from pages.parts.runs.deletion import confirm_runs


def ticked_runs(ticked: Sequence[Run]) -> None:
    """Draws the actions on these runs."""
    ids = [run.id for run in ticked]
    # One run alone is compared with the one it belongs beside, if there is one.
    pairs = services().runs.pairs() if len(ids) == 1 else []
    beside = [f"{pair.base.id},{pair.variant.id}" for pair in pairs if ids[0] in (pair.base.id, pair.variant.id)]
    compared = ",".join(ids) if len(ids) > 1 else next(iter(beside), "")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="runs-actions"):
        st.text(f"{len(ids):,} ticked" if ids else "Tick runs to open or delete them.")
        if st.button("Traces", icon=":material/list:", disabled=not ids):
            st.switch_page("browse.py", query_params={"run": [run_labels()[run] for run in ids]})
        if st.button("Compare", icon=":material/compare:", disabled=not compared):
            st.switch_page("compare.py", query_params={"runs": compared})
        series = list(dict.fromkeys(run.info.series for run in ticked if run.info.series))
        if st.button("Series", icon=":material/show_chart:", disabled=not series):
            st.switch_page("series.py", query_params={"series": series[:4]})
        if st.button("Overview", icon=":material/dashboard:"):
            st.switch_page("overview.py")
        if st.button("Delete", icon=":material/delete:", disabled=not ids):
            confirm_runs(list(ticked))
