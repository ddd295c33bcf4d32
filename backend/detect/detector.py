"""The detector: finds cues in a text with a trained model, and says how sure the model is of them.

It is a `lexicon.finder.CueFinder`, so that it stands wherever a matcher does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detect import decoding
from backend.detect.features import EDGE, Template, Vocabulary, attributes, encode, keys, sizes
from backend.detect.linear_model import SCALE, DetectorModel, TemplateWeights, Unit
from backend.detect.tokens import Ints, Tokens, tokenise
from backend.lexicon.entries import Lexicon
from backend.lexicon.finder import Hit
from backend.lexicon.matcher import Matcher


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A table of weights as numbers: the keys of its features, ascending, and their weights."""

    template: Template
    keys: Ints
    weights: NDArray[np.int64]


class Detector:
    """Finds cues as a trained model marks them. It has no mutable state, so threads may share it."""

    def __init__(self, model: DetectorModel, lexicon: Lexicon) -> None:
        """`lexicon` is the model's own, from `DetectorModel.as_lexicon`."""
        self.model, self.lexicon = model, lexicon
        self.entry_of = lexicon.entries
        self.forms = tuple(entry.name for entry in lexicon.entries)
        self._matcher = Matcher(model.lexicon) if model.lexicon else None
        # Only values that some feature asks for: every other word is number 0, and makes no feature.
        self._vocabulary = Vocabulary.of(_values(model.tables))
        self._sizes = sizes(self._vocabulary)
        self._tables = [self._compiled(table) for table in model.tables]
        self._bias = np.array(model.bias, dtype=np.int64)

    def find(self, text: str) -> list[Hit]:
        """Every cue in `text`, in order of start; they don't overlap."""
        tokens = tokenise(text)
        if not len(tokens):
            return []
        scores = self._scores(tokens, text)
        if self.model.unit is Unit.SPANS:
            found = decoding.spans(scores, tokens.paragraphs)
            return [(label, int(tokens.starts[a]), int(tokens.ends[b - 1])) for label, a, b in found]
        first, after = _sentences(tokens)
        best = self._summed(scores, first).argmax(axis=1)
        return [
            (int(best[i]) - 1, int(tokens.starts[first[i]]), int(tokens.ends[after[i] - 1]))
            for i in np.flatnonzero(best).tolist()
        ]

    def count(self, text: str) -> dict[str, int]:
        """Cues of each entry by name, zeros included."""
        counts = dict.fromkeys(self.forms, 0)
        for form, _, _ in self.find(text):
            counts[self.forms[form]] += 1
        return counts

    def expected_errors(self, text: str, windows: Sequence[tuple[int, int]]) -> list[float]:
        """For each stretch of `text`, how many of its words (or sentences) the model is expected to get wrong.

        Uncertainty sampling ranks items by it.
        """
        tokens = tokenise(text)
        if not len(tokens):
            return [0.0] * len(windows)
        scores = self._scores(tokens, text)
        places = [tokens.within(start, end) for start, end in windows]
        if self.model.unit is Unit.SENTENCES:
            first, after = _sentences(tokens)
            scores = self._summed(scores, first)
            places = [
                (int(np.searchsorted(after, a, "right")), int(np.searchsorted(first, b, "left"))) for a, b in places
            ]
        return [_expected_errors(scores[a:b] / SCALE) for a, b in places]

    def _scores(self, tokens: Tokens, text: str) -> Ints:
        """Each token's score for each state [tokens, states], in hundredths; those of sentences lack the bias."""
        encoded = encode(tokens, text, self._matcher, self._vocabulary)
        scores = np.zeros((len(tokens), self.model.states), dtype=np.int64)
        if self.model.unit is Unit.SPANS:
            scores += self._bias
        for table in self._tables:
            asked = keys(table.template, encoded, self._sizes)
            # Binary search in the features that have weights: most of a text's features have none.
            held = np.flatnonzero(asked)
            place = np.searchsorted(table.keys, asked[held])
            known = table.keys[np.minimum(place, len(table.keys) - 1)] == asked[held]
            scores[held[known]] += table.weights[place[known]]
        return scores

    def _summed(self, scores: Ints, first: Ints) -> Ints:
        """Scores of sentences out of those of their tokens."""
        # The bias is added once a sentence, not once a token.
        summed: Ints = np.add.reduceat(scores, first, axis=0) + self._bias
        return summed

    def _compiled(self, table: TemplateWeights) -> _Compiled:
        asked: Ints = np.zeros(len(table.values), dtype=np.int64)
        for place, (name, _) in enumerate(table.template):
            numbers = self._vocabulary.numbers[name]
            wanted = np.array([numbers[values[place]] for values in table.values], dtype=np.int64)
            asked = asked * (self._sizes[name] + 1) + wanted
        # The product of vocabularies is far larger than the features that have weights: a sorted list, not an array.
        order = np.argsort(asked)
        weights = np.array(table.weights, dtype=np.int64).reshape(-1, self.model.states)
        return _Compiled(table.template, asked[order], weights[order])


def _values(tables: Sequence[TemplateWeights]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {name: {} for name in attributes([table.template for table in tables])}
    for table in tables:
        for place, (name, _) in enumerate(table.template):
            found[name].update(dict.fromkeys(values[place] for values in table.values if values[place] != EDGE))
    return {name: list(values) for name, values in found.items()}


def _sentences(tokens: Tokens) -> tuple[Ints, Ints]:
    """The first token of each sentence that has any, and the one after its last."""
    first = np.flatnonzero(np.diff(tokens.sentences, prepend=-1))
    return first, np.append(first[1:], len(tokens))


def _expected_errors(scores: NDArray[np.float64]) -> float:
    """The sum over rows of 1 - softmax of the best state."""
    if not len(scores):
        return 0.0
    # Shifted by the largest score, exp can't overflow, and the best state's own term is 1.
    chances = np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)
    return float((1 - 1 / chances).sum())
