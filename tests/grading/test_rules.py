r"""The default grader: where a final answer stands, gold answers, the cases of ../shared, and hostile text."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain import Finish, SourceRef, TraceDraft
from backend.grading import rules
from backend.grading.pool import GraderPool
from backend.grading.rules import Response, grade
from backend.grading.verdicts import TOO_LONG

CHOICES = "What is 6 times 7?\nAnswer Choices: (A) 36 (B) 42 (C) $\\frac{1}{2}$ (D) None of these"
SLOW = r"\boxed{\sum_{n=1}^{10000000} \sin(n^2)}", "x+1"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{5}. Wait, no. It is \boxed{7}.", "7"),
        (r"\boxed{5}. Hmm, let me recheck that.", "5"),
        (r"$x = \boxed{1}$ and $y = \boxed{2}$", "1, 2"),
        (r"\boxed{5}" + "\n\n" + r"\boxed{7}", "7"),
        (r"\boxed{7}, or \boxed{7}", "7"),
        (r"<think>\boxed{5}</think>The answer is 7.", "7"),
        (r"<think>\boxed{5}</think>The answer is **7**, because 3 + 4 is.", "7"),
        (r"<think>so \boxed{5}</think>", "5"),
        (r"<think>so \boxed{5} <\/think>", "5"),
        (r"<think>so \boxed{5}", None),
        (r"<think>a</think>So \boxed{5}.<think>check</think>Done.", "5"),
        ("<think>a</think>\n42", "42"),
        ("<think>a</think>**Final answer**\n\n$x = 7$", "$x = 7$"),
        ("<think>a</think>Final answer: (B) 12", "(B) 12"),
        ("<think>a</think>The correct option is (C).", "(C)"),
        ("<think>a</think>If the answer is 7, all is well.", None),
        ("<think>a</think>Is it so that the answer is 7?", None),
        ("<think>a</think>The answer is not known to me.", None),
        ("<answer> A </answer>", "A"),
        (r"<answer>\boxed{7}</answer>", "7"),
        (r"\boxed{7}. (I was asked to write \boxed{answer}.)", "7"),
        (r"\boxed{}", None),
        (r"so \boxed{42", None),
        ("We have 3 + 4 = 7.\n#### 7", "7"),
        ("答案是 7。", "7"),
        ("I add 3 and 4, then look at 12 again", None),
        ("So the answer is 12. Wait, let me check 12 again, maybe it is 13", None),
        ("", None),
    ],
)
def test_the_final_answer_is_what_is_stated_last(text: str, answer: str | None) -> None:
    assert rules.state(Response(text, "7")).answer == answer


def test_a_response_without_a_final_answer_is_wrong_and_says_so() -> None:
    for text in ("<think>Maybe 5? Let me check. 5", "5 is what I add next, and then", "I give up."):
        verdict = grade(Response(text, "5"))
        assert verdict.correct is False and verdict.note.startswith("no final answer"), text
    draft = TraceDraft("q", "so the answer is 5", SourceRef("f", "0", 1), "5", finish=Finish.LENGTH)
    assert grade(Response.of(draft)) == grade(Response(draft.text, "5", cut=True))
    assert grade(Response.of(draft)).note == "no final answer: cut off before it came"


def test_an_answer_that_only_the_closing_sentence_may_hold_is_unknown() -> None:
    assert grade(Response("<think>a</think>So there are 42 ways.", "42")).correct is None
    assert grade(Response("<think>a</think>So there are 41 ways.", "42")).correct is False


@pytest.mark.parametrize(
    ("gold", "answer", "correct"),
    [
        ("First 3, then 9.\n#### 540", "540", True),
        ("First 3, then 9.\n#### 540", "541", False),
        (r"We get \boxed{7}", "7", True),
        (r"\$1,234", "1234", True),
        ('{"answer": "42"}', "42", True),
        ('["7"]', "7", True),
        ('{"tests": ["f(1) == 2"]}', "42", None),
        ("def f(x):\n    return x", "42", None),
        ("By induction over n we see that every such set is finite and closed", "42", None),
        ("None", "42", None),
        ("", "42", None),
        ("?", "42", None),
    ],
)
def test_gold_answers_are_read_as_data_sets_write_them(gold: str, answer: str, correct: bool | None) -> None:
    verdict = grade(Response(rf"\boxed{{{answer}}}", gold))
    assert verdict.correct is correct
    assert bool(verdict.note) == (correct is None)


@pytest.mark.parametrize(
    ("answer", "gold", "correct"),
    [
        ("B", "B", True),
        ("(B) 42", "B", True),
        ("A", "B", False),
        ("42", "B", True),
        ("36", "B", False),
        ("B", "42", True),
        ("A", "42", False),
        ("C", "0.5", True),
        (r"\text{(B)}", "B", True),
        ("None of these", "D", True),
        ("B", "(B) 42", True),
    ],
)
def test_letters_stand_for_the_choices_of_the_question(answer: str, gold: str, correct: bool) -> None:
    assert grade(Response(rf"\boxed{{{answer}}}", gold, CHOICES)).correct is correct


def test_a_letter_without_its_choices_is_unknown() -> None:
    for answer, gold in (("42", "B"), ("B", "42")):
        verdict = grade(Response(rf"\boxed{{{answer}}}", gold))
        assert verdict.correct is None and "choices" in verdict.note


def test_every_shared_case_gives_its_right_value(shared_data: Path) -> None:
    """Where the paper's own code says otherwise, `paper` stays the paper's."""
    rows = [json.loads(line) for line in (shared_data / "cases/faults/grading.jsonl").open(encoding="utf-8")]
    with GraderPool(1) as pool:
        for row, found in zip(rows, pool.grade((row["text"], row["gold"]) for row in rows), strict=True):
            if row["grader"] != "paper":
                assert found.final.correct is row["right"], row
            if row["grader"] in ("paper", "both") and found.paper.correct is not row["right"]:
                assert "these rules" in found.paper.note, row


def test_multiple_choice_of_a_file_is_graded_as_its_tool_did(shared_data: Path) -> None:
    paths = sorted((shared_data / "cases/imports/harness_mcq").rglob("*.jsonl"))
    rows = [json.loads(line) for path in paths for line in path.open(encoding="utf-8")]
    assert len(rows) == 10
    for row in rows:
        verdict = grade(Response(row["code"][0], row["gt"], row["question"]))
        # The tool guessed a letter out of a thought that was cut off.
        assert verdict.correct is row["score"][0] or verdict.note.startswith("no final answer")


def test_text_beyond_the_limit_is_unknown() -> None:
    verdict = grade(Response("x" * (rules.TEXT_LIMIT + 1), "5"))
    assert verdict.correct is None
    assert "2,000,000" in verdict.note


def test_time_that_runs_out_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "SECONDS", 0.01)
    verdict = grade(Response(*SLOW))
    assert (verdict.correct, verdict.note) == (None, TOO_LONG)


def test_works_outside_the_main_thread() -> None:
    outcome: list[bool | None] = []
    response = Response(r"so $\boxed{\sqrt{4}}$", "2")
    thread = threading.Thread(target=lambda: outcome.append(grade(response).correct))
    thread.start()
    thread.join()
    assert outcome == [True]


@pytest.mark.parametrize(
    "text",
    ["\x00", "\ud800", r"\boxed{", r"\boxed{}", "$" * 1000, r"\[" * 500, r"\boxed{\frac}", "[" * 2000, r"\boxed{nan}"],
)
def test_hostile_text_gives_a_verdict(text: str) -> None:
    verdict = grade(Response(text, "5"))
    assert verdict.correct is False or verdict.note


@pytest.mark.parametrize(
    "hostile",
    [
        *("9**9**9**9", "9^{9^{9^{9}}}", r"\exp(\exp(99999))", "1000000000!", r"\binom{1000000000}{500000000}"),
        *("(x+1)^{100000000}", "__import__('os').system('exit 3')", "[" * 1400, "{" * 1400, r"\frac{" * 90),
        *("1" * 1400, "1e999", "²" * 500, "$1,2$", "x" * 200_000, "0.\\overline{}", "1:2:3", "5/0", "\\pm" * 40),
    ],
)
def test_hostile_answers_are_never_right_and_cheap(hostile: str) -> None:
    assert grade(Response(f"<answer>{hostile}</answer>", "7")).correct is not True
    assert grade(Response(r"\boxed{x+1}", hostile)).correct is not True


PIECES = st.sampled_from(
    [
        *("so ", "the answer is ", "Final answer: ", "**Final Answer**\n", "answer 8", "I hope", "wait, ", "<think>"),
        *(
            "</think>",
            "$",
            "$$",
            r"\[",
            r"\]",
            "\n",
            "{",
            "}",
            ", ",
            " and ",
            "\\",
            " ",
            "[2] ",
            "<answer>",
            "</answer>",
        ),
        *(
            "x = ",
            r"\frac{1}{2}",
            "7",
            "5%",
            r"\boxed{3}",
            r"\boxed{",
            r"\text{a}",
            "####",
            "(A)",
            "1:00",
            "_7",
            r"\pm",
        ),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=10).map("".join), st.lists(PIECES, max_size=5).map("".join))
def test_any_response_and_gold_give_a_verdict_with_its_reason(text: str, gold: str) -> None:
    verdict = grade(Response(text, gold, CHOICES))
    assert verdict.correct is not None or verdict.note
    assert verdict.correct is not True or verdict.answer


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_numbers_are_compared_exactly(above: int, below: int) -> None:
    for written in (f"{above}/{below}", rf"\frac{{{above}}}{{{below}}}", rf"x = \dfrac{{{above}}}{{{below}}}"):
        assert grade(Response(rf"\boxed{{{written}}}", f"{above}/{below}")).correct is True
        assert grade(Response(rf"\boxed{{{written}}}", f"{above + 1}/{below}")).correct is False
    assert grade(Response(rf"\boxed{{{above:,}}}", str(above))).correct is True


def test_labelled_pairs_are_right_or_unknown() -> None:
    """Labels are by hand (null: either would do); beside them stand both graders' answers."""
    rows = [json.loads(line) for line in Path(__file__).with_name("labelled.jsonl").open(encoding="utf-8")]
    assert len(rows) >= 100 and len({row["kind"] for row in rows}) >= 10
    with GraderPool(1) as pool:
        found = list(pool.grade([Response(row["text"], row["gold"], row.get("question", "")) for row in rows]))
    assert [(v.final.correct, v.paper.correct) for v in found] == [(row["final answer"], row["paper"]) for row in rows]
    wrong = [
        row for row in rows if None not in (row["right"], row["final answer"]) and row["right"] != row["final answer"]
    ]
    assert len(wrong) <= 0.03 * len(rows)
    assert all(v.final.note for v in found if v.final.correct is None)
