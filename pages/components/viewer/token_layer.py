"""The colouring of a trace's tokens by probability, entropy or difference, packed for the browser.

Owns the colour scales with their labels and the packed form. Offsets are code points here; the browser converts them
to UTF-16.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.domain import Cue, digest
from backend.services.traces.trace_reader import CueContrast, TokenScores, cue_contrast

_NONE = 255  # the shade of a token nothing is known of
# Log-probabilities of alternatives go out as thousandths of a nat in 16 bits, which end at -65 nats.
_MILLI, _MOST_MILLI = 1_000, 65_535


class Colour(StrEnum):
    """What the background of a token means; `cues` leaves it blank."""

    CUES = "cues"
    PROBABILITY = "probability"
    ENTROPY = "entropy"
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True)
class ShadeScale:
    """Shade i is for values from `bounds[i - 1]` up to `bounds[i]` and labelled `labels[i]`; the shade "" is blank.

    `figure` names the value in means: the surprise of a token is minus its log-probability.
    """

    bounds: tuple[float, ...]
    shades: tuple[str, ...]
    labels: tuple[str, ...]
    figure: str


_SURPRISE = ("", "s1", "s2", "s3", "s4", "s5")
SCALES: Mapping[Colour, ShadeScale] = {
    Colour.PROBABILITY: ShadeScale(
        tuple(-math.log(share) for share in (0.9, 0.5, 0.2, 0.05, 0.01)), _SURPRISE,
        ("over 90%", "50–90%", "20–50%", "5–20%", "1–5%", "under 1%"), "surprise",
    ),
    Colour.ENTROPY: ShadeScale(
        (0.25, 0.5, 1.0, 1.5, 2.5), _SURPRISE,
        ("under 0.25 nats", "0.25–0.5", "0.5–1", "1–1.5", "1.5–2.5", "over 2.5"), "entropy",
    ),
    Colour.DIFFERENCE: ShadeScale(
        tuple(sign * math.log(times) for sign, times in ((-1, 20), (-1, 4), (-1, 1.5), (1, 1.5), (1, 4), (1, 20))),
        ("l3", "l2", "l1", "", "m1", "m2", "m3"),
        ("over 20× less likely", "4–20×", "1.5–4×", "about the same", "1.5–4×", "4–20×", "over 20× likelier"),
        "difference",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TokenLayer:
    """A layer ready for the browser. `key` is the same as long as nothing about it changes."""

    key: str
    data: Mapping[str, Any]


def layer_of(
    colour: Colour, scores: TokenScores, names: Sequence[str], cues: Sequence[Cue], other: TokenScores | None = None
) -> TokenLayer:
    """The layer of `colour` for a trace's tokens, with its means in `cues` and elsewhere.

    `names` say who scored: one name, and the name of `other` after it, whose log-probabilities are taken off in
    `difference`. There only tokens both cut alike are compared.
    """
    scale = SCALES[colour]
    second = _aligned(scores, other) if other else None
    values = _values(colour, scores, second)
    known = np.isfinite(values)
    shades = np.where(known, np.searchsorted(scale.bounds, np.where(known, values, 0.0), side="right"), _NONE)
    texts = {text: i for i, text in enumerate(dict.fromkeys(text for top in scores.top for text, _ in top))}
    flat = [alternative for top in scores.top for alternative in top]
    data = {
        "title": _title(colour, names),
        "names": list(names),
        "steps": [{"shade": shade, "label": label} for shade, label in zip(scale.shades, scale.labels, strict=True)],
        "said": means(scale, cue_contrast(scores, values.tolist(), cues)),
        "starts": _packed(scores.starts, "<i4"),
        "ends": _packed(scores.ends, "<i4"),
        "shades": _packed(shades, "u1"),
        "logprobs": _packed(_floats(scores.logprobs), "<f4"),
        "entropies": _packed(_floats(scores.entropies), "<f4"),
        "others": None if second is None else _packed(second, "<f4"),
        "forced": _packed(scores.forced if scores.generated else [False] * len(scores.starts), "u1"),
        # A token may be half of a character, and its text hold a lone surrogate.
        "texts": [text.encode("utf-8", "replace").decode() for text in texts],
        "top": _packed([texts[text] for text, _ in flat], "<i4"),
        "topMilli": _packed(np.clip([-logprob * _MILLI for _, logprob in flat], 0, _MOST_MILLI), "<u2"),
        "topEnds": _packed(np.cumsum([len(top) for top in scores.top]), "<i4"),
    }
    parts = [part for part in data.values() if isinstance(part, str)]
    return TokenLayer(digest(colour, *names, *parts), data)


def means(scale: ShadeScale, found: CueContrast) -> str:
    """The legend's sentence on whether the model is less sure in its cues: means in nats, n and the cues' interval."""
    if found.cues is None or found.rest is None:
        return ""
    ends = f" [{found.cues.low:.2f}, {found.cues.high:.2f}]" if found.cues.low is not None else ""
    inside = f"{found.cues.value:.2f} nats{ends} in cues (n = {found.cues.n:,})"
    return f"mean {scale.figure} {inside}, {found.rest:.2f} elsewhere (n = {found.rest_n:,})".replace("-", "−")


def _title(colour: Colour, names: Sequence[str]) -> str:
    if colour is Colour.DIFFERENCE:
        return f"How much likelier: {names[0]} over {names[1]}"
    return f"{'Probability' if colour is Colour.PROBABILITY else 'Entropy'} of each token, {names[0]}"


def _values(colour: Colour, scores: TokenScores, second: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if colour is Colour.ENTROPY:
        return _floats(scores.entropies)
    logprobs = _floats(scores.logprobs)
    return -logprobs if second is None else logprobs - second


def _aligned(scores: TokenScores, other: TokenScores) -> NDArray[np.float64]:
    """The other's log-probability of each token, NaN where it cut the text in other places."""
    # Another tokenizer cuts elsewhere: what it says of other stretches can't be compared token by token.
    known = dict(zip(zip(other.starts, other.ends, strict=True), other.logprobs, strict=True))
    return _floats([known.get(place) for place in zip(scores.starts, scores.ends, strict=True)])


def _floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _packed(values: ArrayLike, kind: str) -> str:
    # A tenth of JSON's work for a trace of 32,000 tokens, here and in the browser.
    return base64.b64encode(np.asarray(values).astype(kind).tobytes()).decode("ascii")
