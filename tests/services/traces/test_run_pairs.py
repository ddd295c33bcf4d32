"""Which runs are put side by side by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.config import Settings
from backend.domain import Context, Run, RunInfo, Sampling
from backend.services import build_services
from backend.services.traces.run_pairs import family, find_pairs, relation, without_middles


def run(name: str, number: int = 0, problems: int = 10, **info: Any) -> Run:
    return Run(f"id{number}", RunInfo(name, "set", **info), problems, problems, "words", f"2026-01-0{number + 1}")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (
            run("Qwen3-8B · LIMO", parent="Qwen3-8B"),
            run("Qwen3-8B", 1),
            ("Qwen3-8B", "Qwen3-8B · LIMO", "trained from"),
        ),
        (
            run("Qwen2.5-3B-rlft"),
            run("Qwen2.5-3B-Instruct", 1),
            ("Qwen2.5-3B-Instruct", "Qwen2.5-3B-rlft", "same family"),
        ),
        (run("org/Qwen-2.5-7B"), run("Qwen-2.5-7B-SDFT", 1), ("org/Qwen-2.5-7B", "Qwen-2.5-7B-SDFT", "same family")),
        (run("a", parent="p", variant="grpo"), run("b", 1, parent="p"), ("b", "a", "same parent")),
        (
            run("Qwen-7B_TAC_GSPO"),
            run("Qwen-7B_NOTAC_GSPO", 1),
            ("Qwen-7B_NOTAC_GSPO", "Qwen-7B_TAC_GSPO", "same family"),
        ),
        (run("Qwen3-8B"), run("Qwen3-14B", 1), None),
        (run("Qwen3-8B"), run("Llama-8B", 1), None),
    ],
)
def test_relations(first: Run, second: Run, expected: tuple[str, str, str] | None) -> None:
    for a, b in ((first, second), (second, first)):
        found = relation(a, b)
        assert (found and (found[0].info.model, found[1].info.model, found[2])) == expected


def test_the_same_model_under_another_context_is_the_second() -> None:
    plain, shown = run("m"), run("m", 1, context=Context.SOLUTION)
    assert relation(shown, plain) == (plain, shown, "same model, other conditions")


def test_names_lose_their_maker_and_training_words() -> None:
    assert family("org/Qwen-2.5-3B-rlft") == family("Qwen2.5-3B-Instruct") == "qwen 2.5 3b"


def test_half_of_the_smaller_runs_problems_must_be_shared() -> None:
    runs = {r.id: r for r in (run("m-base", 0, 10), run("m-sft", 1, 100))}
    assert find_pairs(runs, [("id0", "id1", 4)]) == []
    (pair,) = find_pairs(runs, [("id0", "id1", 5)])
    assert (pair.base.id, pair.variant.id, pair.problems) == ("id0", "id1", 5)
    assert find_pairs(runs, [("id0", "gone", 5)]) == []


def test_of_a_series_only_the_ends_are_paired() -> None:
    """Each data set has ends of its own; a run without a step, or without a series, is no step."""

    def step(number: int, at: int | None, series: str | None = "s", dataset: str = "d") -> Run:
        made = run(f"s · step {at}", number)
        return replace(made, info=replace(made.info, series=series, step=at, dataset=dataset))

    steps = [step(n, at) for n, at in enumerate((10, 0, 5, 20))]
    others = [step(4, 7, None), step(5, None), step(6, 5, "t"), step(7, 5, "s", "held out")]
    assert [r.id for r in without_middles([*steps, *others])] == ["id1", "id3", "id4", "id5", "id6", "id7"]


def test_the_real_pairs_form_by_themselves(real_store: Settings) -> None:
    with build_services(real_store) as services:
        found = [
            (p.base.info.model, p.variant.info.model, p.base.info.dataset, p.problems) for p in services.runs.pairs()
        ]
    assert found[:5] == [
        ("Qwen2.5-7B", "Qwen2.5-7B · LIMO", "AIME24", 30),
        ("Qwen2.5-Math-7B", "Qwen2.5-Math-7B · LIMO", "AIME24", 30),
        ("Qwen3-14B-Base", "Qwen3-14B-Base · LIMO", "AIME24", 30),
        ("Qwen3-8B-Base", "Qwen3-8B-Base · LIMO", "AIME24", 30),
        ("Qwen3-14B-Base", "Qwen3-14B-Base · LIMO", "AMC23", 40),
    ]
    assert ("Qwen2.5-3B-Instruct", "Qwen-2.5-3B-rlft", "AIME24", 30) in found
    assert ("Qwen-7B_NOTAC_GSPO", "Qwen-7B_TAC_GSPO", "AIME25", 30) in found


def test_one_model_asked_twice_alike_is_no_pair() -> None:
    """As by a retry of what was lost; another temperature, variant or context is a condition."""
    plain = run("m")
    assert relation(plain, run("m", 1)) is None
    for other in (
        run("m", 1, sampling=Sampling(temperature=0.7)), run("m", 1, variant="round 2"),
        run("m", 1, context=Context.SOLUTION),
    ):  # fmt: skip
        assert relation(plain, other) is not None
