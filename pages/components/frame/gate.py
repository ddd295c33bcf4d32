"""The sign-in gate of every page: who is at work here.

Owns signing in where Streamlit's secrets configure it (`[auth]`, OpenID Connect), and the name on trust everywhere
else: typed in, kept by the browser in a cookie. The services ask this module who acts (services/access/authorization);
what a role may do is decided there.
"""

from pathlib import Path
from urllib.parse import quote, unquote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from backend.annotation import Person, Role
from backend.config import load
from backend.domain import UserError
from backend.services.access.authorization import may, watch
from pages.components.browser.component import browser_component
from pages.components.frame.chrome import sidebar_foot
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.components.frame.sign_in import sign_in_fault, signs_in

COOKIE = "second-thoughts-name"
_PERSON, _TYPED = "person", "own-name"
# No scope for the palette's colours: it sets a cookie and draws nothing.
_REMEMBER = browser_component(
    "remember", Path(__file__).with_name("remember.js"), scope=None, html='<i id="kept"></i>\n'
)


def require_person() -> Person:
    """The person at work; where people sign in and this one hasn't, the page is replaced by the button to do so.

    Called by the shell and by every page: a page that is reached around the shell must not run without it.
    """
    # From here on every use case of the process asks who acts: a write is refused there, whatever a page shows.
    watch(_at_work)
    with error_notice(stop=True):
        person = _signed_in() if signs_in() else _local()
    st.session_state[_PERSON] = person
    return person


def person_foot(person: Person) -> None:
    """Shows who is at work at the foot of the sidebar, with the way to sign out or to change the name."""
    if not person.local:
        sidebar_foot(f"{person.name} · {person.role}")
        if st.sidebar.button("Sign out", key="sign-out", type="tertiary"):
            st.session_state.pop(_PERSON, None)
            st.logout()
        return
    sidebar_foot(f"{person.name} · on trust" if person.name else "Local · not signed in")
    with st.sidebar.popover("Your name", key="name-popover", type="tertiary", icon=":material/person:"):
        st.text_input("Your name", person.name, max_chars=60, key=_TYPED, autocomplete="nickname",
                      on_change=lambda: _enter(st.session_state.get(_TYPED, "")))  # fmt: skip
        # A callback runs before the page is drawn: what it has to show waits in the session.
        if sentence := st.session_state.pop("name-error", None):
            notice(sentence, "error")
        st.caption("Nobody signs in here: a name is taken on trust, and kept in this browser.")
        if person.id:
            st.text(f"Role: {person.role}")
    _remember(person.name)


def needs_name(person: Person) -> None:
    """Stops a page that writes under a name and asks for the name, where there is none yet."""
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
        # A session that hasn't passed the gate gets the least: with sign-in it may read, and only the gate reads.
        return Person("", "", Role.VIEWER) if signs_in() else None
    # Fragments and callbacks run without the gate before them, and a role may have changed since it was passed.
    return services().people.get(person.id) if person.id else person


def barred(role: Role = Role.ADMIN) -> str | None:
    """Why the person at work may not press a button that takes `role`, as the button's help; None where they may."""
    return None if may(role) else f"This takes the role of an {role}: ask an admin for it."


def _signed_in() -> Person:
    if fault := sign_in_fault():
        raise UserError(f"Nobody can sign in: {fault}.")
    user = st.user
    if not user.get("is_logged_in"):
        st.session_state.pop(_PERSON, None)
        with st.container(key="sth-sign-in", width=420):
            st.title("Second Thoughts", anchor=False)
            st.text("People sign in here.")
            if st.button("Sign in", type="primary", icon=":material/login:"):
                st.login()
        st.stop()
    # Some issuers send the claim as a word. An address nobody verified could be an admin's, and makes admins.
    verified = user.get("email_verified", False) in (True, "true", "True")
    email = str(user.get("email") or "") if verified else ""
    name = str(user.get("name") or user.get("preferred_username") or email or user.get("sub") or "")
    return services().people.signed_in(str(user.get("iss") or ""), str(user.get("sub") or ""), name, email)


def _local() -> Person:
    known = st.session_state.get(_PERSON)
    if isinstance(known, Person) and known.id:
        return services().people.get(known.id)
    # The cookie counts once a session: whoever empties the field goes on without a name, though the browser's answer
    # still carries the old one.
    typed = unquote(_kept()) if _PERSON not in st.session_state else ""
    if typed.strip():
        return services().people.local(typed)
    return Person("", "", Role(load().local_role))


def _kept() -> str:
    """The name as the browser keeps it; "" where it keeps none, or where there is no browser (AppTest)."""
    kept: object = st.context.cookies.get(COOKIE, "")
    return kept if isinstance(kept, str) else ""


def _enter(typed: str) -> None:
    """Takes a typed name for the session, or gives up the one there is where nothing is typed."""
    try:
        known = services().people.local(typed) if typed.strip() else Person("", "", Role(load().local_role))
    except UserError as error:
        st.session_state["name-error"] = str(error)
        return
    st.session_state[_PERSON] = known


def _remember(name: str) -> None:
    """Has the browser keep the name in a cookie, unless it does already."""
    written = quote(name, safe="")
    # The cookie that Python sees is the one of the session's first request: after a first change it says nothing.
    if _kept() == written and not st.session_state.get("name-written"):
        return
    st.session_state["name-written"] = True
    with st.sidebar.container(key="sth-remember"):
        _REMEMBER(key="remember", data={"name": COOKIE, "value": written}, height=1)
