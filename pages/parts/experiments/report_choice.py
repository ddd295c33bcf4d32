"""The choice of a report's view: source, scale, seeds, lexicon, or any runs; all of it kept in the address.

Owns these widgets and the caches behind them.
"""

from collections.abc import Sequence

import streamlit as st

from backend.job import JobKind
from backend.report.model import Report, ReportSection
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.reproduction.reports import SECTIONS, From, View
from backend.services.reproduction.results import Results
from backend.services.reproduction.sections.chosen_runs import MOST_RUNS
from pages.components.charts.chart_parts import Chart
from pages.components.charts.picture_charts import picture_chart
from pages.components.frame.address import absent, asked_for
from pages.components.frame.session import run_labels, services

_SOURCES = {From.STORE: "This store", From.SHIPPED: "Shipped with the app", From.RUNS: "Any runs of the store"}


def choose_view() -> View:
    """The widgets; returns the view they ask for."""
    with st.container(horizontal=True, gap="small", key="sth-experiment-choice"):
        named = st.selectbox(
            "Scale", [scale.value for scale in ReproductionScale], width=110, key="scale", bind="query-params",
            help="lab: the shipped small model; paper: the paper’s own models and settings",
        )  # fmt: skip
        scale = ReproductionScale(named or ReproductionScale.LAB)
        usual = From(asked("source", list(_SOURCES), services().reports.usual(scale)))
        source = st.selectbox(
            "Numbers from", list(_SOURCES), index=list(_SOURCES).index(usual), width=210, on_change=keep,
            key="experiments-source", format_func=_SOURCES.__getitem__, args=("source",),
        ) or usual  # fmt: skip
        if source is From.RUNS:
            return View(source, scale, (), _lexicon(source), tuple(_choose_runs()))
        return View(source, scale, _seeds(source, scale), _lexicon(source))


def choose_section() -> str:
    """The section to show, by its id."""
    known = list(SECTIONS)
    chosen = st.segmented_control("Section", known, format_func=SECTIONS.__getitem__, required=True, on_change=keep,
                                  default=asked("section", known, known[0]), key="experiments-section",
                                  args=("section",), label_visibility="collapsed")  # fmt: skip
    return chosen or known[0]


def asked(name: str, options: Sequence[str], usual: str) -> str:
    """The address's value of `name` where it is one of `options`, else `usual`."""
    value = st.query_params.get(name, "")
    return value if value in options else usual


def keep(name: str) -> None:
    """Puts a choice into the address."""
    # Not `bind="query-params"`: the address would hold labels, which change, instead of ids.
    st.query_params[name] = str(st.session_state[f"experiments-{name}"])


def _seeds(source: From, scale: ReproductionScale) -> tuple[int, ...]:
    parts = found_results(source, scale).parts
    there = sorted({part.seed for part in parts if part.finished and part.spec.settings.steps})
    if len(there) < 2:  # nothing to choose
        return ()
    chosen = st.pills("Seeds", there, selection_mode="multi", key="seeds", bind="query-params",
                      help="Of tables and figures; none chosen: all. Verdicts are always over all.")  # fmt: skip
    return tuple(seed for seed in chosen or () if seed in there)


def _lexicon(source: From) -> str:
    names = services().reports.lexicons(source) or services().reports.lexicons(From.STORE)
    chosen = st.selectbox("Cues counted by", names, width=190, key="counted", bind="query-params",
                          help="The verdicts and the paper’s own figures count by kim2026.")  # fmt: skip
    return chosen or names[0]


def _choose_runs() -> list[str]:
    """Runs, the first as the base; in the address by their ids, as in Compare."""
    labels = run_labels()
    named = asked_for("runs")
    absent("run", named, labels)
    asked = [run for run in named if run in labels][:MOST_RUNS]
    st.session_state["experiment-runs"] = list(dict.fromkeys(asked))

    def change() -> None:
        st.query_params["runs"] = ",".join(st.session_state["experiment-runs"])

    return st.multiselect("Runs, the first as the base of the others", list(labels), format_func=labels.__getitem__,
                          max_selections=MOST_RUNS, key="experiment-runs", on_change=change, width=520)  # fmt: skip


# -- caches -----------------------------------------------------------------------------------------


def version() -> str:
    """A token that changes when what is shown may have changed: the key of the caches below."""
    # While experiments are trained, only the end of one counts: every evaluation changes the store's version, and what
    # is finished stays as it is.
    busy = any(job.kind in (JobKind.REPRODUCE, JobKind.DISTILL) for job in services().jobs.open())
    return f"{services().reports.ended()} {'' if busy else services().runs.version()}"


def found_results(source: From, scale: ReproductionScale) -> Results:
    """The parts and verdicts of a source. Raises UserError where nothing is shipped."""
    return _results("" if source is From.SHIPPED else version(), source, scale)


@st.cache_resource(show_spinner="Testing the claims", max_entries=6)
def _results(version: str, source: From, scale: ReproductionScale) -> Results:
    return services().reports.results(source, scale)


@st.cache_resource(show_spinner="Putting figures together", max_entries=48)
def _section(version: str, view: View, name: str) -> tuple[ReportSection, dict[str, Chart]]:
    results = None if view.source is From.RUNS else found_results(view.source, view.scale)
    section = services().reports.section(view, name, results)
    return section, {picture.id: picture_chart(picture) for picture in section.pictures}


def found_section(view: View, name: str) -> tuple[ReportSection, dict[str, Chart]]:
    """A section with its charts. Raises UserError for runs that are gone."""
    # Any runs may be under way themselves, so that every change of the store counts.
    known = str(services().runs.version()) if view.source is From.RUNS else version()
    return _section(known, view, name)


def whole_report(view: View) -> Report:
    """Everything of a view, for export."""
    results = None if view.source is From.RUNS else found_results(view.source, view.scale)
    return services().reports.report(view, results)
