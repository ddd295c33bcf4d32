"""Figures of real runs with and without loops: those that were found by hand, and bounds that hold everywhere."""

from __future__ import annotations

import pytest

from backend.config import Settings
from backend.services import build_services
from backend.store.parts import COUNT_COLUMNS

# Run -> the paper's ten words per trace, and what is left of them without loops.
KNOWN = {
    "Qwen2.5-7B · LIMO · AIME24": (638.4, 422.9),
    "Qwen3-14B-Base · LIMO · AIME24": (364.8, 265.5),
    "Qwen3-8B-Base · LIMO · AIME24": (329.9, 329.9),
    "Qwen3-14B-Base · MATH500": (0.51, 0.14),  # one trace of 500 holds 72% of them
}


def test_known_counts_with_and_without_loops(real_store: Settings) -> None:
    with build_services(real_store) as services:
        ids = {label: run for run, label in services.runs.labels().items()}
        kim = services.lexicons.get("kim2026").id
        rows = {row["run_id"]: row for row in services.store.queries.per_run(None, kim)}
        for label, (whole, free) in KNOWN.items():
            row = rows[ids[label]]
            assert row["cues"] / row["n"] == pytest.approx(whole, abs=0.06), label
            assert (row["cues"] - row["loop_cues"]) / row["n"] == pytest.approx(free, abs=0.06), label
        row = rows[ids["Qwen3-14B-Base · MATH500"]]
        assert row["largest"] / row["cues"] == pytest.approx(0.73, abs=0.01) and row["looping"] == 4
        row = rows[ids["Qwen2.5-7B · LIMO · AIME24"]]
        assert row["largest"] / row["cues"] == pytest.approx(0.355, abs=0.005) and row["looping"] == 2


def test_what_lies_in_loops_is_never_more_than_the_whole(real_store: Settings) -> None:
    with build_services(real_store) as services:
        runs = [run.id for run in services.runs.all()]
        rows = services.store.queries.per_trace(runs, services.lexicons.get("doubts").id)
        problems = services.store.queries.per_problem(runs, services.lexicons.get("doubts").id)
        parts = [*(each for each in COUNT_COLUMNS if each != "n"), "cues", "chars", "words", "tokens"]
        for row in rows:
            for part in parts:
                within, whole = row[f"loop_{part}"], row[part]
                assert (within is None) == (whole is None) and (whole is None or 0 <= within <= whole), (part, row)
        assert sum(row["loop_cues"] for row in rows) == sum(row["loop_cues"] for row in problems) > 10_000
        assert sum(row["looping"] for row in problems) == sum(row["loop_chars"] > 0 for row in rows)


def test_a_comparison_without_loops_is_the_one_that_stands_beside_the_whole(real_store: Settings) -> None:
    with build_services(real_store) as services:
        ids = {label: run for run, label in services.runs.labels().items()}
        pair = [ids["Qwen2.5-7B · AIME24"], ids["Qwen2.5-7B · LIMO · AIME24"]]
        whole = services.comparison.statistics(services.comparison.compare(pair, "doubts", "file"))
        compared = services.comparison.compare(pair, "doubts", "file", loops=False)
        free = services.comparison.statistics(compared)
        for beside, alone in ((whole.cues, free.cues), (whole.per_1k, free.per_1k), (whole.length, free.length)):
            assert beside.free and beside.free.a == alone.a and beside.free.change == alone.change
        # Loops carry a quarter of the cues: the change with them has no interval, and the one without them has.
        assert whole.cues.change and whole.cues.change.low is None and whole.cues.covered.change == free.cues.change
        assert sum(side.cues for problem in compared.problems for side in problem.sides[1:]) / 30 == pytest.approx(
            free.cues.b.value if free.cues.b else 0
        )
        words = {
            word.entry: (word.b, other.b) for word in whole.words for other in free.words if word.entry == other.entry
        }
        assert all(alone <= beside + 1e-9 for beside, alone in words.values()) and len(words) > 20
        assert sum(word.b for word in free.words) == pytest.approx(free.cues.b.value if free.cues.b else 0)


def test_measures_without_loops_sum_to_the_run(real_store: Settings) -> None:
    with build_services(real_store) as services:
        run = next(run for run, label in services.runs.labels().items() if label == "Qwen2.5-7B · LIMO · AIME24")
        counted, free = (services.runs.measures(run, "kim2026", loops)["section"] for loops in (True, False))
        assert sum(row.count.value for row in counted.values()) == pytest.approx(638.4, abs=0.06)
        assert sum(row.count.value for row in free.values()) == pytest.approx(422.9, abs=0.06)
