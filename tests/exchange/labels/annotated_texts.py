"""Annotated texts with whatever can go wrong in them, for Hypothesis: made once for every test of their formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from backend.annotation import DEFAULT_SCHEME, AnnotatedSpan, AnnotatedText, LabelKind, MachineCue, Scheme
from backend.domain import Group
from backend.exchange.labels import span_formats
from backend.exchange.labels.parts import Bundle

FOLDER = TemporaryDirectory()  # one for all examples: a fixture a test would outlive its example
HOSTILE = (
    *("../../etc/passwd", "..", ".", "/abs", "C:\\x", "a/b\\c", "CON", "gold", "open", "x" * 300),
    *("<script>alert(1)</script>", "'; DROP TABLE labels; --", "a b\tc\nd", "\u202eevil", "名前", "Zoë", "T1", "-X-"),
)
PIECES = st.sampled_from(
    (
        *("\r\n", "\r", "\n", "\t", " ", "\u2028", "\x85", "\x0b", "\x00", "\x1b[31m", "\ufeff", "\\n", "\\"),
        *("😀", "👩\u200d🔬", "e\u0301", "\u202e", "שלום", "我想也许", "Wait", "maybe", "hmm", "I think", "7", "."),
    )
)
WORDS = st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=10).map("".join)
NAMES = st.one_of(st.sampled_from(["Ann", "Bob", *HOSTILE]), st.text(min_size=1, max_size=6))
IDS = st.one_of(st.just(""), st.uuids().map(lambda one: one.hex))


@st.composite
def spans(draw: st.DrawFn, text: str, start: int, end: int, people: list[str]) -> AnnotatedSpan:
    """A span within `[start, end)` of `text`."""
    first = draw(st.integers(start, end - 1))
    gold = draw(st.booleans())
    cue = st.builds(MachineCue, st.sampled_from(["doubts@1", "x"]), WORDS, st.just(0), st.integers(1, len(text)))
    return AnnotatedSpan(
        start=first,
        end=draw(st.integers(first + 1, end)),
        label=draw(st.sampled_from(["hedge", "hesitation", "not-a-cue", *HOSTILE])),
        annotator="" if gold else draw(st.sampled_from(people)),
        gold=gold,
        flag=draw(st.sampled_from(["", "filler", "genuine doubt", *HOSTILE])),
        comment=draw(WORDS),
        how=draw(st.sampled_from(["", "mouse", "keyboard"])),
        id=draw(IDS),
        machine=draw(st.none() | cue),
        rejected=gold and draw(st.booleans()),
        reason=draw(st.sampled_from(["", "slip"])) if gold else "",
        at=draw(st.sampled_from(["", "2026-01-02T03:04:05Z"])),
        scheme_version=draw(st.integers(1, 3)),
        guidelines_version=draw(st.integers(1, 3)),
    )


@st.composite
def texts(draw: st.DrawFn) -> AnnotatedText:
    """A text, annotated whole or in part, by people who finished or not."""
    text = draw(WORDS.filter(bool))
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, len(text)))
    if draw(st.booleans()):
        start, end = 0, len(text)
    people = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    found = tuple(draw(st.lists(spans(text, start, end, people), max_size=6)))
    done = tuple(draw(st.lists(st.sampled_from(people), unique=True)))
    meta: dict[str, Any] = draw(st.sampled_from([{}, {"blind": True}, {"settled": True}]))
    if draw(st.booleans()):
        meta = meta | {"people": {people[0]: {"state": "flagged", "note": "a\nb", "seconds": 1.5}}}
    return AnnotatedText(draw(NAMES), text, found, start, end, done, meta)


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    """Some texts with their project; a text may come twice, in two stretches."""
    found = draw(st.lists(texts(), min_size=1, max_size=3))
    if draw(st.booleans()):
        found.append(replace(found[0], id="again", spans=(), start=0, end=1, done=()))
    return Bundle(
        texts=tuple(found),
        scheme=draw(st.sampled_from([DEFAULT_SCHEME, Scheme((LabelKind("a", "<b>", Group.HEDGE, False, "d"),), ())])),
        name=draw(NAMES),
        guidelines=draw(WORDS),
        scheme_version=3,
        guidelines_version=3,
        lexicon="doubts@1",
        annotators=2,
    )


def kept(name: str, raw: bytes) -> Path:
    """A file of these bytes."""
    path = Path(FOLDER.name) / name
    path.write_bytes(raw)
    return path


def there_and_back(form: str, bundle: Bundle, file: str = "labels.dat") -> Bundle:
    """Written by the exporter, then read by its content alone."""
    return span_formats.read(kept(file, span_formats.write(form, bundle).data))
