"""Agreement: how far a project's annotators agree, by scope, label and pair, and the items they differ on most."""

import streamlit as st

from pages.components.frame.chrome import page_header
from pages.components.frame.gate import require_person
from pages.components.labelling.adjudication_queue import adjudication_queue
from pages.components.labelling.project_choice import choose_project
from pages.parts.agreement.agreement_gamma import gamma_section
from pages.parts.agreement.agreement_tables import (
    agreement_numbers,
    agreement_report,
    by_label,
    by_pair,
    by_scope,
    download,
    nobody_yet,
    undefined,
    worst_items,
)

person = require_person()
header = page_header("Agreement")
info = choose_project(person, header)
report = agreement_report(info.project.id)
if not report.items:
    nobody_yet(info, report)
    st.stop()
with header:
    download(report)

agreement_numbers(report)
st.text(
    f"{report.items:,} of {report.of:,} items have been finished by two people or more; nothing else counts here. "
    "Intervals are of 95 %, over whole traces; where too few hold such labels there is none."
)
by_scope(report)
by_label(report)
by_pair(report)
undefined(report)
worst_items(info, adjudication_queue(info.project.id), person)
# Gamma takes minutes, so it is a job and never holds up the figures above.
gamma_section(person, info.project.id)
