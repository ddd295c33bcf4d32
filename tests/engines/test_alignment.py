"""Tokens as servers write them, laid over the text they sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.engines.alignment import ResponseBuilder, ServedToken, align

WORDS = st.text(st.sampled_from("ab é🎈\n"), min_size=1, max_size=4)


@given(st.lists(st.tuples(WORDS, st.booleans()), max_size=12), st.integers(0, 50))
def test_tokens_cover_the_text_whatever_they_are_called(words: list[tuple[str, bool]], start: int) -> None:
    """Of a word in bytes a server shows two tokens, neither of which is in the text."""
    served = [
        token
        for word, split in words
        for token in ([ServedToken("\ufffd"), ServedToken("\ufffd")] if split else [ServedToken(word)])
    ]
    text = "".join(word for word, _ in words)
    tokens = align(start, text, served)
    edges = [start, *(token.end for token in tokens)]
    assert [token.start for token in tokens] == edges[:-1] and edges == sorted(edges)
    assert not tokens or edges[-1] == start + len(text)
    if not any(split for _, split in words):
        assert [text[token.start - start : token.end - start] for token in tokens] == [word for word, _ in words]


def test_what_lies_before_a_found_token_goes_to_the_lost_one() -> None:
    tokens = align(
        0,
        "é so<",
        [ServedToken("\ufffd"), ServedToken("\ufffd"), ServedToken(" so"), ServedToken("<|mark|>"), ServedToken("<")],
    )
    assert [(token.start, token.end) for token in tokens] == [(0, 0), (0, 1), (1, 4), (4, 4), (4, 5)]


@given(
    st.text("abc", max_size=30),
    st.lists(st.integers(1, 5), min_size=1),
    st.lists(st.text("abc", max_size=3), max_size=3),
)
def test_a_stop_text_is_found_however_the_text_is_cut(text: str, sizes: list[int], stop: list[str]) -> None:
    built, got, at = ResponseBuilder("k", stop), "", 0
    parts = []
    while at < len(text):
        parts.append(text[at : at + sizes[len(parts) % len(sizes)]])
        at += len(parts[-1])
    for part in parts:
        if built.stopped:
            break
        if piece := built.add(part, [ServedToken(part)]):
            got += piece.text
    ends = [text.index(one) + len(one) for one in stop if one and one in text]
    assert built.stopped == bool(ends) and built.length == len(got)
    edges = [len("".join(parts[: count + 1])) for count in range(len(parts))]
    assert got == (text[: next(edge for edge in edges if edge >= min(ends))] if ends else text)
