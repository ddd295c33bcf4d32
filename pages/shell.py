"""The router: page configuration, style, sign-in, navigation, then the page that the address names."""

import streamlit as st

from backend.outages import LedgerUnreachable
from pages.components.frame.chrome import configure_page, load_style, navigation
from pages.components.frame.gate import person_foot, require_person
from pages.components.frame.outage import refusals_shown, store_mark
from pages.components.frame.session import services
from pages.parts.shell.job_card import job_card

configure_page()
load_style()
outage = None
try:
    # Before the navigation: whoever isn't signed in sees no list of pages either.
    person = require_person()
except LedgerUnreachable as error:
    outage = error
page = navigation(
    {
        "Read": [
            st.Page("overview.py", title="Overview", icon=":material/dashboard:", default=True),
            st.Page("browse.py", title="Browse", icon=":material/list:"),
            st.Page("compare.py", title="Compare", icon=":material/compare:"),
            st.Page("series.py", title="Series", icon=":material/show_chart:"),
            st.Page("reader.py", title="Reader", icon=":material/article:"),
            st.Page("disputed.py", title="Disputed", icon=":material/rule:"),
        ],
        "Make": [
            st.Page("live.py", title="Live", icon=":material/play_circle:"),
            st.Page("distil.py", title="Distil", icon=":material/experiment:"),
            st.Page("experiments.py", title="Experiments", icon=":material/science:"),
            st.Page("models.py", title="Models", icon=":material/account_tree:"),
        ],
        "Annotate": [
            st.Page("projects.py", title="Projects", icon=":material/folder_open:"),
            st.Page("annotate.py", title="Annotate", icon=":material/ink_highlighter:"),
            st.Page("adjudicate.py", title="Adjudicate", icon=":material/gavel:"),
            st.Page("agreement.py", title="Agreement", icon=":material/handshake:"),
            st.Page("lexicons.py", title="Lexicons", icon=":material/dictionary:"),
        ],
        "Store": [
            st.Page("import.py", title="Import", icon=":material/upload_file:", url_path="import"),
            st.Page("runs.py", title="Runs", icon=":material/table_rows:"),
            st.Page("jobs.py", title="Jobs", icon=":material/pending_actions:"),
            st.Page("people.py", title="People", icon=":material/group:"),
        ],
    }
)
with refusals_shown():
    if outage:
        raise outage
    # Before the page: a page may stop the script, and its sidebar would lack what comes after.
    store_mark()
    job_card()
    person_foot(person)
    begun = services().runs.version()
    try:
        page.run()
    except Exception:
        # A run was damaged, or deleted, while the page was drawn: the next time it is drawn without it.
        if services().runs.version(look=True) != begun:
            st.rerun()
        raise
