"""The Reader's choice of colour: what a token's background means, and whose figures it shows.

Owns these controls, their place in the address and the names of scorers. Knows nothing of how colours are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from backend.domain import Context, Cue, visible
from backend.services import OpenTrace
from backend.services.reading import TokenScores
from pages.components.live_setup import CONTEXTS
from pages.components.session import services
from pages.components.token_layer import Colour, TokenLayer, layer_of


@st.cache_resource(show_spinner=False, max_entries=4)
def _scores(trace: str, parts: tuple[str, ...]) -> list[TokenScores]:
    """Never changed, so every session may hold the same ones; `parts` are other ones after a scoring."""
    return services().reading.tokens(trace)


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
    parts = services().reading.token_parts(trace.id)
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
    first = _scorer("Scorer", "scorer", scores, list(range(len(scores))), 0) if len(scores) > 1 else 0
    places: tuple[int, ...] = (first,)
    if colour is Colour.DIFFERENCE:
        others = [place for place in range(len(scores)) if place != first]
        places = (first, _scorer("Over", "over", scores, others, _partner(scores, first)))
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
        width=300, help="Whose log-probabilities are shown" if key == "scorer" else "Whose are taken off",
    )  # fmt: skip
    return by_name.get(picked or names[0], default)


def _partner(scores: Sequence[TokenScores], first: int) -> int:
    """Whom to compare with at first: the same model shown something else, else anybody else."""
    others = [place for place in range(len(scores)) if place != first]
    same = [p for p in others if (scores[p].model, scores[p].context) != (scores[first].model, scores[first].context)]
    own = [place for place in same if scores[place].model == scores[first].model]
    return (own or same or others)[0]
