"""Inspect runs a task on its mock model; what we read of its logs, zipped and plain, is what its own reader says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.domain import Finish
from backend.services import Services
from backend.services.traces.trace_reader import OpenTrace
from tests.services.made_files import take_one
from tests.tools.conftest import run_tool

WRITER = Path(__file__).parent / "writers" / "inspect_log.py"


@pytest.mark.parametrize("kind", ["eval", "json"])
def test_its_logs(services: Services, tmp_path: Path, opened: Callable[[str], list[OpenTrace]], kind: str) -> None:
    said = json.loads(run_tool(tmp_path, "inspect_ai", WRITER, "logs", kind))
    run = take_one(services, tmp_path / "logs" / said["file"])
    (stored,) = services.runs.all()
    assert (stored.info.dataset, stored.problems, stored.traces) == ("sums", 3, 6)
    (summary,) = services.runs.summaries("doubts")
    accuracy = summary.accuracy["file"]
    assert accuracy and accuracy.value == pytest.approx(said["accuracy"])
    expected = sorted(said["samples"], key=lambda sample: (sample["question"], sample["epoch"]))
    for trace, sample in zip(opened(run), expected, strict=True):
        assert (trace.question, trace.gold, trace.sample + 1) == (sample["question"], sample["gold"], sample["epoch"])
        text = trace.text
        for part in sample["thinking"]:
            # What was cut off while thinking has no end of it.
            marked = f"<think>{part}</think>" if sample["text"] else f"<think>{part}"
            assert text.startswith(marked)
            text = text.removeprefix(marked)
        assert text.strip() == sample["text"].strip()
        assert trace.verdict("file").correct is (sample["scores"]["includes"] == "C")
        assert (trace.finish is Finish.LENGTH) is (sample["stop"] == "max_tokens")
        assert "exact" in json.dumps(trace.extra)
