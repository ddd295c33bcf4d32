"""The choice of series, line and cue group on the page Series, kept in the address, and their figures, cached."""

from collections import Counter
from collections.abc import Mapping
from typing import NoReturn

import streamlit as st

from backend.domain import Group, visible
from backend.measure.series import StepFigures
from backend.services.series.series import Series, SeriesLine
from pages.components.frame.address import absent, asked_for, go_to
from pages.components.frame.notice import notice
from pages.components.frame.session import cached_by_version, plain, run_labels, services
from pages.parts.series.step_charts import ROLES

MOST = len(ROLES)


@cached_by_version(4)
def all_series() -> dict[str, Series]:
    """Every series of the store by name."""
    return {series.name: series for series in services().series.all()}


@cached_by_version(32)
def figures_of(
    series: Series, line: SeriesLine, lexicon: str, grader: str, loops: bool, group: str | None
) -> list[StepFigures]:
    """The figures of a line at its steps, with those of a group of cues, if one is chosen."""
    groups = (group,) if group else ()
    return services().series.figures(series, lexicon, line, grader, loops=loops, groups=groups)


def choose_series() -> list[Series]:
    """Draws the choice of up to four series; without one in the address it is the one of most steps."""
    known = all_series()
    # Before the field is drawn: it takes what it doesn't know out of the address.
    absent("series", st.query_params.get_all("series"), known, "Choose another.")
    if not st.session_state.get("series") and "series" not in st.query_params:
        longest = max(known.values(), key=lambda series: max(len(line.steps) for line in series.lines))
        st.session_state.series = [longest.name]
    chosen = st.multiselect("Series", list(known), key="series", bind="query-params", max_selections=MOST, width=430,
                            placeholder="one or several", help="Up to four, laid over each other")  # fmt: skip
    return [known[name] for name in chosen if name in known]


def choose_line(chosen: list[Series]) -> dict[str, SeriesLine]:
    """Draws the choice of the data set and context that the chosen series are looked at on; their lines by name."""
    names = Counter(line.name for series in chosen for line in series.lines)
    steps = Counter({line.name: len(line.steps) for series in chosen for line in series.lines})
    ordered = sorted(names, key=lambda name: (-names[name], -steps[name], name))
    if st.session_state.get("line") not in ordered:
        st.session_state.pop("line", None)
    picked = st.selectbox("Data set", ordered, key="line", bind="query-params", width=210) or ordered[0]
    found = {series.name: line for series in chosen for line in series.lines if line.name == picked}
    if lacking := [series.name for series in chosen if series.name not in found]:
        notice(f"Without a step on this data set: {visible(', '.join(lacking), 200)}.", "warning", key="series-lacking")
    return found


def choose_group() -> str | None:
    """Draws the choice of a group of cues; None for all of them."""
    groups = [group.value for group in Group]
    return st.selectbox("Cues", groups, index=None, key="cue_group", bind="query-params", placeholder="all", width=170)


def based(lines: Mapping[str, SeriesLine]) -> dict[str, SeriesLine]:
    """The lines with the base's run as step 0, where it isn't switched off; says which run that is."""
    offered = {name: run_labels().get(line.base, line.base) for name, line in lines.items() if line.base}
    if not offered:
        return dict(lines)
    wanted = st.toggle("Base as step 0", value=True, key="base_step", help="The run of the model that was trained")
    if wanted:
        runs = "; ".join(dict.fromkeys(offered.values()))
        st.caption(f"Step 0 is not of the series: it is what its base answered ({plain(runs)}).")
    return {name: line.based if wanted else line for name, line in lines.items()}


def asked_step(found: Mapping[str, list[StepFigures]]) -> tuple[str, StepFigures]:
    """The series and step that the address names; else the last step of the first series."""
    name = next((name for name in asked_for("of") if name in found), next(iter(found)))
    step = next((step for step in found[name] if str(step.step) == st.query_params.get("step")), found[name][-1])
    return name, step


def go_to_row(row: str, names: list[str]) -> NoReturn:
    """Goes to the step that a row of a table stands for: the place of its series among `names`, and its number."""
    place, step, *_ = row.split("-")
    go_to(of=names[int(place)], step=step)
