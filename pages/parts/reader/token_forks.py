"""The forks of a trace in the Reader: the line to its parent, and the list of the traces that continue it.

Words come from traces and names from files, so they are plain text alone.
"""

from collections.abc import Sequence

import streamlit as st

from backend.domain import visible
from backend.services.traces.trace_reader import ForkLink
from pages.components.frame.address import go_to

_HEIGHT = 260
_ROWS = 6


def open_trace(trace: str) -> None:
    """Shows another trace in the Reader."""
    # A range is of one text: in another trace it would mark something else.
    go_to(range=None, pane=None, trace=trace)


def parent_line(link: ForkLink, grader: str) -> None:
    """Draws the trace that this one continues, with the button that opens it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Parent", key="fork-parent", type="tertiary", icon=":material/call_split:"):
            open_trace(link.trace)
        st.text(f"This trace goes on from another: {_line(link, grader)}")


def children(links: Sequence[ForkLink], grader: str) -> None:
    """Draws the traces that continue the one shown, each with its verdict and the button that opens it."""
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
    # A trace may also be continued with nothing inserted, only sampled anew from there.
    word = visible(link.inserted.strip(), 60)
    place = f"left at character {link.at:,}" + (f" with “{word}”" if word else "")
    verdict = link.verdict(grader)
    judged = {True: "✓ right", False: "✕ wrong", None: "○ not judged"}[verdict.correct]
    judged += f", answer {visible(verdict.answer, 60)}" if verdict.answer else ""
    return f"{visible(link.run.info.model, 60)}, sample {link.sample + 1}, {place}: {judged}"
