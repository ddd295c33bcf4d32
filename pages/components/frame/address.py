"""What a page's address asks for and isn't here: a link may be old, typed, or of another store, and the page says so.

Owns the sentence. Values of an address may be hostile: they are plain text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NoReturn

import streamlit as st

from backend.domain import visible
from pages.components.frame.notice import notice
from pages.components.frame.session import services

_SHOWN = 5


def asked_for(name: str) -> list[str]:
    """The values that the address has for `name`: repeated, or with commas between them."""
    return [value for part in st.query_params.get_all(name) for value in part.split(",") if value]


def go_to(**values: str | None) -> NoReturn:
    """Puts `values` into the address, takes out what is None, and runs the page again."""
    for name, value in values.items():
        if value is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = value
    st.rerun()


def start_over(**values: str) -> NoReturn:
    """Makes `values` all there is in the address, and runs the page again."""
    st.query_params.from_dict(values)
    st.rerun()


def absent(what: str, asked: Sequence[str], known: Collection[str], instead: str = "") -> list[str]:
    """Shows which of the values `asked` for aren't among the `known` ones, and what stands `instead`; returns them."""
    lost = list(dict.fromkeys(value for value in asked if value not in known))
    # A damaged run is in no list either, and a link to it says what became of it.
    damaged = {key: each for run, each in services().runs.damaged().items() for key in (run, each.run.label)}
    for value in (value for value in lost if what == "run" and value in damaged):
        notice(str(damaged[value]), "warning", key=f"damaged-{damaged[value].run.id}")
    if gone := [value for value in lost if what != "run" or value not in damaged]:
        several = len(gone) > 1
        names = ", ".join(visible(value, 60) for value in gone[:_SHOWN]) + (", …" if len(gone) > _SHOWN else "")
        says = f"The link names {f'{what}s that aren’t' if several else f'a {what} that isn’t'} here: {names}."
        why = f"{'They were' if several else 'It was'} removed or renamed, or the link is of another store."
        notice(f"{says} {why} {instead}".rstrip(), "warning", key=f"absent-{what.replace(' ', '-')}")
    return lost
