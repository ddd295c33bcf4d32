"""The switch that has a path watched: new steps come in by themselves while a training writes them."""

from pathlib import Path

import streamlit as st

from pages.components.frame.notice import error_notice
from pages.components.frame.session import services
from pages.components.jobs.worker_state import worker_state

_SECONDS = 2.0


def watch_switch(path: Path) -> None:
    """Draws the switch for a path of this machine, and while it is on the newest step."""
    with error_notice():
        job = services().watches.open(path)
        on = st.toggle(
            f"Watch this {'folder' if path.is_dir() else 'file'}: new steps come in by themselves",
            value=job is not None,
            key=f"watch-{path}",
            help="A job reads what grows there, as recognised, until you switch it off; this page can be closed.",
        )
        if on and not job:
            services().watches.submit([path])
        if job and not on:
            services().jobs.cancel(job.id)
        if on:
            st.fragment(_newest, run_every=_SECONDS)(path)


def _newest(path: Path) -> None:
    if not (job := services().watches.open(path)):
        st.text("The watch has ended; Jobs says why.")
        return
    if services().jobs.worker().alive or worker_state(needed=True):
        st.text(job.message or "Waits for its first look.")
    with st.container(horizontal=True, gap="small"):
        if st.button("Series", icon=":material/show_chart:", type="tertiary"):
            st.switch_page("series.py")
        if st.button("Log", icon=":material/subject:", type="tertiary"):
            st.switch_page("jobs.py", query_params={"job": job.id})
