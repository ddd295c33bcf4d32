"""A sentence to the person: an error, a warning or a piece of news, always as plain text.

Owns the look of such sentences. They may quote names from files, so they never pass through Markdown or HTML.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import streamlit as st

from backend.domain import UserError, digest

Tone = Literal["error", "warning", "info", "done"]
_ICONS: dict[Tone, str] = {
    "error": ":material/error:",
    "warning": ":material/warning:",
    "info": ":material/info:",
    "done": ":material/check_circle:",
}


def notice(text: str, tone: Tone = "info", *, key: str = "") -> None:
    """Show `text` with the tone's icon; line breaks are kept."""
    with st.container(horizontal=True, wrap=False, gap="small", key=f"sth-notice-{tone}-{key or digest(text)}"):
        st.markdown(_ICONS[tone], width="content")
        st.text(text, width="stretch")


@contextmanager
def told() -> Iterator[None]:
    """For what may be refused: the sentence is shown, and the rest of the block doesn't happen."""
    try:
        yield
    except UserError as error:
        notice(str(error), "error")
