"""The page of the live view's harness: the view, and below it what it sent back, for the tests to read.

Reads the store that SECOND_THOUGHTS_STORE names. Knows nothing of the application's pages.
"""

from __future__ import annotations

import streamlit as st

from pages.components.frame.session import services
from pages.components.live.live_view import focus_of, live_view

st.set_page_config(layout="wide")
query = st.query_params
job = services().jobs.get(query["job"])
focus = focus_of([int(query.get("problem", 0)), int(query.get("sample", 0))]) or (0, 0)
result = live_view(
    job.id, key="live", lexicon=query.get("lexicon", "doubts"), over=job.state.final, focus=focus,
    forks="fixed" not in query,
)  # fmt: skip
runs = st.session_state["runs"] = st.session_state.get("runs", 0) + 1
if result.fork or result.focus:
    st.session_state["last"] = f"{result.fork or ''}{result.focus or ''}"
st.text(f"runs={runs} last={st.session_state.get('last')} ended={result.ended}")
st.button("Run again")
