"""The download of a pair as one page, for a mail."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from backend.report.files import file_name
from backend.report.html import html
from pages.components.frame.session import runs, services


def pair_page_button(chosen: Sequence[str], lexicon: str, grader: str, loops: bool, traces: Sequence[str]) -> None:
    """Draws the download of the first two runs' figures and of the responses on show."""
    names = " vs ".join(runs()[run].info.model for run in chosen[:2])
    # The function and not its result: the page is made at the press, not at every run of the script.
    made = partial(_page, chosen[:2], lexicon, grader, loops, traces[:2])
    st.download_button("Save the pair as a page", made, file_name(f"{names}.html"), "text/html", type="tertiary",
                       icon=":material/mail:", on_click="ignore",
                       help="One HTML file with figures and both responses, for a mail")  # fmt: skip


def _page(chosen: Sequence[str], lexicon: str, grader: str, loops: bool, traces: Sequence[str]) -> str:
    return html(services().pair_pages.report(chosen, lexicon, grader, loops=loops, traces=traces))
