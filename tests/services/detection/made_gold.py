"""Texts with gold made for tests of detectors: "may" is a cue before a verb and a month after "in"."""

from __future__ import annotations

import random

from backend.annotation import DEFAULT_SCHEME, AnnotatedSpan, AnnotatedText, Project
from backend.services import Services

_PATTERNS = (
    ("The NOUN [may] VERB.", "hedge"),
    ("It was in may that the NOUN began.", ""),
    ("[Zounds], the NOUN is odd.", "hesitation"),
    ("So the NOUN is even.", ""),
)
_NOUNS, _VERBS = ("sum", "proof", "angle", "claim"), ("hold", "fail", "end", "last")


def texts(count: int = 12, seed: int = 1) -> list[AnnotatedText]:
    """Texts of six sentences, their cues marked as gold."""
    draw, made = random.Random(seed), []
    for number in range(count):
        text, spans = "", []
        for pattern, label in draw.choices(_PATTERNS, k=6):
            said = pattern.replace("NOUN", draw.choice(_NOUNS)).replace("VERB", draw.choice(_VERBS))
            if label:
                at = len(text)
                spans.append(AnnotatedSpan(at + said.index("["), at + said.index("]") - 1, label, gold=True))
            text += said.replace("[", "").replace("]", "") + " "
        made.append(AnnotatedText(f"text {number}", f"{text}({number})", tuple(spans)))
    return made


def person(services: Services, name: str = "Ada") -> str:
    """Somebody who may do everything."""
    return services.people.local(name).id


def project(services: Services, count: int = 12) -> Project:
    """A project of such texts, settled."""
    return services.projects.import_texts(person(services), "zounds", DEFAULT_SCHEME, texts(count), True)
