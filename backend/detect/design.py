"""The design matrix of the detector's training: a row a word (or sentence), a column a feature, sparse.

Owns which values and features are looked at. Loads scipy when a matrix is made.
"""

import importlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.annotation import LabelKind
from backend.detect.examples import Example, sentence_states, states
from backend.detect.features import (
    SENTENCE_TEMPLATES,
    SPAN_TEMPLATES,
    Template,
    Vocabulary,
    attributes,
    encode,
    keys,
    sizes,
    values_of,
)
from backend.detect.linear_model import Unit
from backend.detect.tokens import Ints, Tokens, tokenise
from backend.lexicon.entries import Lexicon
from backend.lexicon.matcher import Matcher

TEMPLATES: Final = {Unit.SPANS: SPAN_TEMPLATES, Unit.SENTENCES: SENTENCE_TEMPLATES}
_SEEN: Final = 2  # how often a value, and a feature, must occur to be looked at


class Design:
    """The design matrix of some examples. `state` and `owner` hold the state and the example's number of each row."""

    def __init__(
        self, examples: Sequence[Example], labels: Sequence[LabelKind], unit: Unit, lexicon: Lexicon | None
    ) -> None:
        """`labels` are those to learn; `lexicon` is a word list whose entries may be looked at."""
        self.unit = unit
        matcher = Matcher(lexicon) if lexicon else None
        tokenised = [(tokenise(example.text), example) for example in examples]
        vocabulary = _met(tokenised, unit, matcher)
        self._listed = {name: list(numbers) for name, numbers in vocabulary.numbers.items()}
        self._sizes = sizes(vocabulary)
        given = [states(tokens, example, labels, unit) for tokens, example in tokenised]
        rows, sums, self.state, self.owner = _rows(tokenised, given, unit)
        cue = np.concatenate([np.zeros(0, np.int64), *given])[rows] > 0
        values = [encode(tokens, example.text, matcher, vocabulary) for tokens, example in tokenised]
        self._columns, places = _columns(
            (np.concatenate([keys(t, v, self._sizes) for v in values])[rows] for t in TEMPLATES[unit]), cue
        )
        self.table = _sparse(places, sum(map(len, self._columns)), sums)

    def in_words(self, columns: Ints) -> list[tuple[Template, tuple[tuple[str, ...], ...], Ints]]:
        """Features given by their `columns` (ascending): each template with its features' values, and their places.

        The places are indices into `columns`.
        """
        found, before = [], 0
        for template, held in zip(TEMPLATES[self.unit], self._columns, strict=True):
            mine = np.flatnonzero((columns >= before) & (columns < before + len(held)))
            asked = held[columns[mine] - before].tolist()
            found.append((template, tuple(self._values(template, key) for key in asked), mine))
            before += len(held)
        return [part for part in found if part[1]]

    def _values(self, template: Template, key: int) -> tuple[str, ...]:
        """The values that a key of `features.keys` stands for."""
        # A key is a number whose digits are the values' numbers, each in the base of its attribute.
        values: list[str] = []
        for name, _ in reversed(template):
            key, number = divmod(key, self._sizes[name] + 1)
            values.append(self._listed[name][number - 1])
        return tuple(reversed(values))


def _met(tokenised: Sequence[tuple[Tokens, Example]], unit: Unit, matcher: Matcher | None) -> Vocabulary:
    """The values of each attribute that occur often enough."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in attributes(TEMPLATES[unit])}
    for tokens, example in tokenised:
        values = values_of(tokens, example.text, matcher)
        for name, counter in counts.items():
            listed, index = values[name]
            for value, times in zip(listed, np.bincount(index, minlength=len(listed)).tolist(), strict=True):
                counter[value] += times
    # Values stand in the model's JSON: lone surrogates and control characters may not.
    return Vocabulary.of(
        {name: [v for v in sorted(c) if c[v] >= _SEEN and v and v.isprintable()] for name, c in counts.items()}
    )


def _rows(
    tokenised: Sequence[tuple[Tokens, Example]], given: Sequence[Ints], unit: Unit
) -> tuple[Ints, Ints, Ints, Ints]:
    """Which tokens are looked at, the row of each, and the state and the example of each row."""
    looked, rows, state, owner = ([np.zeros(0, np.int64)] for _ in range(4))
    before = made = 0
    for number, ((tokens, example), here) in enumerate(zip(tokenised, given, strict=True)):
        first, after = tokens.within(*example.window)
        looked.append(np.arange(before + first, before + after))
        if unit is Unit.SENTENCES:
            begun = np.flatnonzero(np.diff(tokens.sentences[first:after], prepend=-1))
            row = np.repeat(np.arange(len(begun)), np.diff(np.append(begun, after - first)))
            state.append(sentence_states(here[first:after], begun))
        else:
            row = np.arange(after - first)
            state.append(here[first:after])
        rows.append(made + row)
        owner.append(np.full(len(state[-1]), number))
        before, made = before + len(tokens), made + len(state[-1])
    return np.concatenate(looked), np.concatenate(rows), np.concatenate(state), np.concatenate(owner)


def _columns(asked: Iterable[Ints], cue: NDArray[np.bool_]) -> tuple[list[Ints], list[Ints]]:
    """The features of each template that are looked at, and the column each token has one in (-1: none)."""
    columns, places, before = [], [], 0
    for key in asked:
        values, times = np.unique(key, return_counts=True)
        often = values[(times >= _SEEN) & (values > 0)]
        # Only features that some cue has: the others could merely tell texts without cues apart, and there are thirty
        # times as many.
        held = often[np.isin(often, key[cue])]
        at = np.minimum(np.searchsorted(held, key), max(0, len(held) - 1))
        known = held[at] == key if len(held) else np.zeros(len(key), dtype=bool)
        places.append(np.where(known, before + at, -1))
        columns.append(held)
        before += len(held)
    return columns, places


def _sparse(places: Sequence[Ints], width: int, rows: Ints) -> Any:
    """The matrix with a one for every column a token has; tokens of one row are added up."""
    # Not imported at the top: pages load this package, and a training alone needs scipy.
    sparse = importlib.import_module("scipy.sparse")
    table = np.stack(places, axis=1)
    token, template = np.nonzero(table >= 0)
    height = int(rows[-1]) + 1 if len(rows) else 0
    ones = np.ones(len(token))
    return sparse.csr_matrix((ones, (rows[token], table[token, template])), shape=(height, width))
