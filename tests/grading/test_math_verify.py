r"""math-verify as a grader: real verdicts, reasons instead of exceptions, and a shortcut that never changes one."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.grading import math_verify, verify_rules
from backend.grading.verdicts import TOO_LONG


def full(text: str, gold: str) -> bool | None:
    """The library's own verdict, without our shortcut."""
    return math_verify.grade(text, gold).correct


@pytest.mark.parametrize(
    ("text", "gold", "correct"),
    [
        (r"so \boxed{204}", "204", True),
        (r"so \boxed{27}.", "27.0", True),
        (r"so $\boxed{\frac{1}{2}}$", "0.5", True),
        (r"so $\boxed{\frac{1}{2}}$", r"\frac{2}{4}", True),
        (r"so $\boxed{x^2+1}$", "$1+x^2$", True),
        (r"The final answer is $5$.", "5", True),
        (r"so $\boxed{18.90}$", r"\$18.90", True),
        (r"so $\boxed{x^2}$", r"\(x^2\)", True),
        (r"\boxed{500}", "5", False),
        (r"$\boxed{3}$ and $\boxed{4}$", "4", False),
        ("", "5", False),
        ("no idea", "5", False),
        (r"\boxed{5}", None, None),
        (r"\boxed{5}", "  ", None),
    ],
)
def test_verdicts(text: str, gold: str | None, correct: bool | None) -> None:
    assert verify_rules.grade(text, gold).correct is correct


def test_no_answer_says_so() -> None:
    verdict = verify_rules.grade("I give up.", "5")
    assert (verdict.answer, verdict.correct, verdict.note) == (None, False, "no answer found")


def test_text_beyond_the_limit_is_unknown() -> None:
    verdict = verify_rules.grade("x" * (verify_rules.TEXT_LIMIT + 1), "5")
    assert verdict.correct is None
    assert "2,000,000" in verdict.note


def test_time_that_runs_out_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(math_verify, "SECONDS", 1)
    verdict = verify_rules.grade(r"\boxed{\binom{1000000000}{500000000}}", "5")
    assert verdict.correct is None
    assert verdict.note == TOO_LONG


def test_works_outside_the_main_thread() -> None:
    outcome: list[bool | None] = []
    thread = threading.Thread(target=lambda: outcome.append(verify_rules.grade(r"so $\boxed{1/2}$", "0.5").correct))
    thread.start()
    thread.join()
    assert outcome == [True]


@pytest.mark.parametrize(
    "text",
    ["\x00", "\ud800", r"\boxed{", r"\boxed{}", "$" * 1000, r"\[" * 500, r"\boxed{\frac}", "[" * 2000, r"\boxed{nan}"],
)
def test_hostile_text_gives_a_verdict(text: str) -> None:
    verdict = verify_rules.grade(text, "5")
    assert verdict.correct is False or verdict.note


PHRASES = [
    "so ",
    "the answer is ",
    "Final answer: ",
    "**Final Answer**\n",
    "the final answer is this: ",
    "answer 8",
    "I hope",
]
MARKS = ["$", "$$", r"\[", r"\]", r"\(", r"\)", "\n", "{", "}", ", ", " and ", "\\", " ", "[2] "]
MATHS = ["x = ", r"\frac{1}{2}", "7", "5%", r"\boxed{3}", r"\text{a}"]
PIECES = st.sampled_from([*PHRASES, *MARKS, *MATHS])
AFTER = st.sampled_from(["", ".", "$", "$.", "$$", "\n", r"\]", r"\)", " ", "]"])


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.integers(0, 30), AFTER, st.sampled_from(["7", "07", "12.0", "3"]))
def test_the_shortcut_agrees_with_the_library(before: str, answer: int, after: str, gold: str) -> None:
    text = before + r"\boxed{" + str(answer) + "}" + after
    if (short := verify_rules.quick(text, gold)) is not None:
        assert short.correct == full(text, gold)


def test_the_shortcut_agrees_on_real_traces(shared_data: Path) -> None:
    path = shared_data / "traces/strategic-info/limo/Qwen3-8B-Base/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl"
    taken = 0
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        text, gold = row["generated_responses"][0], row["gold_answer"]
        if (short := verify_rules.quick(text, gold)) is not None:
            taken += 1
            assert short.correct == full(text, gold)
    assert taken > 0
