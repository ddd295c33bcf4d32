"""Tokens and sentences of the detector: offsets hold whatever the Unicode, and nothing reaches over a blank line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.detect.tokens import sentence_spans, tokenise

TEXTS = st.text(st.characters(), max_size=60) | st.text(
    st.sampled_from("aW'’-_3.?!…。\n\t \u0301\u0130等\U0001f914\ud800\u200d"), max_size=60
)


@given(TEXTS)
@example("e\u0301tude")
@example("\u0130stanbul")
@example("a\ud800b\U0001f914")
@example("")
def test_tokens_cover_everything_but_white_space_and_never_overlap(text: str) -> None:
    tokens = tokenise(text)
    covered = 0
    for word, start, end in zip(tokens.words, tokens.starts.tolist(), tokens.ends.tolist(), strict=True):
        assert text[start:end] == word and word and not any(c.isspace() for c in word)
        assert text[covered:start].isspace() or covered == start
        covered = end
    assert not text[covered:].strip()


@given(TEXTS)
def test_a_letter_is_never_cut_from_its_marks(text: str) -> None:
    tokens = tokenise(text)
    for start in tokens.starts.tolist():
        if unicodedata.category(text[start]) == "Mn":
            assert start == 0 or not text[start - 1].isalpha() or not text[start - 1].isascii()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't—really—know.", ["I", "don't", "—", "really", "—", "know", "."]),
        ("wait_and 3.5km", ["wait", "_", "and", "3", ".", "5", "km"]),
        ("等等, wait", ["等", "等", ",", "wait"]),
        ("nai\u0308ve", ["nai\u0308ve"]),
        ("it’s’ 'so'", ["it’s", "’", "'", "so", "'"]),
    ],
)
def test_what_a_token_is(text: str, words: list[str]) -> None:
    assert tokenise(text).words == words


def test_sentences_and_paragraphs() -> None:
    text = "Wait. Is 3.5 right? (Yes.) Hmm…\nso\n \nNew one.\n\nOther 对。好"
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        *("Wait.", "Is 3.5 right?", "(Yes.)", "Hmm…", "so", "New one.", "Other 对。", "好")
    ]
    tokens = tokenise(text)
    assert tokens.paragraphs.tolist() == [0] * tokens.words.index("Other") + [1] * 4
    assert sentence_spans(" \n") == []


@given(TEXTS, st.integers(0, 70), st.integers(0, 70))
def test_the_tokens_a_stretch_touches(text: str, a: int, b: int) -> None:
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    tokens = tokenise(text)
    first, after = tokens.within(start, end)
    touched = [i for i in range(len(tokens)) if tokens.starts[i] < end and tokens.ends[i] > start]
    assert list(range(first, after)) == (touched if start < end else list(range(first, after)))
