"""What a training process says, and how it is paused and ended."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.distill.settings import Method, Remedy, Schedule, Teacher
from backend.distill.train_plan import STEP_VALUES, Evaluation, TrainingProblem
from tests.distill.small import LEXICONS, ROOT, of_kind, plan, settings, train

READ = {"score", "finished", "length", "cues", "density", "tokens"}
TRAINED = {"loss", "grad_norm", "learning_rate", "seconds", "student_entropy"}
DISTILLED = {"divergence", "teacher_entropy", "cue_share", "cue_tokens", "taught"}


def test_every_step_says_all_there_is_to_say(four: tuple[TrainingProblem, ...], folder: Path, shared: str) -> None:
    asked = plan(
        settings(steps=2),
        four,
        evaluations=(Evaluation("held out", four[:2], first=1, last_samples=1),),
        watched=four[:1],
        watch_every=1,
        evaluate_every=1,
        lexicons=str(LEXICONS),
        shared=shared,
    )
    events = train(asked, folder)
    begun = events[0]
    assert (begun["k"], begun["step"], begun["steps"], begun["train"], begun["device"]) == ("begin", 0, 2, 4, "CPU")
    assert four[0].question in begun["prompts"]["student"] and "Correct solution:" in begun["prompts"]["teacher"]
    steps = of_kind(events, "step")
    assert [step["step"] for step in steps] == [0, 1, 2]
    assert set(steps[0]["values"]) == READ
    for step in steps[1:]:
        values: dict[str, Any] = step["values"]
        assert set(values) == set(STEP_VALUES) == READ | TRAINED | DISTILLED
        assert values["divergence"] == pytest.approx(values["loss"], abs=1e-4) and values["loss"] > 0
        assert set(values["cues"]) == set(values["density"]) == {path.stem for path in LEXICONS.glob("*.yaml")}
        assert 0 <= values["cue_share"] <= 1 and values["taught"] >= values["tokens"]
    for step in steps:
        assert len(step["sampled"]) == 4 and [row["problem"] for row in step["watched"]] == [0]
        assert {row["question"] for row in step["sampled"]} == {item.question for item in four}
    traces = of_kind(events, "traces")
    assert [(event["step"], len(event["traces"])) for event in traces] == [(0, 2), (1, 1), (2, 2)]
    assert [event["step"] for event in of_kind(events, "checkpoint")] == [1, 2]
    assert json.loads(json.dumps(events)) == events
    assert events[-1] == {"k": "done", "step": 2}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"method": Method.SFT, "prompts": 2}, READ | TRAINED),
        ({"method": Method.GRPO}, READ | TRAINED),
        ({"method": Method.SDPO, "teacher": Teacher.LIVE}, READ | TRAINED | DISTILLED),
        ({"remedy": Remedy.ROUTE, "schedule": Schedule.COSINE, "warmup": 1}, READ | TRAINED | DISTILLED),
        ({"remedy": Remedy.CLIP, "micro_batch": 2, "temperature": 0.7, "top_k": 0}, READ | TRAINED | DISTILLED),
    ],
    ids=["SFT", "GRPO", "SDPO", "routed", "clipped"],
)
def test_methods_say_what_they_know(
    changes: dict[str, Any], wanted: set[str], four: tuple[TrainingProblem, ...], folder: Path, shared: str
) -> None:
    events = train(plan(settings(**(changes | {"steps": 1})), four, shared=shared), folder)
    values = of_kind(events, "step")[-1]["values"]
    assert set(values) == wanted
    assert all(math.isfinite(value) for value in values.values() if isinstance(value, float))
    assert values["grad_norm"] > 0


def test_several_updates_of_the_same_rollouts(four: tuple[TrainingProblem, ...], folder: Path) -> None:
    """The second update has no rollouts of its own, and none is said to be its."""
    events = train(plan(settings(steps=2, updates=2), four), folder)
    steps = of_kind(events, "step")
    assert len(steps[1]["sampled"]) == 4 and not steps[2]["sampled"]
    assert [event["step"] for event in of_kind(events, "checkpoint")] == [2]


def test_no_steps_are_an_evaluation(four: tuple[TrainingProblem, ...], folder: Path, shared: str) -> None:
    asked = plan(settings(steps=0), four, evaluations=(Evaluation("held out", four[:2]),), shared=shared)
    events = train(asked, folder)
    assert [event["k"] for event in events] == ["begin", "note", "step", "traces", "done"]


def test_a_pause_saves_and_the_rest_follows(four: tuple[TrainingProblem, ...], folder: Path) -> None:
    asked = plan(settings(steps=3), four, checkpoint_every=3)
    paused = train(asked, folder, pausing=lambda: True)
    assert [event["k"] for event in paused][-3:] == ["step", "checkpoint", "paused"]
    assert paused[-1]["step"] == paused[-2]["step"] == 1
    rest = train(asked, folder)
    assert rest[0]["step"] == 1 and [event["step"] for event in of_kind(rest, "step")] == [2, 3]
    assert rest[-1] == {"k": "done", "step": 3}


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "backend.distill", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_the_process_hears_a_pause_refuses_in_a_sentence_and_ends_with_its_starter(
    four: tuple[TrainingProblem, ...], tmp_path: Path
) -> None:
    """Three processes at once: most of their time goes into loading the libraries."""
    plans = {
        "paused": plan(settings(steps=1000), four),
        "refused": plan(settings(max_tokens=900), four),
        "left": plan(settings(steps=1000), four, checkpoint_every=1000),
    }
    running = {}
    for name, asked in plans.items():
        (tmp_path / name).mkdir()
        asked.write(tmp_path / name)
        running[name] = start(tmp_path / name)
    try:
        paused = running["paused"]
        assert paused.stdin and paused.stdout
        paused.stdin.write(b"pause\n")
        paused.stdin.flush()
        events = [json.loads(line) for line in paused.stdout]
        assert paused.wait() == 0
        assert events[-1]["k"] == "paused" and events[-2] == {
            "k": "checkpoint",
            "step": events[-1]["step"],
            "folder": f"checkpoint-{events[-1]['step']}",
        }
        refused = running["refused"]
        out, _ = refused.communicate()
        assert refused.returncode == 3
        (only,) = [json.loads(line) for line in out.splitlines()]
        assert only["k"] == "failed" and only["reason"].startswith("Problem ")
        left = running["left"]
        assert left.stdin and left.stdout
        assert json.loads(left.stdout.readline())["k"] == "begin"
        left.stdin.close()
        assert left.wait() == 4
    finally:
        for process in running.values():
            process.kill()
            process.communicate() if process.stdin and not process.stdin.closed else process.wait()


def test_the_checkpoint_is_a_model(four: tuple[TrainingProblem, ...], folder: Path) -> None:
    """What was trained can be trained on."""
    train(plan(settings(steps=1), four), folder)
    next_folder = folder.parent / "next"
    next_folder.mkdir()
    asked = replace(plan(settings(steps=1), four), base=str(folder / "checkpoint-1"))
    assert train(asked, next_folder)[-1] == {"k": "done", "step": 1}


def test_nothing_is_reported_to_the_makers_of_the_libraries() -> None:
    """TRL would, once for every trainer."""
    code = "import backend.distill, huggingface_hub.constants as c; print(c.HF_HUB_DISABLE_TELEMETRY)"
    rest = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "DISABLE_", "DO_NOT"))}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=rest, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
