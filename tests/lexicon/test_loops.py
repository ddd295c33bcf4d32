"""The rule for loops: what repeats itself, what only looks alike, on made-up texts and on real traces judged by eye."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.lexicon.loops import BRIEF, NEW, PASSAGE, STRETCH, TIMES, LoopSpan, find_loops, inside

# File below traces/, number of the trace in it -> the share of its text that repeats itself, as read by eye: to the end
# in all of these.
LOOPS = {
    ("strategic-info/limo/Qwen2.5-7B/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 16): 0.46,
    ("strategic-info/limo/Qwen2.5-7B/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 17): 0.15,
    ("strategic-info/limo/Qwen3-14B-Base/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 16): 0.22,
    ("strategic-info/limo/Qwen3-4B-Base/amc/test_qwen-instruct_t0.0_k1_s0_e40.jsonl", 31): 0.01,  # one list at the end
    (
        "strategic-info/base/Qwen3-14B-Base/math/test_qwen-instruct_t0.0_k1_s0_e500.jsonl",
        164,
    ): 0.97,  # steps numbered on
    ("strategic-info/base/Qwen3-14B-Base/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 22): 0.98,  # 1,384 a round
    ("strategic-info/base/Qwen2.5-Math-7B/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 6): 0.41,  # "Problem 2" to 5
    ("thip/GSPONOTAC/aime90/generation.jsonl", 4): 0.96,  # verifies itself again and again
    ("thip/RLOOTAC/aime90/generation.jsonl", 25): 1.0,  # the whole solution anew, 2,000 a round
    ("qwen25-math-harness/Qwen/Qwen2.5-3B-Instruct/amc23/test_qwen25-math-cot_-1_seed0_t0.0_s0_e-1.jsonl", 28): 0.84,
}
# Repetitive, but every line says something new: cases tried one by one, code, LaTeX carried from line to line.
NO_LOOPS = [
    ("strategic-info/base/Qwen3-14B-Base/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 27),  # "Checking 9842:"
    ("strategic-info/base/Qwen3-8B-Base/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 27),
    ("strategic-info/base/Qwen2.5-Math-7B/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 8),  # winning positions
    ("strategic-info/base/Qwen3-14B-Base/math/test_qwen-instruct_t0.0_k1_s0_e500.jsonl", 309),  # combinations
    ("strategic-info/base/Qwen2.5-7B/aime/test_qwen-instruct_t0.0_k1_s0_e30.jsonl", 27),  # code
    ("thip/GSPOTAC/aime90/generation.jsonl", 20),  # discriminants for b = 1 to 170
    ("thip/GSPONOTAC/aime90/generation.jsonl", 27),
    ("thip/GSPOTAC/aime25/generation.jsonl", 1),  # LaTeX
    ("qwen25-math-harness/starzmustdie/Qwen-2.5-3B-rlft/aime24/test_qwen25-rg-cot_-1_seed0_t0.0_s0_e-1.jsonl", 15),
    ("qwen25-math-harness/Qwen/Qwen2.5-3B-Instruct/aime24/test_qwen25-math-cot_-1_seed0_t0.0_s0_e-1.jsonl", 8),
]


def _texts(path: Path) -> list[str]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    keys = ("generated_responses", "code", "response", "generation", "generated", "output", "completion")
    key = next(key for key in keys if key in rows[0])
    return [row[key][0] if isinstance(row[key], list) else row[key] for row in rows]


@pytest.fixture(scope="module")
def traces(shared_data: Path) -> dict[str, list[str]]:
    return {name: _texts(shared_data / "traces" / name) for name, _ in (*LOOPS, *NO_LOOPS)}


@pytest.mark.parametrize(("name", "number"), LOOPS)
def test_real_traces_that_loop_are_found_from_where_they_begin_to_their_end(
    traces: dict[str, list[str]], name: str, number: int
) -> None:
    text = traces[name][number]
    loops = find_loops(text)
    assert sum(end - start for start, end in loops) / len(text) == pytest.approx(LOOPS[name, number], abs=0.02)
    assert loops[-1].end > len(text) - 400


@pytest.mark.parametrize(("name", "number"), NO_LOOPS)
def test_real_traces_that_only_look_alike_are_left_alone(traces: dict[str, list[str]], name: str, number: int) -> None:
    assert find_loops(traces[name][number]) == ()


@given(st.text(max_size=3_000), st.text(max_size=200), st.integers(0, 40))
def test_loops_lie_apart_in_order_and_within_the_text(before: str, said: str, times: int) -> None:
    text = before + said * times
    edges = [edge for loop in find_loops(text) for edge in loop]
    assert edges == sorted(set(edges)) and all(0 <= edge <= len(text) for edge in edges)
    assert all(loop.end - loop.start >= BRIEF for loop in find_loops(text))


@given(st.text(min_size=1, max_size=1_200), st.integers(TIMES + 1, 12), st.text(max_size=300), st.text(max_size=300))
def test_a_text_said_again_and_again_is_a_loop(said: str, times: int, before: str, after: str) -> None:
    text = before + said * times + after
    if len(said) * times < STRETCH:
        return
    covered = inside(find_loops(text), np.arange(len(before), len(before) + len(said) * times))
    assert covered.all()


def _sentences() -> Iterator[str]:
    for i in range(2_000):
        yield f"Case {i}: with n = {i * i} we get {i * 7919 % 1009} and {i * 104729 % 7919}, which is not divisible by {i + 3}."


@pytest.mark.parametrize("joint", ["\n", " ", "\n\n- "])
def test_cases_tried_one_by_one_are_no_loop(joint: str) -> None:
    assert find_loops(joint.join(_sentences())) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word",
        "Wait, that is wrong. " * (TIMES - 1),
        "| --- | --- | --- |\n" * 12,  # a table's rules
        "I can use " + " + ".join(["\\frac{1}{\\sqrt{34}}"] * 8) + " here.",
        "Maybe 8 + 4 = 12, 12 - 5 = 7. No. "
        + "".join(f"Maybe {a} * {b} = {a * b}. No. " for a in range(9) for b in range(9)),
    ],
)
def test_short_repetitions_and_searches_are_no_loop(text: str) -> None:
    assert find_loops(text) == ()


@pytest.mark.parametrize(
    "round_",
    [
        "Wait. ",
        "等一下，我再检查一遍这个结果。",
        "\\boxed{}\n",
        "😀",
        "\ud800",
        "Let me check this again, since it may be wrong. " * 60,
    ],
)
def test_loops_of_any_script_and_length_of_a_round_are_found(round_: str) -> None:
    before = " ".join(str(i * i) for i in range(400))
    text = before + round_ * max(10, 1_000 // len(round_))
    (loop,) = find_loops(text)
    assert len(before) - PASSAGE <= loop.start <= len(before) and loop.end == len(text)


def test_a_brief_loop_counts_where_the_same_returns_ten_times() -> None:
    before = "We add the two numbers and look whether their sum is even. "
    (loop,) = find_loops(before + "Wait, no. " * 25)
    assert len(before) - PASSAGE <= loop.start <= len(before) and loop.end == len(before) + 250
    assert find_loops(before + "Wait, no. " * 15) == (), "a hesitation, however long it seems"


def test_a_place_lies_in_a_loop_from_its_start_to_before_its_end() -> None:
    places = np.array([0, 4, 5, 9, 10, 19, 20, 24, 25])
    assert inside([LoopSpan(5, 10), LoopSpan(20, 25)], places).tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0]
    assert not inside([], places).any() and 1 / TIMES < NEW
