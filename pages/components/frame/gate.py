"""The gate every page stands behind: who is this?

Owns signing in where Streamlit's secrets configure it (`[auth]`, OpenID Connect), a typed-in name everywhere else, and
telling the use cases who is at work (services/acting.py). A typed-in name is taken on trust and says so; the browser
keeps it in a cookie. Knows nothing of what anybody may do. Each page asks as well as the shell, so that no page can be
reached around it.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.secrets import secrets_singleton

from backend.annotation import Person, Role
from backend.config import load
from backend.domain import UserError
from backend.services.access.authorization import may, watch
from pages.components.browser.component import browser_component
from pages.components.frame.chrome import sidebar_foot
from pages.components.frame.notice import notice
from pages.components.frame.session import services

COOKIE = "second-thoughts-name"
_PERSON, _TYPED = "person", "own-name"
_REMEMBER = browser_component(
    "remember", Path(__file__).with_name("remember.js"), scope=None, html='<i id="kept"></i>\n'
)


def require_person() -> Person:
    """Who is at work; where people sign in and this one hasn't, the way to do so instead of the page."""
    watch(_at_work)
    try:
        person = _signed_in() if signs_in() else _local()
    except UserError as error:
        notice(str(error), "error")
        st.stop()
    st.session_state[_PERSON] = person
    return person


def signs_in() -> bool:
    """Whether people sign in here, rather than say a name."""
    return bool(secrets_singleton.load_if_toml_exists() and secrets_singleton.get("auth"))


def person_foot(person: Person) -> None:
    """Who is at work, at the foot of the sidebar, and how to change that."""
    if not person.local:
        sidebar_foot(f"{person.name} · {person.role}")
        if st.sidebar.button("Sign out", key="sign-out", type="tertiary"):
            st.session_state.pop(_PERSON, None)
            st.logout()
        return
    sidebar_foot(f"{person.name} · on trust" if person.name else "Local · not signed in")
    with st.sidebar.popover("Your name", key="name-popover", type="tertiary", icon=":material/person:"):
        st.text_input("Your name", person.name, max_chars=60, key=_TYPED, on_change=_rename, autocomplete="nickname")
        if sentence := st.session_state.pop("name-error", None):
            notice(sentence, "error")
        st.caption("Nobody signs in here: a name is taken on trust, and kept in this browser.")
        if person.id:
            st.text(f"Role: {person.role}")
    _remember(person.name)


def needs_name(person: Person) -> None:
    """For pages that write under a name: asks for one, instead of the page, where there is none."""
    if person.id:
        return
    st.text("Labels carry the name of who made them. What is yours?")
    with st.form("who", border=False, width=420):
        typed = st.text_input("Your name", key="first-name", max_chars=60, autocomplete="nickname")
        if st.form_submit_button("Go on", type="primary") and typed.strip():
            _enter(typed)
            if not st.session_state.get("name-error"):
                st.rerun()
    if sentence := st.session_state.pop("name-error", None):
        notice(sentence, "error")
    st.caption("Nobody signs in here: a name is taken on trust, and kept in this browser.")
    st.stop()


def _at_work() -> Person | None:
    """The person of the session that asks; None outside one (the command line, a worker, the app's own start)."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    person: Person | None = st.session_state.get(_PERSON)
    if person is None:
        return Person("", "", Role.VIEWER) if signs_in() else None
    # Fragments and callbacks run without the gate before them, and a role may have changed since it was passed.
    return services().people.get(person.id) if person.id else person


def barred(role: Role = Role.ADMIN) -> str | None:
    """Why a button that takes `role` isn't for whoever is at work, as its help; None where it is."""
    return None if may(role) else f"This takes the role of an {role}: ask an admin for it."


def _signed_in() -> Person:
    user = st.user
    if not user.get("is_logged_in"):
        st.session_state.pop(_PERSON, None)
        with st.container(key="sth-sign-in", width=420):
            st.title("Second Thoughts", anchor=False)
            st.text("People sign in here.")
            if st.button("Sign in", type="primary", icon=":material/login:"):
                st.login()
        st.stop()
    verified = user.get("email_verified", False) in (True, "true", "True")
    email = str(user.get("email") or "") if verified else ""
    name = str(user.get("name") or user.get("preferred_username") or email or user.get("sub") or "")
    return services().people.signed_in(str(user.get("iss") or ""), str(user.get("sub") or ""), name, email)


def _local() -> Person:
    known = st.session_state.get(_PERSON)
    if isinstance(known, Person) and known.id:
        return services().people.get(known.id)
    typed = unquote(_kept()) if _PERSON not in st.session_state else ""
    if typed.strip():
        return services().people.local(typed)
    return Person("", "", Role(load().local_role))


def _kept() -> str:
    """The name as the browser keeps it; "" where it keeps none, or where there is no browser (AppTest)."""
    kept: object = st.context.cookies.get(COOKIE, "")
    return kept if isinstance(kept, str) else ""


def _rename() -> None:
    _enter(st.session_state.get(_TYPED, ""))


def _enter(typed: str) -> None:
    """Take a name, or let go of the one there is."""
    try:
        known = services().people.local(typed) if typed.strip() else Person("", "", Role(load().local_role))
    except UserError as error:
        st.session_state["name-error"] = str(error)
        return
    st.session_state[_PERSON] = known


def _remember(name: str) -> None:
    """Have the browser keep the name; nothing where it does already."""
    written = quote(name, safe="")
    if _kept() == written and not st.session_state.get("name-written"):
        return
    st.session_state["name-written"] = True
    with st.sidebar.container(key="sth-remember"):
        _REMEMBER(key="remember", data={"name": COOKIE, "value": written}, height=1)
