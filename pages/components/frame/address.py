"""What a page's address asks for and isn't here: a link may be old, typed, or of another store, and the page says so.

Owns the sentence. Values of an address may be hostile: they are plain text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from backend.domain import visible
from pages.components.frame.notice import notice

_SHOWN = 5


def asked_for(name: str) -> list[str]:
    """The values that the address has for `name`: repeated, or with commas between them."""
    return [value for part in st.query_params.get_all(name) for value in part.split(",") if value]


def absent(what: str, asked: Sequence[str], known: Collection[str], instead: str = "") -> list[str]:
    """Shows which of the values `asked` for aren't among the `known` ones, and what stands `instead`; returns them."""
    lost = list(dict.fromkeys(value for value in asked if value not in known))
    if lost:
        several = len(lost) > 1
        names = ", ".join(visible(value, 60) for value in lost[:_SHOWN]) + (", …" if len(lost) > _SHOWN else "")
        says = f"The link names {f'{what}s that aren’t' if several else f'a {what} that isn’t'} here: {names}."
        why = f"{'They were' if several else 'It was'} removed or renamed, or the link is of another store."
        notice(f"{says} {why} {instead}".rstrip(), "warning", key=f"absent-{what.replace(' ', '-')}")
    return lost
