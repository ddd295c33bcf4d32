"""Experiments: the paper's claims, tables and figures for our own runs, the paper's values beside them."""

from collections.abc import Callable

import streamlit as st

from backend.domain import UserError
from backend.report.files import FILES, zipped
from backend.report.html import html
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.reproduction.reports import From, View
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import left_out, run_labels
from pages.components.viewer.pair_hero import LAB_TRUTH
from pages.parts.experiments.report_choice import (
    choose_section,
    choose_view,
    found_results,
    found_section,
    whole_report,
)
from pages.parts.experiments.report_view import STYLE, draw
from pages.parts.experiments.run_form import run_form, under_way

require_person()
st.html(STYLE)
header = page_header("Experiments")


def export(view: View) -> None:
    """Draws the menu of downloads; a file is made when its button is pressed."""
    kinds = {"csv": "Tables and figures as CSV", "latex": "Tables as LaTeX", "svg": "Figures as SVG"}
    with st.popover("Export", icon=":material/download:", type="tertiary"):
        st.download_button("Report, one HTML file", lambda: html(whole_report(view)), "second-thoughts-report.html",
                           "text/html", type="tertiary", on_click="ignore", key="export-html",
                           help="Opens without network or script; with traces, runs, lexicon, commit")  # fmt: skip

        def made(kind: str) -> Callable[[], bytes]:
            return lambda: zipped(FILES[kind](whole_report(view)))

        for kind, words in kinds.items():
            st.download_button(words, made(kind), f"second-thoughts-{kind}.zip", "application/zip", type="tertiary",
                               on_click="ignore", key=f"export-{kind}")  # fmt: skip


try:
    view = choose_view()
except UserError as error:
    notice(str(error), "error")
    view = View(From.SHIPPED)  # only its scale is used: the form can still train what isn't there
    under_way()
    run_form(view.scale, nothing_yet=True)
    st.stop()

left_out()
under_way()
name = ""
if view.source is From.RUNS:
    if not view.runs:
        st.text("Choose runs of the store: the first is what the others are held against.")
        st.stop()
else:
    name = choose_section()
with error_notice(stop=True):
    section, charts = found_section(view, name or "verdicts")
with header:
    export(view)
draw(section, charts, run_labels())
if view.source is not From.RUNS:
    parts = found_results(view.source, view.scale).parts
    run_form(view.scale, nothing_yet=not any(part.finished for part in parts))
    if view.scale is ReproductionScale.LAB and name != "verdicts":  # there the section says so itself
        with st.container(key="sth-truth"):
            st.text(LAB_TRUTH)
