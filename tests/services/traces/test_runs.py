"""Runs as a list: figures equal to the same computed by hand, names that tell runs apart, deleting, the real data."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from backend.config import Settings
from backend.domain import UserError
from backend.services import Services, build_services
from tests.services.made_files import row, state, take_one, write

# (model, dataset): ten words a response, accuracy in the file; stated in the data folder's README.
KNOWN = {
    ("Qwen2.5-7B", "AIME24"): (1.07, 0.13),
    ("Qwen2.5-7B · LIMO", "AIME24"): (638.4, 0.27),
    ("Qwen3-8B-Base", "AIME24"): (17.57, 0.10),
    ("Qwen3-8B-Base · LIMO", "AIME24"): (329.9, 0.47),
    ("Qwen3-14B-Base", "AIME24"): (13.53, 0.13),
    ("Qwen3-14B-Base · LIMO", "AIME24"): (364.8, 0.60),
    ("Qwen2.5-Math-7B", "AIME24"): (1.40, 0.20),
    ("Qwen2.5-Math-7B · LIMO", "AIME24"): (73.7, 0.0),
    ("Qwen3-14B-Base", "AMC23"): (0.17, 0.625),
    ("Qwen3-14B-Base · LIMO", "AMC23"): (132.0, 0.90),
}


def test_known_figures_of_the_real_traces(real_store: Settings) -> None:
    with build_services(real_store) as services:
        summaries = services.runs.summaries("kim2026")
        densities = services.runs.densities()
    found = {(s.run.info.model, s.run.info.dataset): s for s in summaries}
    for key, (cues, accuracy) in KNOWN.items():
        digits = 2 if cues < 20 else 1  # as many as are stated
        assert round(found[key].cues.value, digits) == cues, key
        assert round(found[key].accuracy["file"].value, 3 if accuracy == 0.625 else 2) == accuracy, key
        assert densities[found[key].run.id]["kim2026"][0] == pytest.approx(found[key].cues.value)
    looped = found["Qwen2.5-7B · LIMO", "AIME24"]
    assert looped.free is not None and looped.in_loops is not None and looped.largest is not None
    # One of its 30 traces holds a third of its ten words, all but a few in one loop.
    assert 400 < looped.free.cues.value < 440 and looped.in_loops > 0.3 and looped.largest > 0.3
    assert looped.cues.low is None and "lies in loops" in looped.cues.why and looped.free.cues.low is not None
    words = densities[found["Qwen3-14B-Base", "AIME24"].run.id]["kim2026-words"]
    assert round(words[0], 1) == 3.0


def test_figures_equal_those_computed_by_hand(services: Services, tmp_path: Path) -> None:
    draw = random.Random(5)
    rows, expected = [], []
    for problem in range(9):
        texts = [
            " ".join(draw.choices(["wait", "so", "then"], k=draw.randint(1, 20))) for _ in range(draw.randint(1, 4))
        ]
        right = [draw.random() < 0.5 for _ in texts]
        rows.append(row(f"{problem}?", *texts, gold=None, answers_correctness=right))
        expected.append((texts, right))
    run = take_one(services, write(tmp_path / "a.jsonl", rows))
    (summary,) = services.runs.summaries("kim2026")
    per_problem = [
        (sum(t.count("wait") for t in ts) / len(ts), sum(len(t.split()) for t in ts) / len(ts)) for ts, _ in expected
    ]
    cues, length = (sum(column) / 9 for column in zip(*per_problem, strict=True))
    assert summary.cues.value == pytest.approx(cues) and summary.length.value == pytest.approx(length)
    assert summary.per_1k.value == pytest.approx(1000 * cues / length)
    assert summary.per_1k.low <= summary.per_1k.value <= summary.per_1k.high and summary.cues.n == 9
    assert summary.accuracy["file"].value == pytest.approx(sum(sum(r) / len(r) for _, r in expected) / 9)
    assert summary.accuracy["paper"] is None and summary.accuracy["final answer"] is None
    every = [text for texts, _ in expected for text in texts]
    assert summary.chars == pytest.approx(sum(map(len, every)) / len(every))
    assert services.runs.densities()[run]["kim2026"] == pytest.approx((cues, 1000 * cues / length))
    assert summary.cut is None, "the source doesn't say how responses ended"


def test_json_of_a_run_holds_what_the_command_line_promises(services: Services, tmp_path: Path) -> None:
    take_one(services, write(tmp_path / "a.jsonl", [row("1?", "wait \\boxed{2}", answers_correctness=[True])]))
    (summary,) = services.runs.summaries()
    found = services.runs.as_json(summary, services.runs.densities()[summary.run.id])
    assert found["model"] and found["dataset"] and (found["problems"], found["traces"]) == (1, 1)
    assert found["accuracy"] == {"file": 1.0, "paper": 1.0, "final answer": 1.0}
    assert set(found["cues_per_trace"]) == set(found["cues_per_1k"]) == set(services.lexicons.by_name)
    assert found["cues_per_trace"]["kim2026"] == 1.0 and found["mean_chars"] == len("wait \\boxed{2}")


def test_a_trace_without_a_word_has_no_density(services: Services, tmp_path: Path) -> None:
    take_one(services, write(tmp_path / "a.jsonl", [row("1?", "", gold=None)]))
    (summary,) = services.runs.summaries()
    assert summary.cues.value == 0 and summary.per_1k is None
    assert services.runs.densities()[summary.run.id]["doubts"] == (0.0, None)


def test_labels_tell_runs_apart(services: Services, tmp_path: Path) -> None:
    runs = [take_one(services, write(tmp_path / str(i) / "set" / "m.jsonl", [row("1?", str(i))])) for i in range(2)]
    alone = take_one(services, write(tmp_path / "set" / "other.jsonl", [row("1?", "x")]))
    labels = services.runs.labels()
    assert len(set(labels.values())) == 3 and labels[alone] == "other · set"
    assert all(labels[run].endswith(run[:6]) for run in runs)


def test_deleting_leaves_the_store_as_it_was(services: Services, settings: Settings, tmp_path: Path) -> None:
    take_one(services, write(tmp_path / "kept.jsonl", [row("1?", "kept")]))
    before = state(settings.store)
    version = services.runs.version()
    run = take_one(services, write(tmp_path / "gone.jsonl", [row("1?", "x"), row("2?", "y")]))
    assert services.runs.delete(run).info.model == "gone"
    assert state(settings.store) == before
    assert services.runs.version() > version
    with pytest.raises(UserError, match="no run"):
        services.runs.delete(run)
    with pytest.raises(UserError, match="no run"):
        services.runs.get("../..")


def test_another_process_write_is_seen_at_once(services: Services, settings: Settings, tmp_path: Path) -> None:
    assert services.runs.summaries() == []
    with build_services(settings) as other:
        run = take_one(other, write(tmp_path / "a.jsonl", [row("1?", "wait")]))
        assert [summary.run.id for summary in services.runs.summaries()] == [run]
        other.runs.delete(run)
    assert services.runs.summaries() == []


def test_measures_add_up_by_group_section_and_entry(services: Services, tmp_path: Path) -> None:
    rows = [
        row("What is 1 + 1?", "<think>wait, hmm, maybe</think>wait 2", "no doubt"),
        row("And 2?", "perhaps", "wait"),
    ]
    run = take_one(services, write(tmp_path / "a.jsonl", rows))
    found = services.runs.measures(run, "kim2026-words")
    assert {name: figures.count.value for name, figures in found["entry"].items()} == {
        "wait": (2 + 0 + 0 + 1) / 4,
        "hmm": 0.25,
        "maybe": 0.25,
        "perhaps": 0.25,
    }
    found_by_section = {name: figures.count.value for name, figures in found["section"].items()}
    assert found_by_section == {"think": 0.75, "answer": 0.25, "response": 0.5}
    for names in found.values():
        assert sum(figures.count.value for figures in names.values()) == pytest.approx(1.5)
    group = found["group"]["self-correction"]
    assert (group.count.n, group.share.value) == (2, 0.5)
    with pytest.raises(UserError, match="no run"):
        services.runs.measures("nothing")
