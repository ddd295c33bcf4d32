"""The page Live while it shows a job: its buttons, the traces as they are written, and the list of recent jobs.

Titles may be hostile: they are plain text.
"""

import streamlit as st

from backend.domain import UserError
from backend.job import Job
from backend.services.generation.specs import GenerationSpec
from backend.services.jobs import retriable
from pages.components.frame.address import start_over
from pages.components.frame.gate import barred
from pages.components.frame.notice import error_notice
from pages.components.frame.session import runs, services
from pages.components.jobs.job_links import made
from pages.components.jobs.job_words import ago, state_words
from pages.components.jobs.worker_state import worker_state
from pages.components.live.live_setup import MOST_ARMS, gone_on, new_seed, take
from pages.components.live.live_stream import arm_notes
from pages.components.live.live_view import Expected, LiveResult, focus_of, live_view

_RECENT = 5
_LOOK_SECONDS = 2.0


def begin(spec: GenerationSpec) -> None:
    """Submits a job and shows it; a notice where it is refused."""
    with error_notice():
        start_over(job=services().generation.submit(spec).id)


def actions(job: Job) -> None:
    """Draws the buttons for what can be done with the job in its present state."""
    spec = GenerationSpec.from_json(job.spec)
    if not job.state.final:
        stopping = job.state == "cancelling"
        if not barred() and st.button(
            "Stopping" if stopping else "Cancel", disabled=stopping, icon=":material/stop_circle:"
        ):
            with error_notice():
                services().jobs.cancel(job.id)
                st.rerun()
    else:
        found = [run.id for run in made(job, runs())]
        if len(found) > 1 and st.button("Compare the runs", type="primary", icon=":material/compare:"):
            st.switch_page("compare.py", query_params={"runs": ",".join(found)})
        if barred():
            return
        if retriable(job) and st.button("Try again", icon=":material/refresh:"):
            with error_notice():
                start_over(job=services().jobs.retry(job.id).id)
        if st.button("New seed", icon=":material/casino:", type="tertiary", help="The same once more, drawn anew"):
            begin(new_seed(spec))
        if st.button("Run again", icon=":material/replay:", type="tertiary", help="The same once more, same seed"):
            begin(spec)
    if st.button("Change", icon=":material/tune:", type="tertiary", help="Back to the setup, filled from this job"):
        take(spec)
        start_over()
    with st.popover("Recent", icon=":material/history:", type="tertiary"):
        recent(job.id)


def show(job: Job, lexicon: str) -> None:
    """Draws the job's traces as they are written; a wish to continue one of them becomes a job of its own."""
    # A fragment, so that looking for the worker draws no trace anew.
    if not job.state.final:
        st.fragment(worker_notice, run_every=_LOOK_SECONDS)()
    # The problem and sample in view stand in the address, which anybody can write: what is no number becomes -1.
    query = st.query_params
    numbers = [int(part) if part.isdecimal() and part.isascii() else -1 for part in query.get("shown", "").split(".")]
    focus = focus_of(numbers) or (0, 0)
    result = live_view(
        job.id, key="live", lexicon=lexicon, over=job.state.final, focus=focus, expected=_expected(job, focus[0]),
        forks=job.kind == "generate",
    )  # fmt: skip
    if result.focus:
        query["shown"] = f"{result.focus[0]}.{result.focus[1]}"
    _go_on(job, result)


def _expected(job: Job, place: int) -> Expected | None:
    """What the job will show, before its first event; None where its models or problems were removed since."""
    spec = GenerationSpec.from_json(job.spec)
    try:
        arms = [
            (services().models.get(arm.model).name,
             arm.label or " · ".join(arm_notes(arm.context.value, arm.prefix, arm.hush)))
            for arm in spec.arms[:MOST_ARMS]
        ]  # fmt: skip
        problems = services().generation.chosen(spec)
    except UserError:
        return None
    first = problems[min(place, len(problems) - 1)]
    return Expected(arms, len(problems), spec.samples, first.question, first.gold)


def _go_on(job: Job, result: LiveResult) -> None:
    if result.fork is None:
        return
    fork, spec = result.fork, GenerationSpec.from_json(job.spec)
    with error_notice():
        trace = services().traces.open(fork.trace, services().lexicons.get(services().lexicons.default).id)
        # A job's traces are numbered arm by arm.
        arm = fork.index // (len(services().generation.chosen(spec)) * spec.samples)
        # Trace, number and place come from the browser, and may be of another job.
        if trace.run.info.job != job.id or arm >= len(spec.arms) or fork.at > len(trace.text):
            raise UserError("This trace is not of the job that is shown: load the page again.")
        begin(gone_on(spec, arm, trace, fork.at, fork.insert))


def worker_notice() -> None:
    """Shows that no worker is running, with the button that starts one; nothing while one is."""
    worker_state(needed=True, quiet=True)


def recent(shown: str = "") -> None:
    """Draws the last five live jobs except `shown`, each with a button that opens it."""
    jobs = [job for job in services().jobs.all() if job.spec.get("live") and job.id != shown][:_RECENT]
    with st.container(key="sth-live-recent"):
        if not jobs:
            st.text("No other job yet.")
        for job in jobs:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if st.button("Watch", key=f"recent-{job.id}", type="tertiary", icon=":material/play_circle:"):
                    start_over(job=job.id)
                st.text(f"{job.title}   {state_words(job)}, {ago(job.ended or job.created)}")
