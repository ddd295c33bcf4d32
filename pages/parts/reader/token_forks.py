"""Where a trace leaves another: the line to its parent, the list of those that go on from it.

Owns these lines. Words come from traces and names from files, so they are plain text alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from backend.domain import visible
from backend.services.traces.trace_reader import ForkLink, TraceVerdict

_HEIGHT = 260
_ROWS = 6


def open_trace(trace: str) -> None:
    """Show another trace in the Reader; what was marked in this one is forgotten."""
    for part in ("range", "pane"):
        st.query_params.pop(part, None)
    st.query_params["trace"] = trace
    st.rerun()


def parent_line(link: ForkLink, grader: str) -> None:
    """What the trace goes on from, and the way there."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Parent", key="fork-parent", type="tertiary", icon=":material/call_split:"):
            open_trace(link.trace)
        st.text(f"This trace goes on from another: {_line(link, grader)}")


def children(links: Sequence[ForkLink], grader: str) -> None:
    """The traces that go on from the one shown, each with its verdict and the way to it."""
    if not links:
        return
    st.text("1 trace goes on from here" if len(links) == 1 else f"{len(links):,} traces go on from here")
    with st.container(height=_HEIGHT if len(links) > _ROWS else "content", border=False, gap="xxsmall"):
        for link in links:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if st.button("Open", key=f"fork-{link.trace}", type="tertiary", icon=":material/call_split:"):
                    open_trace(link.trace)
                st.text(_line(link, grader))


def _line(link: ForkLink, grader: str) -> str:
    word = visible(link.inserted.strip(), 60)
    place = f"left at character {link.at:,}" + (f" with “{word}”" if word else "")
    return (
        f"{visible(link.run.info.model, 60)}, sample {link.sample + 1}, {place}: {_verdict_words(link.verdict(grader))}"
    )


def _verdict_words(verdict: TraceVerdict) -> str:
    word = {True: "✓ right", False: "✕ wrong", None: "○ not judged"}[verdict.correct]
    return f"{word}, answer {visible(verdict.answer, 60)}" if verdict.answer else word
