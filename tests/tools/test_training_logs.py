"""TRL trains the lab's base and reports to Trackio, a loop logs traces by Trackio: what we read of both is what they say."""

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


def metric(run: Run, name: str) -> float:
    """What the training reported under a name, whatever stands before it."""
    (found,) = [value for key, value in run.info.metrics.items() if key == name or key.endswith(f"/{name}")]
    return found


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


def test_a_training_of_trl_in_trackio(
    services: Services, opened: Opened, training: tuple[Path, dict[str, Any]]
) -> None:
    folder, said = training
    runs = steps(services, folder / "trackio" / "field.db")
    as_said(runs, opened, services, said)
    for run, log in zip(runs, said["log"], strict=False):
        assert run.info.series == "lab-grpo" and run.info.model.startswith("lab-")
        # Trackio counts reports, TRL steps: what was reported belongs to the step that TRL names.
        for name in ("entropy", "loss", "rewards/brevity_reward/mean"):
            assert metric(run, name) == pytest.approx(log[name])


@pytest.mark.parametrize("what", ["trackio/sums.db", "trackio/traces"])
def test_traces_of_trackio(services: Services, tmp_path: Path, opened: Opened, what: str) -> None:
    said = json.loads(run_tool(tmp_path, "trackio", WRITERS / "trackio_traces.py").splitlines()[-1])
    runs = steps(services, tmp_path / what)
    assert [(run.info.step, run.info.series) for run in runs] == [(0, "seed-0"), (10, "seed-0")]
    for run in runs:
        rollouts = {rollout["question"]: rollout for rollout in said if rollout["step"] == run.info.step}
        for trace in opened(run.id):
            rollout = rollouts.pop(trace.question)
            assert trace.text == f"<think>{rollout['thinking']}</think>{rollout['text']}"
            assert (trace.gold, trace.verdict("file").correct) == (rollout["gold"], bool(rollout["reward"]))
        assert not rollouts
        if what.endswith(".db"):
            assert run.info.model.startswith("ant-8B") and run.info.metrics["loss"] == 0.25
            assert run.info.metrics["entropy"] == 1.5 - (run.info.step or 0) / 20
