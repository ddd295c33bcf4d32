"""Jobs: the open ones with their progress, and the history; `?job=ID` opens one."""

import streamlit as st

from pages.components.frame.chrome import page_header
from pages.components.frame.gate import barred, require_person
from pages.components.frame.notice import error_notice
from pages.components.frame.session import run_labels, runs, services
from pages.components.jobs.job_links import page_links
from pages.parts.jobs.job_details import job_dialog
from pages.parts.jobs.job_list import confirm_forget, history, under_way

require_person()
header = page_header("Jobs")
jobs = {job.id: job for job in services().jobs.all()}
opened = [job for job in jobs.values() if not job.state.final]
finished = [job for job in jobs.values() if job.state.final]
under_way(opened)

asked = st.query_params.get("job", "")
event, clear = None, False
if finished:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.header("Done before", anchor=False, width="content")
        clear = st.button("Clear finished", type="tertiary", icon=":material/delete_sweep:", key="clear-finished",
                          disabled=barred() is not None, help=barred())  # fmt: skip
    event = history(finished)
elif not opened:
    st.text(
        "Nothing is being worked on. Whatever takes longer than a moment becomes a job: answering live, evaluating a "
        "model on a set of problems. It goes on when you close this page."
    )
    with st.container(horizontal=True, gap="small"):
        if st.button("Answer live", type="primary", icon=":material/play_circle:"):
            st.switch_page("live.py")
        if st.button("Evaluate a model", icon=":material/account_tree:"):
            st.switch_page("models.py")

# One dialog a run: Streamlit raises where a second one is opened.
if clear:
    confirm_forget(finished)
elif event and event.row:
    job = jobs[event.row]
    # The table's event carries the label of the link that was clicked.
    if link := next((link for link in page_links(job, runs(), run_labels()) if link.label == event.action), None):
        st.switch_page(link.page, query_params=list(link.query))
    elif event.action == "Remove":
        confirm_forget([job])
    elif event.action == "Retry":
        with error_notice():
            services().jobs.retry(job.id)
            st.rerun()
    else:
        st.query_params["job"] = job.id
        job_dialog(job.id)
elif asked:
    job_dialog(asked)
