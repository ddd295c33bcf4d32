"""The Reader's token colours: the choice of the figure that a token's background shows, and of the scorer it is from.

Owns these controls, their place in the address and the names of scorers.
"""

from collections.abc import Sequence

import streamlit as st

from backend.domain import Context, Cue, visible
from backend.services.traces.trace_reader import OpenTrace, TokenScores
from pages.components.frame.session import services
from pages.components.live.live_setup import CONTEXTS
from pages.components.viewer.token_layer import Colour, TokenLayer, layer_of


@st.cache_resource(show_spinner=False, max_entries=4)
def _scores(trace: str, parts: tuple[str, ...]) -> list[TokenScores]:
    # Shared and not copied: 30,000 tokens with their alternatives, which nobody changes. After a further scoring the
    # trace has other `parts`, and with them another key.
    return services().traces.tokens(trace)


@st.cache_resource(show_spinner=False, max_entries=8)
def _layer(
    trace: str, parts: tuple[str, ...], colour: Colour, places: tuple[int, ...], cues: tuple[Cue, ...]
) -> TokenLayer:
    scores = [_scores(trace, parts)[place] for place in places]
    return layer_of(colour, scores[0], [scorer_name(each) for each in scores], cues, *scores[1:])


def scorer_name(scores: TokenScores) -> str:
    """A scorer's name: "written by lab-base", "read by lab-sft-guided, shown the full solution"."""
    shown = "" if scores.context is Context.NONE else f", shown {CONTEXTS[scores.context]}"
    return f"{'written' if scores.generated else 'read'} by {visible(scores.model, 80)}{shown}"


def token_controls(trace: OpenTrace) -> TokenLayer | None:
    """Draws the controls, where the trace has tokens; returns the chosen layer, None where only cues are marked."""
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
        # At first the same model that was shown nothing, else the same model, else anybody: their difference is what
        # the context did.
        own = [place for place in others if scores[place].model == scores[first].model]
        plain = [place for place in own if scores[place].context is Context.NONE]
        places = (first, _scorer("Over", "over", scores, others, (plain or own or others)[0]))
    elif len(scores) > 1:
        places = (_scorer("Scorer", "scorer", scores, everyone, 0),)
    return _layer(trace.id, parts, colour, places, trace.response_cues)


def _colours(scores: Sequence[TokenScores]) -> list[str]:
    # The first token stands for all: a scorer gives entropies for every token or for none.
    known = any(entropy is not None for each in scores for entropy in each.entropies[:1])
    return [
        colour.value
        for colour, there in zip(Colour, (True, True, known, len(scores) > 1), strict=True)
        if there
    ]  # fmt: skip


def _scorer(label: str, key: str, scores: Sequence[TokenScores], places: list[int], default: int) -> int:
    """Draws the choice of a scorer; returns its place in `scores`."""
    # Names and not places stand in the address: a further scoring may move the places.
    by_name = {scorer_name(scores[place]): place for place in places}
    names = list(by_name)
    picked = st.selectbox(
        label, names, index=places.index(default), key=key, bind="query-params", label_visibility="collapsed",
        width=240, help="Whose are taken off" if key == "over" else "Whose log-probabilities are shown",
    )  # fmt: skip
    return by_name.get(picked or names[0], default)
