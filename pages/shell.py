"""The router: page configuration, style, navigation, then the page that was asked for."""

import streamlit as st

from pages.components.chrome import configure_page, load_style, sidebar_foot
from pages.components.gate import require_person
from pages.components.job_card import job_card

configure_page()
load_style()
person = require_person()
page = st.navigation(
    [
        st.Page("overview.py", title="Overview", icon=":material/dashboard:", default=True),
        st.Page("browse.py", title="Browse", icon=":material/list:"),
        st.Page("compare.py", title="Compare", icon=":material/compare:"),
        st.Page("reader.py", title="Reader", icon=":material/article:"),
        st.Page("live.py", title="Live", icon=":material/play_circle:"),
        st.Page("distil.py", title="Distil", icon=":material/experiment:"),
        st.Page("experiments.py", title="Experiments", icon=":material/science:"),
        st.Page("models.py", title="Models", icon=":material/account_tree:"),
        st.Page("jobs.py", title="Jobs", icon=":material/pending_actions:"),
        st.Page("import.py", title="Import", icon=":material/upload_file:", url_path="import"),
    ]
)
job_card()
sidebar_foot(person)
page.run()
