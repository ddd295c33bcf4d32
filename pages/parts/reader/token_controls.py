"""The Reader's choice of colour: what a token's background means, and whose figures it shows.

Owns these controls, their place in the address and the names of scorers. Knows nothing of how colours are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from backend.domain import Context, Cue, visible
from backend.services.traces.trace_reader import OpenTrace, TokenScores
from pages.components.frame.session import services
from pages.components.live.live_setup import CONTEXTS
from pages.components.viewer.token_layer import Colour, TokenLayer, layer_of


@st.cache_resource(show_spinner=False, max_entries=4)
def _scores(trace: str, parts: tuple[str, ...]) -> list[TokenScores]:
    """Never changed, so every session may hold the same ones; `parts` are other ones after a scoring."""
    return services().traces.tokens(trace)


@st.cache_resource(show_spinner=False, max_entries=8)
def _layer(
    trace: str, parts: tuple[str, ...], colour: Colour, places: tuple[int, ...], cues: tuple[Cue, ...]
) -> TokenLayer:
    """The layer of the scorers at `places`."""
    scores = [_scores(trace, parts)[place] for place in places]
    return layer_of(colour, scores[0], [scorer_name(each) for each in scores], cues, *scores[1:])


def scorer_name(scores: TokenScores) -> str:
    """Who saw the tokens: "written by lab-base", "read by lab-sft-guided, shown the full solution"."""
    shown = "" if scores.context is Context.NONE else f", shown {CONTEXTS[scores.context]}"
    return f"{'written' if scores.generated else 'read'} by {visible(scores.model, 80)}{shown}"


def token_controls(trace: OpenTrace) -> TokenLayer | None:
    """Draw the controls, where the trace has tokens, and return the layer asked for; None leaves the text blank."""
    parts = services().traces.token_parts(trace.id)
    scores = _scores(trace.id, parts) if parts else []
    if not scores:
        return None
    chosen = st.segmented_control(
        "Colour", _colours(scores), default=Colour.CUES.value, required=True, key="colour", bind="query-params",
        label_visibility="collapsed", help="What the background of a token shows; cues keep their underlines.",
    )  # fmt: skip
    colour = Colour(chosen or Colour.CUES)
    if colour is Colour.CUES:
        return None
    everyone = list(range(len(scores)))
    places: tuple[int, ...] = (0,)
    if colour is Colour.DIFFERENCE:
        hinted = next((place for place in everyone if scores[place].context is not Context.NONE), 0)
        first = _scorer("With", "with", scores, everyone, hinted)
        others = [place for place in everyone if place != first]
        places = (first, _scorer("Over", "over", scores, others, _partner(scores, first, others)))
    elif len(scores) > 1:
        places = (_scorer("Scorer", "scorer", scores, everyone, 0),)
    return _layer(trace.id, parts, colour, places, trace.response_cues)


def _colours(scores: Sequence[TokenScores]) -> list[str]:
    known = any(entropy is not None for each in scores for entropy in each.entropies[:1])
    return [
        colour.value
        for colour, there in zip(Colour, (True, True, known, len(scores) > 1), strict=True)
        if there
    ]  # fmt: skip


def _scorer(label: str, key: str, scores: Sequence[TokenScores], places: list[int], default: int) -> int:
    """The place of the scorer a person picks, by name, which the address keeps."""
    by_name = {scorer_name(scores[place]): place for place in places}
    names = list(by_name)
    picked = st.selectbox(
        label, names, index=places.index(default), key=key, bind="query-params", label_visibility="collapsed",
        width=240, help="Whose are taken off" if key == "over" else "Whose log-probabilities are shown",
    )  # fmt: skip
    return by_name.get(picked or names[0], default)


def _partner(scores: Sequence[TokenScores], first: int, others: list[int]) -> int:
    """Whom to compare with at first: the same model that was shown nothing, else the same model, else anybody."""
    own = [place for place in others if scores[place].model == scores[first].model]
    plain = [place for place in own if scores[place].context is Context.NONE]
    return (plain or own or others)[0]
