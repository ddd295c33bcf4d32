"""What a page shows while the ledger can't be reached, and what becomes of a refusal that no page caught.

Owns that state, which is the same on every page, and how it ends by itself once the database answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import streamlit as st
from streamlit.errors import StreamlitDuplicateElementKey

from backend.domain import UserError
from backend.outages import AGAIN_SECONDS, LedgerUnreachable
from pages.components.frame.notice import notice
from pages.components.frame.session import services

_LONGEST_SECONDS = 30.0
_AWAY = "The ledger can’t be reached. This page tries again by itself."
_MET, _TRIES = "sth-outages-met", "sth-outage-tries"


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Runs a page; where the ledger can't be reached, the page is replaced by that state, else by the refusal."""
    st.session_state[_MET] = LedgerUnreachable.met
    try:
        yield
        st.session_state.pop(_TRIES, None)
    except LedgerUnreachable as error:
        _unreachable(str(error))
    except UserError as error:
        show_refusal(error)


def show_refusal(error: Exception) -> bool:
    """Shows a refusal as a sentence, the way Streamlit asks it of a handler; False for an error of the program."""
    if isinstance(error, UserError):
        with suppress(StreamlitDuplicateElementKey):  # a callback met the same: it is said already
            notice(_AWAY if isinstance(error, LedgerUnreachable) else str(error), "error")
    return isinstance(error, UserError)


@contextmanager
def outage_noted() -> Iterator[None]:
    """Runs a fragment that looks at the ledger now and then: an outage is noted in its place, and its end noticed."""
    try:
        yield
    except LedgerUnreachable:
        # The page stays as it is: what somebody is reading or labelling is in the browser already.
        with st.container(key="sth-job-card"):
            st.text(_AWAY)
        return
    # A part of the page may have met the outage and said so: it is drawn anew, once.
    if st.session_state.get(_MET) != LedgerUnreachable.met:
        st.rerun()


def store_mark() -> None:
    """Says in the sidebar why the store can only be read, where that is so."""
    if why := services().runs.unwritable():
        with st.sidebar:
            notice(f"Read only: {why.removeprefix('its ')}.", "warning", key="read-only")


def _unreachable(sentence: str) -> None:
    tries = st.session_state[_TRIES] = st.session_state.get(_TRIES, 0) + 1
    with st.container(key="sth-outage"):
        st.title("The ledger can’t be reached", anchor=False)
        notice(sentence, "error", key="ledger")
        st.text(
            "Nothing is lost: what was stored stays, labels wait in the browser they were made in, and jobs go on "
            "where they were."
        )
        st.caption("This page tries again by itself every few seconds.")
    # Ever more seldom where the database answers and the page meets the error again.
    wait = min(AGAIN_SECONDS * 1.5 * 2 ** (tries - 1), _LONGEST_SECONDS)
    st.fragment(_try_again, run_every=wait)(time.monotonic())


def _try_again(shown: float) -> None:
    if time.monotonic() - shown < AGAIN_SECONDS:
        return  # the page has only just asked
    with suppress(UserError):
        services().runs.version()
        st.rerun()
