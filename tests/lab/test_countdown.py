"""The exact verifier, against answers that try to get round it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.grading.countdown import judge

QUESTION = "Use 8, 4, 5 to make 9."


def verdict(answer: str) -> bool:
    judged = judge(QUESTION, f"<think>\nHmm.\n</think>\n\nFinal answer: \\boxed{{{answer}}}")
    assert judged is not None and judged.correct == (not judged.note)
    return judged.correct


@pytest.mark.parametrize("answer", ["(8 - 4) + 5", "8-4+5", "5+(8-4)", " ( 8 - 4 ) + 5 ", "5 - 4 + 8"])
def test_right_answers(answer: str) -> None:
    assert verdict(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "9", "4 + 5", "8 + 4 - 5", "(8 - 4) + 5 + 0", "8 - 4 + 5 * 1", "84 / 5", "8 * 4 - 5 - 9", "(8 - 4) + 5)",
        "8 - 4 + 05", "8 - 4 + --5", "+8 - 4 + 5", "8 - 4 + 5.0", "8 // 4 + 5", "8 ** 4 - 5", "8 - 4 + 5 if 1 else 2",
        "__import__('os')", "8_4", "8 - 4 + 5 # 1", "8 - 4\n+ 5", "9 ** 9 ** 9", "8 / (5 - 5) + 4", "8 / (4 - 4) + 5",
        "８ - 4 + 5", "8 − 4 + 5", "", " ", "()", "8, 4, 5", "(8)(4)(5)", "(" * 900 + "8 - 4 + 5" + ")" * 900,
        "8 - 4 + 5 " + "+ 1 - 1 " * 50, "1" * 5000,
    ],
)  # fmt: skip
def test_wrong_and_hostile_answers(answer: str) -> None:
    assert not verdict(answer)


def test_exact_fractions_count() -> None:
    judged = judge("Use 8, 3, 8, 3 to make 24.", "\\boxed{8 / (3 - (8 / 3))}")
    assert judged is not None and judged.correct


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("no box", "no boxed answer"),
        ("\\boxed{8 - 4 + 5} \\boxed{8 - 4 + 5}", "more than one"),
        ("\\boxed{8 - 4 + 5", "not closed"),
        ("<think>\\boxed{8 - 4 + 5}</think> done", "no boxed answer"),
    ],
)
def test_there_must_be_exactly_one_box_in_the_answer(text: str, note: str) -> None:
    judged = judge(QUESTION, text)
    assert judged is not None and judged.answer is None and not judged.correct and note in judged.note


def test_boxes_in_the_thinking_do_not_count() -> None:
    judged = judge(QUESTION, "<think>\\boxed{1} </think> \\boxed{2} </think> \\boxed{(8 - 4) + 5}")
    assert judged is not None and judged.correct


@pytest.mark.parametrize("question", ["", "Use 8 to make 9.", "Find x with x * (x + 1) + 2 = 4.", QUESTION + " Now."])
def test_other_questions_are_not_judged(question: str) -> None:
    assert judge(question, "\\boxed{9}") is None


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(answer: str) -> None:
    assert judge(QUESTION, f"\\boxed{{{answer}}}") is not None
