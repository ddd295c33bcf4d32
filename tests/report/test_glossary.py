"""The glossary says what stands under a heading, whatever side, unit or grader the heading names beside it."""

from __future__ import annotations

import pytest

from backend.domain import GRADERS
from backend.report.glossary import GRADER_MEANINGS, MEANINGS, meaning


@pytest.mark.parametrize(
    ("heading", "term"),
    [
        ("Accuracy", "Accuracy"),
        ("Accuracy B", "Accuracy"),
        ("Accuracy by final answer", "Accuracy"),
        ("Cues per trace A", "Cues per trace"),
        ("per 1,000 tokens", "per 1,000"),
        ("Length, words", "Length"),
        ("Length, tokens B", "Length"),
    ],
)
def test_a_heading_finds_its_term(heading: str, term: str) -> None:
    assert meaning(heading) == MEANINGS[term]


def test_what_is_not_in_it_gets_no_meaning() -> None:
    assert meaning("Model") == meaning("") == meaning(" A") == ""


def test_every_grader_is_described() -> None:
    assert set(GRADERS) <= set(GRADER_MEANINGS) and all(text.endswith(".") for text in MEANINGS.values())
