"""One step of a series: its figures and traces, and a problem at the first step, at this one and at the last."""

from collections.abc import Sequence

import streamlit as st

from backend.domain import TraceFilter, UserError
from backend.measure.series import StepFigures
from backend.report.numbers import answer_text, interval_text
from backend.services.traces.comparison import ComparedProblem
from pages.components.frame.chrome import BigNumber, numbers_strip
from pages.components.frame.notice import notice
from pages.components.frame.session import comparison, run_labels, services
from pages.components.table.table import Select, data_table
from pages.components.viewer.panes import TAGS, pane_of
from pages.components.viewer.problem_list import ListEvent, ListFilter, ProblemItem, problem_list
from pages.components.viewer.trace_table import TRACE_COLUMNS, trace_row
from pages.components.viewer.trace_view import Options, read_range, trace_view
from pages.parts.series.step_charts import COLUMNS

_PLACES = ("draw", "range", "pane")


def figures(step: StepFigures) -> None:
    """Draws the strip of a step's figures, each with its interval."""
    known = [(name, form, step.figures.get(key)) for key, name, form in COLUMNS]
    numbers_strip(
        [
            BigNumber(name, one.value if one else None, form=form, n=one.n if one else None, pair=False,
                      note=interval_text(one.low, one.high, form) if one else "")
            for name, form, one in known
        ]
    )  # fmt: skip


def traces(step: StepFigures, grader: str, lexicon: str) -> None:
    """Draws the list of a step's traces; a row leads to the Reader, the button to all of them in Browse."""
    labels = [run_labels()[run] for run in step.runs if run in run_labels()]
    wanted = TraceFilter(runs=step.runs, grader=grader, lexicon=lexicon)
    page = services().trace_list.page(wanted, 1, "problem")
    if st.button(f"All {page.total:,} traces in Browse", key="series-browse", icon=":material/list:", type="tertiary"):
        st.switch_page("browse.py", query_params={"run": labels})
    event = data_table(
        TRACE_COLUMNS, [trace_row(listed) for listed in page.rows], key="series-traces", height=320,
        caption=f"Traces of step {step.step}", select=Select.ROW,
    )  # fmt: skip
    if event and event.row:
        st.switch_page("reader.py", query_params={"trace": event.row})


def side_by_side(steps: Sequence[StepFigures], chosen: StepFigures, grader: str, lexicon: str, *, loops: bool) -> None:
    """Draws one problem as it is answered at the first step, at the chosen one and at the last."""
    shown = list({step.step: step for step in (steps[0], chosen, steps[-1])}.values())
    ids = list(dict.fromkeys(step.runs[0] for step in shown))
    if len(ids) < 2:
        return
    st.header(f"The same problem at {' and '.join(f'step {step.step:,}' for step in shown)}", anchor=False)
    try:
        compared = comparison(ids, lexicon, grader, loops)
    except UserError as error:  # rollouts draw other problems at every step
        notice(str(error), key="series-apart")
        return
    query = st.query_params
    current = compared.problem(query.get("at", "")) or compared.problems[0]

    def choose(choice: ListEvent) -> None:
        for name in _PLACES:
            query.pop(name, None)
        query["at"] = choice.problem or ""

    body = st.container(horizontal=True, wrap=False, gap="medium", key="sth-body")
    rail, column = body.container(width=236), body.container(width="stretch")
    with rail:
        everything = [ListFilter("all", "All", "all", len(compared.problems))]
        problem_list([_item(problem) for problem in compared.problems], everything, key="series-problems",
                     selected=current.id, mode="all", runs=TAGS[: len(ids)], on_choice=choose)  # fmt: skip
    with column:
        with st.container(key="sth-question"):
            st.text(f"Problem {current.number}   {current.question}")
            st.text(f"gold {answer_text(current.gold)}" if current.gold is not None else "no gold answer")
        _panes(ids, current.id, grader, lexicon, compared.unit)


def _panes(ids: Sequence[str], problem: str, grader: str, lexicon: str, unit: str) -> None:
    query = st.query_params
    places = [int(p) if p.isdecimal() else 0 for p in query.get("draw", "").split(".")] + [0] * len(ids)
    panes = []
    for tag, run, place in zip(TAGS, ids, places, strict=False):
        samples = services().comparison.samples(run, problem)
        place = min(place, len(samples) - 1)
        trace = services().traces.open(samples[place].trace, services().lexicons.get(lexicon).id)
        panes.append(pane_of(trace, grader, tag=tag, sample=(place, samples), unit=unit))
    view = trace_view(panes, key="series-panes", active=read_range(query.to_dict(), panes),
                      options=Options(reserve=24, list_keys=True))  # fmt: skip
    if view.step:
        side = [pane.id for pane in panes].index(view.step.pane)
        sample = panes[side].sample
        places[side] = (places[side] + view.step.step) % (sample.of if sample else 1)
        query["draw"] = ".".join(str(place) for place in places[: len(ids)])
        st.rerun()


def _item(problem: ComparedProblem) -> ProblemItem:
    return ProblemItem(problem.id, problem.number, problem.question, tuple(side.right for side in problem.sides))
