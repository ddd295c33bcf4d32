"""A page that shows the trace viewer alone, on the case named in its address.

Owns reading a case (a JSON file in the folder `TRACE_VIEW_CASES`) into panes. Knows nothing of stores or pages.
What the viewer sends back is written out below it as text, for the tests to read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import streamlit as st

from backend.domain import Context, Cue, Group, Section, SectionSpan
from backend.services.traces.trace_reader import TokenScores
from pages.components.viewer.token_layer import Colour, TokenLayer, layer_of
from pages.components.viewer.trace_view import Fact, Options, Pane, PaneVerdict, SamplePosition, read_range, trace_view


def pane_of(given: dict[str, Any]) -> Pane:
    """A pane from its JSON: the fields of `Pane`, nested values as lists of arguments."""
    plain = {
        name: given[name] for name in given.keys() & {"id", "title", "text", "subtitle", "tag", "prompt", "ending"}
    }
    plain |= {name: given[name] for name in given.keys() & {"download", "link"}}
    cues = [Cue(start, end, entry, Group(group), Section(name)) for start, end, entry, group, name in given["cues"]]
    return Pane(
        **plain,
        verdict=PaneVerdict(**given["verdict"]) if "verdict" in given else None,
        sample=SamplePosition(*given["sample"]) if "sample" in given else None,
        facts=[Fact(*fact) for fact in given.get("facts", [])],
        sections=[SectionSpan(Section(name), start, end) for name, start, end in given.get("sections", [])],
        cues=cues,
        tokens=tokens_of(given["tokens"], cues) if "tokens" in given else None,
    )


def tokens_of(given: dict[str, Any], cues: list[Cue]) -> TokenLayer:
    """The layer of one or two scorers, each a JSON object of the fields of `TokenScores`."""
    lists = [{name: tuple(v) if isinstance(v, list) else v for name, v in each.items()} for each in given["scores"]]
    scores = [TokenScores(**(each | {"context": Context(each["context"])})) for each in lists]
    return layer_of(Colour(given["colour"]), scores[0], given["names"], cues, *scores[1:])


st.set_page_config(layout="wide")
name = st.query_params.get("case", "plain")
case = json.loads((Path(os.environ["TRACE_VIEW_CASES"]) / f"{Path(name).name}.json").read_text(encoding="utf-8"))
panes = [pane_of(pane) for pane in case["panes"]]
typed = st.text_input("Search") if case.get("input") else ""
runs = st.session_state["runs"] = st.session_state.get("runs", 0) + 1
if case.get("changing_facts"):
    panes = [
        Pane(**{field: getattr(pane, field) for field in pane.__slots__} | {"facts": (Fact(str(runs), "runs"),)})
        for pane in panes
    ]
result = trace_view(
    panes, key="viewer", active=read_range(st.query_params.to_dict(), panes), options=Options(**case.get("options", {}))
)
if result.step or result.go_on:
    st.session_state["last"] = f"step={result.step} go_on={result.go_on}"
drawn = bool(st.session_state["viewer"].get("mathematics"))
st.text(f"runs={runs} last={st.session_state.get('last')} mathematics={drawn}")
st.button("Run again")
