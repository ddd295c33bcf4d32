"""TRL trains the lab's base for two steps; what we read of its completions is what it says of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.domain import Run
from backend.services import Services
from backend.services.traces.trace_reader import OpenTrace
from tests.services.made_files import take
from tests.tools.conftest import LAB_BASE, run_tool

WRITERS = Path(__file__).parent / "writers"
Opened = Callable[[str], list[OpenTrace]]


def steps(services: Services, path: Path) -> list[Run]:
    """The runs that a file or folder became, by step."""
    for outcome in take(services, path):
        assert outcome.state in ("imported", "skipped"), outcome
    return sorted(services.runs.all(), key=lambda run: run.info.step or 0)


def as_said(runs: list[Run], opened: Opened, services: Services, said: dict[str, Any]) -> None:
    """Each run holds the rollouts of its step, with their rewards, and is as often right as TRL says."""
    assert [run.info.step for run in runs] == [1, 2]
    assert len({run.info.series for run in runs}) == 1 and runs[0].info.series
    figures = {summary.run.id: summary for summary in services.runs.summaries("doubts")}
    for run, rollouts, log in zip(runs, said["rollouts"], said["log"], strict=False):
        traces = opened(run.id)
        assert sorted(trace.text for trace in traces) == sorted(rollout["text"] for rollout in rollouts)
        by_text = {rollout["text"]: rollout for rollout in rollouts}
        for trace in traces:
            rollout = by_text[trace.text]
            assert (trace.question, trace.gold) == (rollout["question"], rollout["gold"])
            assert trace.verdict("file").correct is bool(rollout["right"])
            assert trace.extra["correctness_reward"] == rollout["right"] and "advantage" in trace.extra
            assert trace.extra.get("brevity_reward") == pytest.approx(rollout["brevity"])
        accuracy = figures[run.id].accuracy["file"]
        assert accuracy and accuracy.value == pytest.approx(log["rewards/correctness_reward/mean"])


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a training of two steps, and what TRL said of them."""
    folder = tmp_path_factory.mktemp("training")
    words = (WRITERS / "grpo_training.py", LAB_BASE, "lab-grpo")
    return folder, json.loads(run_tool(folder, "trackio", *words).splitlines()[-1])


def test_completions_of_trl(services: Services, opened: Opened, training: tuple[Path, dict[str, Any]]) -> None:
    folder, said = training
    as_said(steps(services, folder / "lab-grpo"), opened, services, said)
