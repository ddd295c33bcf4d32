"""A list as a page shows it: entries with their use in the store, and how its hits were judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.services import Services
from tests.services.made_files import row, take_one, write


def test_entries_have_their_words_language_count_and_example(services: Services, tmp_path: Path) -> None:
    texts = ("We have 7. But then it is 8? So the sum is 9?", "Maybe\n9, maybe 8. 等等", "nothing")
    take_one(services, write(tmp_path / "a.jsonl", [row(f"{n}?", text) for n, text in enumerate(texts)]))
    entries = {entry.name: entry for entry in services.details.entries("doubts")}
    assert list(entries) == [entry.name for entry in services.lexicons.get("doubts").entries]
    assert (entries["maybe"].cues, entries["perhaps"].cues, entries["perhaps"].example) == (2, 0, "")
    assert "maybe" in entries["maybe"].example.lower() and "\n" not in entries["maybe"].example
    assert (entries["but ..."].cues, entries["so ...?"].cues) == (1, 1)
    assert entries["but ..."].note.startswith("at the start of a sentence; Objections")
    assert (entries["等等"].languages, entries["maybe"].languages) == (("Chinese",), ("English",))
    assert entries["but ..."].judged >= 25 and entries["but ..."].right / entries["but ..."].judged > 0.8
    assert [name for name, entry in entries.items() if entry.holds("OVERCOMPLIC")] == ["too complicated"]
    assert all(entry.holds("chinese") == ("Chinese" in entry.languages) for entry in entries.values())


def test_precision_by_arm_is_that_of_its_own_hits(services: Services) -> None:
    one, two = services.details.precision("doubts-1"), services.details.precision("doubts")
    assert {arm: (found.n, round(found.value, 2)) for arm, found in one.items()} == {
        "LIMO and R1": (109, 0.89),
        "base, instruct and RL": (90, 0.33),
        "the demo": (30, 0.97),
    }
    assert {arm: round(found.value, 2) for arm, found in two.items()} == {
        "LIMO and R1": 0.99,
        "base, instruct and RL": 0.92,
        "the demo": 0.94,
    }
    assert services.details.precision("kim2026") == {} and "code points" in services.details.rule


@pytest.mark.parametrize(("side", "right", "of"), [("limo", 15, 15), ("base", 5, 5)])
def test_a_run_has_the_precision_of_hits_judged_in_its_texts(
    services: Services, shared_data: Path, side: str, right: int, of: int
) -> None:
    (file,) = (shared_data / "traces" / "strategic-info" / side / "Qwen3-8B-Base" / "aime").glob("*.jsonl")
    run = take_one(services, file)
    found = services.gold.precision(run, "doubts")
    assert found and found.low is not None and (round(found.value * found.n), found.n) == (right, of)
    assert services.gold.precision(run, "kim2026") is None
