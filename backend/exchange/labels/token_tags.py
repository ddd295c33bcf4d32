"""Spans as BIO tags of tokens, for formats that hold nothing else.

Owns which spans such tags can hold, and the list of those they can't.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backend.annotation import AnnotatedSpan, AnnotatedText, Scheme
from backend.detect.tokens import Tokens, tokenise
from backend.exchange.labels.parts import Bundle, Window, people_of

OVERLAPS, NO_TOKEN, WIDENED = "overlaps a span that was kept", "holds no token", "widened to whole tokens"


class Lost(NamedTuple):
    """A span that the tags don't hold, or hold widened."""

    text: str
    annotator: str
    span: AnnotatedSpan
    quote: str
    why: str


class Tagged(NamedTuple):
    """A text's annotated stretch as one annotator's tags, or as gold's (`annotator` is "" and `gold` True)."""

    text: AnnotatedText
    window: Window
    annotator: str
    gold: bool
    done: bool
    tokens: Tokens
    tags: tuple[str, ...]
    lost: tuple[Lost, ...]


def tagged(bundle: Bundle) -> Iterator[Tagged]:
    """Every layer of every text as tags, gold last."""
    scheme = bundle.scheme or Scheme((), ())
    # A label that says "no cue here" is no tag: its tokens are O, like everything nobody marked.
    negative = {label.key for label in scheme.labels if label.negative}
    for text in bundle.texts:
        window = Window.of(text)
        tokens = tokenise(window.text)
        spans = [span for span in text.spans if span.label not in negative and not span.rejected]
        for name in people_of(text):
            own = [span for span in spans if span.annotator == name and not span.gold]
            yield _tagged(text, window, tokens, own, name, False, name in text.done)
        gold = [span for span in spans if span.gold]
        settled = text.meta.get("settled") is True
        if settled or any(span.gold for span in text.spans):
            yield _tagged(text, window, tokens, gold, "", True, settled)


def _tagged(
    text: AnnotatedText,
    window: Window,
    tokens: Tokens,
    spans: Sequence[AnnotatedSpan],
    name: str,
    gold: bool,
    done: bool,
) -> Tagged:
    tags, lost = ["O"] * len(tokens), []
    # A token has one tag: of spans that overlap the first stays, and of those the longest.
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.label)):
        start, end = span.start - window.start, span.end - window.start
        first, after = tokens.within(start, end)
        why = NO_TOKEN if first == after else OVERLAPS if any(tag != "O" for tag in tags[first:after]) else ""
        if not why:
            tags[first:after] = [f"B-{_word(span.label)}", *[f"I-{_word(span.label)}"] * (after - first - 1)]
            # A span that ends inside a token is widened to it: half a token can't have a tag.
            wide = (int(tokens.starts[first]), int(tokens.ends[after - 1]))
            why = WIDENED if wide[0] < start or wide[1] > end else ""
        if why:
            lost.append(Lost(text.id, "gold" if gold else name, span, window.text[start:end], why))
    return Tagged(text, window, name, gold, done, tokens, tuple(tags), tuple(lost))


def _word(label: str) -> str:
    # A tag is one column of a line: no white space, and never empty.
    return "_".join(label.split()) or "_"


def names_of(bundle: Bundle) -> list[str]:
    """Every tag there may be, O first; a tag's number is its place here."""
    scheme = bundle.scheme or Scheme((), ())
    negative = {label.key for label in scheme.labels if label.negative}
    used = (span.label for text in bundle.texts for span in text.spans)
    labels = dict.fromkeys(
        _word(key) for key in (*(label.key for label in scheme.labels), *used) if key not in negative
    )
    return ["O", *(f"{place}-{label}" for label in labels for place in "BI")]


def sentences_on(rows: Sequence[Tagged], texts: int) -> tuple[str, ...]:
    """Sentences on what the tags don't hold."""
    counts = Counter(lost.why for row in rows for lost in row.lost)
    notes = [f"{count:,} span{_s(count)} {_WORDS[why][count > 1]}" for why, count in sorted(counts.items())]
    sentences = (f"{'; '.join(notes)}.",) if notes else ()
    # By identity: two texts may be equal, and each is one that somebody labelled or didn't.
    nobody = texts - len({id(row.text) for row in rows})
    verb = "is" if nobody == 1 else "are"
    return sentences + ((f"{nobody:,} text{_s(nobody)} that nobody has labelled {verb} left out.",) if nobody else ())


_WORDS = {
    OVERLAPS: ("is left out, which overlaps one that was kept", "are left out, which overlap one that was kept"),
    NO_TOKEN: ("is left out, which holds no token", "are left out, which hold no token"),
    WIDENED: ("was widened to whole tokens", "were widened to whole tokens"),
}


def _s(count: int) -> str:
    return "" if count == 1 else "s"
