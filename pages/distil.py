"""Distil: train a model on its own answers and watch its doubts go; `?training=ID` opens one training."""

import streamlit as st

from backend.domain import UserError
from pages.components.frame.address import start_over
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import require_person
from pages.components.frame.notice import notice
from pages.components.frame.session import choose_lexicon, services
from pages.parts.distil.training_head import head
from pages.parts.distil.training_start import STYLE, start_page
from pages.parts.distil.training_view import asked_for, look, look_every, offered

require_person()
st.html(STYLE)
header = page_header("Distil")
asked = st.query_params.get("training", "")
if not asked:
    start_page()
    st.stop()

try:
    info = services().trainings.get(asked)
except UserError as error:
    notice(str(error), "error")
    if st.button("All trainings", type="primary", icon=":material/list:"):
        start_over()
    st.stop()

with header:
    if st.button("All trainings", type="tertiary", icon=":material/list:"):
        start_over()
    lexicon = choose_lexicon()
# The fragment below is drawn as often as steps come; `offered` tells it when the rest of the page has to follow.
rows = services().trainings.evaluations(asked)
head(info, rows)
every = look_every(info, services().trainings.steps(asked, info.step - 8))
st.fragment(look, run_every=every)(asked, lexicon, every, offered(info, rows))
asked_for(info)
