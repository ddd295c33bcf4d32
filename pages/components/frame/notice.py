"""A sentence to the person: an error, a warning or a piece of news, always as plain text.

Owns how such a sentence looks, and how a refused use case becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import streamlit as st
from streamlit.errors import StreamlitDuplicateElementKey

from backend.domain import UserError, digest
from backend.outages import LedgerUnreachable

Tone = Literal["error", "warning", "info", "done"]
_ICONS: dict[Tone, str] = {
    "error": ":material/error:",
    "warning": ":material/warning:",
    "info": ":material/info:",
    "done": ":material/check_circle:",
}


def notice(text: str, tone: Tone = "info", *, key: str = "") -> None:
    """Shows `text` with the tone's icon; line breaks are kept. What stands on the page already isn't said again."""
    try:  # the key carries the tone for the style sheet
        place = st.container(horizontal=True, wrap=False, gap="small", key=f"sth-notice-{tone}-{key or digest(text)}")
    except StreamlitDuplicateElementKey:  # as where two parts of a page fail for one reason
        return
    with place:
        st.markdown(_ICONS[tone], width="content")
        # Not st.error and its like: they read Markdown, and the sentence may quote a name from a hostile file.
        st.text(text, width="stretch")


@contextmanager
def error_notice(*, stop: bool = False) -> Iterator[None]:
    """Shows a UserError raised in the block and skips the rest of the block; with `stop` the rest of the page as well.

    A ledger that can't be reached is no answer to what was asked: the shell shows that. `st.rerun()` and
    `st.switch_page()` may end the block: they raise what isn't caught here.
    """
    try:
        yield
    except LedgerUnreachable:
        raise
    except UserError as error:
        notice(str(error), "error")
        if stop:
            st.stop()
