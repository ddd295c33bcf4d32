"""Features of the detector: a token's word, neighbours, parts and shape, its lexicon entry and its place.

Owns the attributes of a token and the templates that combine them.

An attribute is one whole number a token: 0 where the detector has never met the value, else its place in the
vocabulary. A template names attributes of the token itself or of one a few places off, and a feature is a template
with the values it asks for ("the word before is `it`, this one is `may`"). A value of 0 makes no feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from backend.detect.tokens import Ints, Tokens
from backend.lexicon.matcher import Matcher

Template = tuple[tuple[str, int], ...]

EDGE: Final = "<edge>"  # what stands before the first token of a paragraph and after the last
REACH: Final = 3  # how far off the tokens are that a template may name
_LONGEST: Final = 40  # characters of a word that are looked at; a response may hold a "word" of thousands of letters


def _shape(word: str) -> str:
    if word.isdigit():
        return "0"
    if not word[0].isalpha():
        return word if word.isascii() else "."
    if word.islower():
        return "a"
    if word.isupper():
        return "A" if len(word) == 1 else "AA"
    return "Aa" if word[0].isupper() else "aA"


# Attributes of a word by itself.
OF_WORDS: Final[Mapping[str, Callable[[str], str]]] = {
    "word": str.lower,
    "end": lambda word: word[-3:].lower(),
    "ending": lambda word: word[-5:].lower() if len(word) > 5 else "",
    "beginning": lambda word: word[:4].lower() if len(word) > 4 else "",
    "stem": lambda word: word[:6].lower() if len(word) > 6 else "",
    "shape": _shape,
}
# Attributes of a token in its text: the entry of the lexicon it lies in, how many words into its sentence it stands (up
# to 4) and how the sentence ends.
OF_PLACES: Final = ("entry", "place", "close")

SPAN_TEMPLATES: Final[tuple[Template, ...]] = (
    *((("word", at),) for at in (-3, -2, -1, 0, 1, 2, 3)),
    *((("end", at),) for at in (-1, 0, 1)),
    (("ending", 0),),
    (("beginning", 0),),
    (("stem", 0),),
    *((("shape", at),) for at in (-1, 0, 1)),
    *((("entry", at),) for at in (-1, 0, 1)),
    (("place", 0),),
    (("close", 0),),
    (("word", -1), ("word", 0)),
    (("word", 0), ("word", 1)),
    (("word", -2), ("word", -1)),
    (("word", 1), ("word", 2)),
    (("word", -1), ("word", 1)),
    (("word", -2), ("word", 0)),
    (("word", 0), ("word", 2)),
    (("end", -1), ("word", 0)),
    (("word", 0), ("end", 1)),
    (("place", 0), ("word", 0)),
    (("close", 0), ("word", 0)),
    (("entry", 0), ("end", 0)),
)
SENTENCE_TEMPLATES: Final[tuple[Template, ...]] = (
    (("word", 0),),
    (("stem", 0),),
    (("end", 0),),
    (("entry", 0),),
    (("close", 0),),
    (("word", 0), ("word", 1)),
    (("word", 0), ("word", 2)),
    (("word", 0), ("word", 1), ("word", 2)),
    (("place", 0), ("word", 0)),
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Attribute -> value -> number, from 1; number 1 is the edge of a paragraph."""

    numbers: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, values: Mapping[str, Iterable[str]]) -> Vocabulary:
        """Numbers for `values` by attribute, in their order."""
        named = {name: (EDGE, *(value for value in listed if value != EDGE)) for name, listed in values.items()}
        return cls({name: {value: i for i, value in enumerate(listed, 1)} for name, listed in named.items()})

    def values(self) -> dict[str, list[str]]:
        """Attribute -> its values by number, without the edge."""
        return {name: list(numbers)[1:] for name, numbers in self.numbers.items()}


