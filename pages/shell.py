"""The router: page configuration, style, navigation, then the page that was asked for."""

import streamlit as st

from pages.components.chrome import configure_page, load_style, sidebar_foot
from pages.components.gate import require_person

configure_page()
load_style()
person = require_person()
page = st.navigation(
    [
        st.Page("overview.py", title="Overview", icon=":material/dashboard:", default=True),
        st.Page("browse.py", title="Browse", icon=":material/list:"),
        st.Page("compare.py", title="Compare", icon=":material/compare:"),
        st.Page("reader.py", title="Reader", icon=":material/article:"),
        st.Page("import.py", title="Import", icon=":material/upload_file:", url_path="import"),
    ]
)
sidebar_foot(person)
page.run()
