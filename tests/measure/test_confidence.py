"""Which responses are wrong and sure of it: the example traces of the lab, and where their closing passage begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.config import ROOT
from backend.grading import countdown
from backend.lexicon.entries import load_all
from backend.lexicon.matcher import Matcher
from backend.measure.confidence import closing, falsely_confident

RIGHT = (
    "So the goal is 2. Maybe I can start with 11 - 8 = 3, 3 + 1 = 4. I get 4, and I need 2. Wait, that is wrong. "
    "Let me try 11 - 1 = 10, 10 - 8 = 2. I get 2, and I need 2. Yes, that matches. </think> "
    "Final answer: \\boxed{(11 - 1) - 8}."
)
HONEST = (
    "So the goal is 8. Maybe 5 - 4 = 1, 1 * 3 = 3. Alternatively, maybe 4 + 3 = 7, 7 + 5 = 12. Compare 12 with 8. "
    "Wait, that is wrong. I am not sure, so this is likely the best I have. </think> "
    "Final answer: \\boxed{(4 + 3) + 5}."
)
SURE = "First, 8 * 1 = 8. Then 11 - 8 = 3. This is the target 2. </think> The answer is \\boxed{11 - (8 * 1)}."


@pytest.fixture(scope="module")
def doubts() -> Matcher:
    return Matcher(load_all(ROOT / "data" / "lexicons")["doubts"])


@pytest.mark.parametrize(
    ("question", "text", "falsely"),
    [
        ("Use 1, 8, 11 to make 2.", RIGHT, False),
        ("Use 4, 5, 3 to make 8.", HONEST, False),
        ("Use 1, 8, 11 to make 2.", SURE, True),
    ],
)
def test_the_examples_of_the_lab(question: str, text: str, falsely: bool, doubts: Matcher) -> None:
    judged = countdown.judge(question, text)
    assert judged is not None
    start, end = closing(text)
    found = falsely_confident(True, judged.answer, judged.correct, bool(doubts.find(text[start:end])))
    assert found is falsely


def test_who_can_be_falsely_confident() -> None:
    assert falsely_confident(True, "3", False, doubts=False) is True
    assert falsely_confident(False, "3", False, doubts=False) is False, "it was cut off"
    assert falsely_confident(True, None, False, doubts=False) is False, "it gives no answer"
    assert falsely_confident(True, "3", True, doubts=False) is False
    assert falsely_confident(True, "3", False, doubts=True) is False
    assert falsely_confident(True, "3", None, doubts=False) is None


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        (HONEST, " Wait, that is wrong. I am not sure, so this is likely the best I have. </think> Final answer: "),
        ("One. Two! Three? \\boxed{1}", " Two! Three? \\boxed{1}"),
        ("One.\n\nTwo is 3.5.\n</think>\n\\boxed{1}. Right?", "One.\n\nTwo is 3.5.\n</think>\n\\boxed{1}. Right?"),
        ("Zero. One.\nTwo.\n</think>\nSo \\boxed{1}", " One.\nTwo.\n</think>\nSo \\boxed{1}"),
        ("\\boxed{1} no. No. No. No. \\boxed{2}", " No. No. \\boxed{2}"),
        ("One. Two. Three. Four.", " Two. Three. Four."),
        ("\\boxed{4}", "\\boxed{4}"),
        ("", ""),
    ],
)
def test_where_the_closing_begins(text: str, passage: str) -> None:
    start, end = closing(text)
    assert text[start:end].startswith(passage) and end == len(text)


@given(st.text(alphabet="ab. \n<>/!?\\boxed{}3", max_size=200))
def test_any_text_has_a_closing(text: str) -> None:
    start, end = closing(text)
    assert 0 <= start <= end == len(text)
    assert text.rfind("\\boxed{") == -1 or start <= text.rfind("\\boxed{")
