"""Tokens, sentences and paragraphs of a text, for the detector and for files of tokens.

Offsets are code points of the text as given; white space is in no token. Letters in a row are one token, with
apostrophes inside ("don't") and combining marks; so are digits in a row. Every other character is one by itself, and so
is each character of a script written without spaces. A sentence ends at . ! ? … before white space, at their Chinese
kin, and at a blank line; a paragraph at two line feeds in a row.
"""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# Scripts in which a space doesn't part words: Thai, Lao, Burmese, Khmer, Kana, Han.
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_LETTERS = rf"[^\W\d_{_ALONE}]+"
_TOKEN = re.compile(rf"{_LETTERS}(?:['’]{_LETTERS})*|\d+|\S")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'’”)\]*]*(?=\s|$)|[。！？]+|\n[^\S\n]*\n")
# Nothing of the detector looks across it, so that a text that grows is searched anew from the last of these alone.
_PARAGRAPH_END = re.compile(r"\n\n+")
_MARKS = ("Mn", "Mc", "Me")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text: their words, starts and ends, and the numbers of the sentence and paragraph of each."""

    words: list[str]
    starts: Ints
    ends: Ints
    sentences: Ints
    paragraphs: Ints

    def __len__(self) -> int:
        """How many there are."""
        return len(self.words)

    def within(self, start: int, end: int) -> tuple[int, int]:
        """The tokens `[first, last)` that `[start, end)` touches; empty where it touches none."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        return first, max(first, int(np.searchsorted(self.starts, end, side="left")))


def tokenise(text: str) -> Tokens:
    """The tokens of `text`."""
    places = [match.span() for match in _TOKEN.finditer(_joined(text))]
    bounds = np.array(places, dtype=np.int64).reshape(-1, 2)
    starts, ends = bounds[:, 0].copy(), bounds[:, 1].copy()
    words = [text[a:b] for a, b in places]
    return Tokens(words, starts, ends, _numbers(_SENTENCE_END, text, starts), _numbers(_PARAGRAPH_END, text, starts))


def _numbers(end: re.Pattern[str], text: str, starts: Ints) -> Ints:
    """How many matches of `end` lie before each start."""
    return np.searchsorted(np.array([m.end() for m in end.finditer(text)], dtype=np.int64), starts, side="right")


def _joined(text: str) -> str:
    """`text` with every combining mark replaced by a letter, so that it goes with the word it stands on."""
    # \w knows no combining marks: "e" with an accent of its own would fall into two tokens. Offsets stay as they are.
    if text.isascii():
        return text
    marks = {ord(mark): "x" for mark in set(text) if unicodedata.category(mark) in _MARKS}
    return text.translate(marks) if marks else text


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where each sentence of `text` begins and ends, without the white space around it."""
    tokens = tokenise(text)
    first = np.flatnonzero(np.diff(tokens.sentences, prepend=-1))
    last = np.append(first[1:], len(tokens)) - 1
    return list(zip(tokens.starts[first].tolist(), tokens.ends[last].tolist(), strict=True)) if len(tokens) else []
