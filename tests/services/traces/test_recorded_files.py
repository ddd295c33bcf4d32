"""What the flight recorder writes is read back: a run a step, with rewards, verdicts and metrics."""

from __future__ import annotations

import json
from pathlib import Path

from backend.domain import TraceFilter
from backend.recorder import Recorder
from backend.services import Services
from tests.services.made_files import take

CHAT = {
    "prompt": [{"role": "user", "content": "What is 2 + 2?"}],
    "response": [{"role": "assistant", "content": "Maybe 5."}],
}
ROWS = [
    {"prompt": "What is 6 x 7?", "response": "Hmm, 42.", "gold": "42", "verdict": True, "rewards": {"correct": 1.0}},
    {**CHAT, "gold": "4", "rewards": {"correct": 0.0}},
]


def test_a_recorded_training(services: Services, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    recorder = Recorder(str(tmp_path / "in" / "run.jsonl"), series="my training", model="M", dataset="sums")
    for step in (0, 1):
        recorder.record(step, ROWS, {"loss": 0.5 - step / 4})
    # The training is resumed before its last step was saved, and comes to it again.
    again = Recorder(str(tmp_path / "in" / "run.jsonl"), series="my training", model="M", dataset="sums")
    again.record(1, [{**ROWS[0], "response": "It is 42."}, ROWS[1]], {"loss": 0.125})
    assert [outcome.state for outcome in take(services, tmp_path / "in")] == ["imported", "imported"]
    first, last = sorted(services.runs.all(), key=lambda run: run.info.step or 0)
    assert [(run.info.series, run.info.step, run.traces) for run in (first, last)] == [
        ("my training", 0, 2),
        ("my training", 1, 2),
    ]
    assert (first.info.metrics, last.info.metrics) == ({"loss": 0.5}, {"loss": 0.125})
    assert "resumed" in last.info.note and "resumed" not in first.info.note
    lexicon = services.lexicons.get("doubts").id
    rows = services.trace_list.page(TraceFilter(runs=(last.id,), lexicon="doubts")).rows
    traces = {trace.question: trace for trace in (services.traces.open(row.id, lexicon) for row in rows)}
    assert traces["What is 6 x 7?"].text == "It is 42." and traces["What is 2 + 2?"].text == "Maybe 5."
    assert [traces[each].verdict("file").correct for each in ("What is 6 x 7?", "What is 2 + 2?")] == [True, False]
    assert traces["What is 6 x 7?"].extra["rewards"] == {"correct": 1.0}


def test_prompts_of_opencompass(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "predictions" / "M"
    folder.mkdir(parents=True)
    prompt = [{"role": "HUMAN", "prompt": "What is 2 + 3?"}]
    row = {"0": {"origin_prompt": prompt, "prediction": "Maybe 5", "gold": "5"}}
    (folder / "sums.json").write_text(json.dumps(row))
    (outcome,) = take(services, tmp_path / "in")
    assert outcome.state == "imported", outcome
    (listed,) = services.trace_list.page(TraceFilter(lexicon="doubts")).rows
    assert services.traces.open(listed.id, services.lexicons.get("doubts").id).question == "What is 2 + 3?"