def values_of(tokens: Tokens, text: str, matcher: Matcher | None) -> dict[str, tuple[list[str], Ints]]:
    """Attribute -> its distinct values in `text` and, for each token, which of them it has."""
    # Each distinct word is looked at once: a trace has thousands of tokens and a few hundred words.
    found: dict[str, tuple[list[str], Ints]] = {}
    places = {word: i for i, word in enumerate(dict.fromkeys(tokens.words))}
    index = np.fromiter(map(places.__getitem__, tokens.words), np.int64, len(tokens))
    short = [word[:_LONGEST] for word in places]
    for name, of in OF_WORDS.items():
        found[name] = ([of(word) for word in short], index)
    found["entry"] = _entries(tokens, text, matcher)
    first = np.flatnonzero(np.diff(tokens.sentences, prepend=-1))
    sizes = np.diff(np.append(first, len(tokens)))
    found["place"] = (["0", "1", "2", "3", "4"], np.minimum(np.arange(len(tokens)) - np.repeat(first, sizes), 4))
    found["close"] = (found["shape"][0], np.repeat(index[np.append(first[1:], len(tokens)) - 1], sizes))
    return found


def _entries(tokens: Tokens, text: str, matcher: Matcher | None) -> tuple[list[str], Ints]:
    """The lexicon entry each token lies in, begun or continued; "-" for none."""
    number = np.zeros(len(tokens), dtype=np.int64)
    if matcher is None:
        return ["-"], number
    # The word list is evidence, not a filter: the model learns which entries to believe where.
    names = {entry.name: i for i, entry in enumerate(matcher.lexicon.entries)}
    hits = matcher.find(text)
    firsts = np.searchsorted(tokens.ends, [start for _, start, _ in hits], side="right").tolist()
    lasts = np.searchsorted(tokens.starts, [end for _, _, end in hits], side="left").tolist()
    for (form, _, _), first, last in zip(hits, firsts, lasts, strict=True):
        place = 1 + 2 * names[matcher.entry_of[form].name]
        number[first] = place
        number[first + 1 : last] = place + 1
    return ["-", *(f"{mark} {name}" for name in names for mark in "BI")], number


@dataclass(frozen=True, slots=True)
class EncodedTokens:
    """The tokens of a text as numbers by attribute, with REACH edges around each paragraph; and each token's place."""

    numbers: Mapping[str, Ints]
    places: Ints


def encode(tokens: Tokens, text: str, matcher: Matcher | None, vocabulary: Vocabulary) -> EncodedTokens:
    """The tokens of `text` by the attributes of `vocabulary`."""
    values = values_of(tokens, text, matcher)
    # Edges between paragraphs let every template read its neighbours by index: none reaches into another paragraph.
    paragraph = np.cumsum(np.diff(tokens.paragraphs, prepend=0) > 0)
    places = np.arange(len(tokens)) + REACH * (paragraph + 1)
    found: dict[str, Ints] = {}
    for name, numbers in vocabulary.numbers.items():
        listed, index = values[name]
        known = np.fromiter((numbers.get(value, 0) for value in listed), np.int64, len(listed))
        found[name] = np.ones((int(places[-1]) + 1 if len(places) else 0) + REACH, dtype=np.int64)
        found[name][places] = known[index]
    return EncodedTokens(found, places)


def keys(template: Template, encoded: EncodedTokens, sizes: Mapping[str, int]) -> Ints:
    """The feature each token has of a template, as one number; 0 for none. `sizes` are those of the vocabulary."""
    key: Ints | None = None
    for name, by in template:
        part = encoded.numbers[name][encoded.places + by]
        key = part if key is None else np.where((key > 0) & (part > 0), key * (sizes[name] + 1) + part, 0)
    assert key is not None
    return key


def sizes(vocabulary: Vocabulary) -> dict[str, int]:
    """How many values each attribute knows."""
    return {name: len(numbers) for name, numbers in vocabulary.numbers.items()}


def attributes(templates: Sequence[Template]) -> list[str]:
    """The attributes that templates name, in a fixed order."""
    asked = {name for template in templates for name, _ in template}
    return [name for name in (*OF_WORDS, *OF_PLACES) if name in asked]
