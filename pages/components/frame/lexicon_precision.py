"""A quiet line beside counts of cues: how many of a lexicon's marks in each run are doubts, where some were judged."""

from collections.abc import Sequence

import streamlit as st

from backend.report.numbers import Form, interval_text, number
from pages.components.frame.session import precision


def precision_line(runs: Sequence[str], lexicon: str) -> None:
    """Draws the line for runs A, B, ...; nothing where no mark of any of them was judged."""
    found = [precision(run, lexicon) for run in runs]
    if not any(found):
        return
    told = [
        f"{tag} {number(one.value, Form.PERCENT)} {interval_text(one.low, one.high, Form.PERCENT)} of {one.n:,}"
        if one
        else f"{tag} –"
        for tag, one in zip("ABCD", found, strict=False)
    ]
    st.caption(
        f"Marks of {lexicon} that are doubts, of those judged in context: {'; '.join(told)}",
        help="By what people marked as gold, and by the judgements shipped with the list (page Lexicons). A drop from "
        "run to run says less where precision differs.",
    )
