"""Training examples of the detector: annotated texts, and the state of each of their tokens or sentences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from backend.annotation import LabelKind, Span
from backend.detect.linear_model import Unit
from backend.detect.tokens import Ints, Tokens, tokenise

_SENTENCE_WORDS = 5  # spans shorter than this on average are no sentences, even where they fill one ("Wait.")


@dataclass(frozen=True, slots=True)
class Example:
    """A text of which `[start, end)` was annotated; `spans` holds every cue in it."""

    text: str
    spans: tuple[Span, ...]
    # The trace or document it came from. Examples of one source are never split into training and test: they repeat
    # each other's phrases, and the test would measure memory.
    source: str
    start: int = 0
    end: int | None = None

    @property
    def window(self) -> tuple[int, int]:
        """Where its annotated stretch begins and ends."""
        return self.start, len(self.text) if self.end is None else self.end


def unit_of(examples: Iterable[Example]) -> Unit:
    """Whether the cues are mostly whole sentences."""
    whole = words = total = 0
    for example in examples:
        tokens = tokenise(example.text)
        for span in example.spans:
            first, after = tokens.within(span.start, span.end)
            if after > first:
                total, words = total + 1, words + after - first
                whole += _whole(tokens, first, after)
    return Unit.SENTENCES if 2 * whole > total and words > _SENTENCE_WORDS * total else Unit.SPANS


def _whole(tokens: Tokens, first: int, after: int) -> bool:
    """Whether a span begins and ends where sentences do."""
    begins = first == 0 or tokens.sentences[first - 1] != tokens.sentences[first]
    return bool(begins and (after == len(tokens) or tokens.sentences[after - 1] != tokens.sentences[after]))


def states(tokens: Tokens, example: Example, labels: Sequence[LabelKind], unit: Unit) -> Ints:
    """The state of each token (see decoding.py), or, of sentences, the number of the label its tokens were given."""
    numbers = {label.key: i for i, label in enumerate(labels)}
    found = np.zeros(len(tokens), dtype=np.int64)
    for start, end, label in sorted(example.spans, key=lambda span: (span.start, -span.end, span.label)):
        first, after = tokens.within(start, end)
        # A token has one state: of overlapping spans the first, and of those the longest, stays.
        if label not in numbers or after == first or found[first:after].any():
            continue
        if unit is Unit.SENTENCES:
            found[first:after] = 1 + numbers[label]
        else:
            found[first] = 1 + 2 * numbers[label]
            found[first + 1 : after] = 2 + 2 * numbers[label]
    return found


def sentence_states(given: Ints, first: Ints) -> Ints:
    """The label of each sentence, of which `first` are the first tokens: the one most of its tokens were given."""
    after = np.append(first[1:], len(given))
    return np.array([np.bincount(given[a:b]).argmax() for a, b in zip(first, after, strict=True)], dtype=np.int64)
