"""The lab's problems: fixed, apart, and every reference solution right."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest

from backend.domain import UserError
from backend.grading import countdown
from backend.lab.lab_problems import SETS, LabProblem, held_out, parse, problem_set, size_of, solution, training_keys


def right(problem: LabProblem, response: str) -> bool:
    """Exactly right; for find-x by putting the answer into the question."""
    verdict = countdown.judge(problem.question, response)
    if verdict is not None:
        return verdict.correct
    answer, _ = countdown.boxed(response)
    a, b = problem.numbers
    x = int(answer or "-1")
    return x * (x + a) + b == problem.target


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("lab-cd3-test", "22da5b97605c90e5"),
        ("lab-cd3-train", "529b290045049635"),
        ("lab-cd4-test", "2f6adffb668eb17c"),
        ("lab-cd4-train", "7a616f339da80291"),
        ("lab-fx-test", "005b7907c5a8a1e0"),
        ("lab-fx-train", "2ac77bbbdb7bcc32"),
    ],
)
def test_the_sets_are_those_the_shipped_models_and_runs_were_made_with(name: str, digest: str) -> None:
    """Questions, gold answers, difficulties and their order: stored runs are joined with them by content."""
    text = json.dumps([dataclasses.asdict(problem) for problem in problem_set(name)])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", SETS)
def test_every_problem_is_sound(name: str) -> None:
    problems = problem_set(name)
    assert problems == problem_set(name)
    assert len({p.question for p in problems}) == len(problems) >= (1000 if name.endswith("train") else 200)
    assert {p.difficulty for p in problems} == {"easy", "medium", "hard"}
    for problem in problems:
        assert right(problem, f"\\boxed{{{problem.gold}}}"), problem
        assert (
            held_out((problem.family, tuple(sorted(problem.numbers)), problem.target)) == name.endswith("test")
            or problem.family == "fx"
        )
        assert parse(problem.question) == problem


@pytest.mark.parametrize("name", SETS)
def test_every_reference_solution_is_right(name: str) -> None:
    lengths = set()
    for problem in problem_set(name):
        response = solution(problem)
        assert response == solution(problem)
        assert response.startswith("<think>\n") and response.count("</think>\n\nFinal answer: \\boxed{") == 1
        assert right(problem, response), (problem, response)
        lengths.add(response.partition("</think>")[0].count("against") + response.count("\n"))
    assert len(lengths) > 3, "solutions differ in how many attempts go wrong before the right one"


@pytest.mark.parametrize("family", ["cd3", "cd4", "fx"])
def test_training_never_meets_a_held_out_problem(family: str) -> None:
    trained = {(numbers, target) for _, numbers, target in training_keys(family)}
    for part in ("train", "test"):
        problems = problem_set(f"lab-{family}-{part}")
        keys = {(p.numbers if family == "fx" else tuple(sorted(p.numbers)), p.target) for p in problems}
        assert keys <= trained if part == "train" else not keys & trained


def test_typed_questions() -> None:
    problem = parse(" Use 4, 8, 5 to make 9. ")
    assert problem is not None and problem.family == "cd3" and problem.numbers == (4, 8, 5)
    assert right(problem, solution(problem))
    for question in (
        "Use 1, 1, 1 to make 60.",  # no solution
        "Use 13, 8, 5 to make 9.",  # out of range
        "Use 8, 5 to make 13.",
        "Use 1, 2, 3, 4, 5 to make 15.",
        "Find x with x * (x + 3) + 2 = 7.",  # no whole x
        "Find x with x * (x + 99) + 2 = 7.",
        "Use 4, 8, 5 to make 9. Please.",
        "What is 2 + 2?",
        "",
    ):
        assert parse(question) is None, question


def test_an_unknown_set_is_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match=r"no problem set 'lab-cd9-test'.*lab-cd3-train"):
        problem_set("lab-cd9-test")


@pytest.mark.parametrize("name", SETS)
def test_sets_are_as_large_as_said(name: str) -> None:
    assert len(problem_set(name)) == size_of(name)
