"""Sections of a response, with and without tags."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain import Section
from backend.lexicon.sections import split_sections

tagged = st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "\n", "😀", "<think", "think>"]), max_size=12)


@pytest.mark.parametrize(
    ("text", "prompt", "expected"),
    [
        ("", "", []),
        ("plain", "", [("answer", "plain")]),
        ("<think>a</think>b", "", [("think", "<think>a</think>"), ("answer", "b")]),
        ("\n<think>a</think>b", "", [("think", "\n<think>a</think>"), ("answer", "b")]),
        ("Hi <think>a</think>b", "", [("answer", "Hi "), ("think", "<think>a</think>"), ("answer", "b")]),
        ("a</think>b", "", [("think", "a</think>"), ("answer", "b")]),
        ("<think>a", "", [("think", "<think>a")]),
        ("cut off", "Q<think>\n", [("think", "cut off")]),
        ("a</think>b", "Q<think>", [("think", "a</think>"), ("answer", "b")]),
        ("a<think>b</think>c", "Q<think>", [("think", "a<think>b</think>"), ("answer", "c")]),
        ("b", "<think>\n\n</think>\n\n", [("answer", "b")]),
        ("a</think>b</think>c", "", [("think", "a</think>"), ("answer", "b</think>c")]),
        (
            "<think>a</think>b<think>c</think>d",
            "",
            [("think", "<think>a</think>"), ("answer", "b"), ("think", "<think>c</think>"), ("answer", "d")],
        ),
        ("<think>a<think>b</think>c", "", [("think", "<think>a<think>b</think>"), ("answer", "c")]),
        ("</think>", "", [("think", "</think>")]),
    ],
)
def test_examples(text: str, prompt: str, expected: list[tuple[str, str]]) -> None:
    spans = split_sections(text, prompt)
    assert [(span.section.value, text[span.start : span.end]) for span in spans] == expected


@settings(deadline=None)
@given(text=st.one_of(st.text(), tagged.map("".join)), prompt=st.sampled_from(["", "Q", "Q<think>", "<think> \n"]))
def test_sections_tile_the_text(text: str, prompt: str) -> None:
    spans = split_sections(text, prompt)
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert all(span.start < span.end for span in spans)
    for left, right in pairwise(spans):
        assert left.end == right.start
        if left.section is right.section:  # two thoughts with nothing between them
            assert text[: left.end].endswith("</think>") and text[right.start :].startswith("<think>")
    if "think>" not in text and text:
        assert [span.section for span in spans] == [Section.THINK if "<think>" in prompt else Section.ANSWER]
