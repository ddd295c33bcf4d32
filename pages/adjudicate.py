"""Adjudicate: the labels that count where annotators differ, item by item, the worst agreement first."""

import streamlit as st

from backend.annotation import Role
from pages.components.frame.address import go_to
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import needs_name, require_person
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.components.labelling.adjudication_queue import adjudication_queue
from pages.components.labelling.project_choice import choose_project
from pages.parts.adjudicate.adjudicate_view import adjudicate_view
from pages.parts.adjudicate.merge_popover import merge_popover
from pages.parts.adjudicate.queue_table import agreement_words, queue_table, walking_order

person = require_person()
header = page_header("Adjudicate")
info = choose_project(person, header)
needs_name(person)
if not person.role.covers(Role.ADJUDICATOR):
    notice("Deciding which labels count takes the role of an adjudicator: ask an admin for it.", "info")
    st.stop()

queue = adjudication_queue(info.project.id)
with header:
    merge_popover(person, info.project)
asked = st.query_params.get("item", "")
if not asked:
    chosen = queue_table(info, queue)
    if chosen:
        go_to(item=chosen)
    st.stop()

with header:
    if st.button("Queue", icon=":material/list:"):
        go_to(item=None)
with error_notice(stop=True):
    sheet = services().adjudication.sheet(person.id, asked)
# Previous and next follow the order of the table: one who settles item by item meets the worst first.
places = [row.item for row in walking_order(queue)]
here = places.index(asked) if asked in places else -1
words = next((agreement_words(row) for row in queue if row.item == asked), "")
result = adjudicate_view(sheet, person.id, words, key="adjudicate")
if result.move or result.settled:
    # Read again: settling this item has changed the queue, and others adjudicate as well.
    open_after = [row.item for row in adjudication_queue(info.project.id) if not row.settled and row.item != asked]
    later = [item for item in places[here + 1 :] if item in open_after] or open_after
    beside = places[max(0, min(len(places) - 1, here + (result.move or 0)))]
    go_to(item=next(iter(later), None) if result.settled else beside)
