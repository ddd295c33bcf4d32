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
