"""Disputes: which traces two graders judge differently, of how many, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.domain import UserError
from backend.services import Services
from backend.services.traces.disputes import PAIRS
from tests.services.made_files import row, take_one, write


@pytest.fixture
def run(services: Services, tmp_path: Path) -> str:
    rows = [
        ("1+1?", "2", r"\boxed{2}", True),
        ("1+2?", "3", r"\boxed{3}. (As asked: \boxed{answer}.)", True),
        ("1+3?", "4", "so 4, and next", True),
        ("1+4?", "5", r"\boxed{500}", False),
        ("1+5?", "", r"\boxed{6}", True),
    ]
    made = [row(q, text, gold=gold, answers_correctness=[right]) for q, gold, text, right in rows]
    return take_one(services, write(tmp_path / "traces.jsonl", made))


def test_traces_that_two_graders_judge_differently_are_listed_with_the_reason(services: Services, run: str) -> None:
    first, second = PAIRS[0]
    assert (first, second) == ("final answer", "file")
    found = services.disputes.between(first, second)
    assert [(each.number, each.first.correct, each.second.correct) for each in found.rows] == [(3, False, True)]
    assert found.judged == 4, "without a gold answer ours knows no verdict"
    assert found.rows[0].reason == "final answer: no final answer" and found.rows[0].gold == "4"
    found = services.disputes.between("final answer", "paper", [run])
    assert {each.number: each.reason.partition(":")[0] for each in found.rows} == {2: "paper", 4: "paper"}
    assert services.disputes.between("final answer", "math-verify").rows == ()


def test_an_unknown_grader_is_refused(services: Services, run: str) -> None:
    with pytest.raises(UserError, match="no grader called"):
        services.disputes.between("final answer", "nobody")


def test_an_empty_store_has_none(services: Services) -> None:
    assert services.disputes.between("final answer", "file").judged is None
