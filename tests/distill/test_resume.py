"""A training that is killed goes on from its last checkpoint to the weights an uninterrupted one has."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from backend.distill.callbacks import TEACHER
from backend.distill.settings import Method, Teacher
from backend.distill.train_plan import TrainingProblem, TrainPlan
from backend.domain import UserError
from tests.distill.small import LAB, ROOT, Event, distance, of_kind, plan, settings, train, weights

STEPS = 3


class Killed(BaseException):
    """Ends a training from within, where nothing can tidy up after it."""


def stopped_at(step: int, kind: str = "checkpoint") -> Any:
    """Ends the training as soon as it says `kind` of `step`."""

    def say(event: Event) -> None:
        if event["k"] == kind and event["step"] == step:
            raise Killed

    return say


def check_resumed(asked: TrainPlan, folder: Path, step: int, whole: Path, within: float) -> None:
    """Go on in `folder`, where `step` was reached, and compare with the uninterrupted training in `whole`."""
    half = folder / f"checkpoint-{step + 1}"
    half.mkdir(exist_ok=True)
    (half / "model.safetensors").write_bytes(b"half")
    events = train(asked, folder)
    assert events[0]["k"] == "begin" and events[0]["step"] == step
    assert [event["step"] for event in of_kind(events, "step")] == list(range(step + 1, STEPS + 1))
    assert events[-1] == {"k": "done", "step": STEPS}
    name = "adapter_model.safetensors" if asked.settings.lora_rank else "model.safetensors"
    mine, theirs = (load_file(one / f"checkpoint-{STEPS}" / name) for one in (folder, whole))
    assert distance(mine, theirs) <= within
    for one in range(1, STEPS + 1):
        assert (folder / f"checkpoint-{one}" / "whole.json").is_file(), "what was half written is gone or written anew"


# More responses than an epoch of theirs: the second kind of step, in another order, is resumed as well.
KINDS: dict[str, dict[str, Any]] = {
    "SFT": {"method": Method.SFT, "prompts": 2},
    "SDFT, fixed": {},
    "GRPO": {"method": Method.GRPO},
    "adapter": {"lora_rank": 2},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_training_ends_with_the_same_bits(
    kind: str, four: tuple[TrainingProblem, ...], tmp_path: Path, shared: str
) -> None:
    asked = plan(settings(**KINDS[kind], steps=STEPS), four, shared=shared)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    events = train(asked, whole)
    step = random.Random(kind).randint(1, STEPS - 1)
    with pytest.raises(Killed):
        train(asked, stopped, say=stopped_at(step))
    check_resumed(asked, stopped, step, whole, 0.0)
    if kind == "GRPO":
        scores = [event["values"]["score"] for event in of_kind(events, "step")]
        assert any(0 < score < 1 for score in scores), "there was something to learn"
    if kind == "SFT":
        assert distance(weights(whole / f"checkpoint-{STEPS}"), load_file(LAB / "model.safetensors")) > 0


def test_a_killed_process_goes_on_with_its_moving_teacher(four: tuple[TrainingProblem, ...], tmp_path: Path) -> None:
    """kill -9 right after a checkpoint. Without the teacher's own weights it would start at the base again."""
    asked = plan(settings(teacher=Teacher.EMA, teacher_rate=0.5, steps=STEPS), four)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        asked.write(folder)
    step = random.Random("EMA").randint(1, STEPS - 1)
    child = subprocess.Popen(
        [sys.executable, "-m", "backend.distill", str(killed)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        train(asked, whole)
        assert child.stdout
        for line in child.stdout:
            event = json.loads(line)
            if event["k"] == "checkpoint" and event["step"] == step:
                break
        else:
            pytest.fail("ended without the checkpoint")
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    # The process may have got a step further before it was hit.
    reached = max(int(p.parent.name.split("-")[1]) for p in killed.glob("checkpoint-*/whole.json"))
    if reached < STEPS:
        check_resumed(asked, killed, reached, whole, 1e-5)
    teachers = [load_file(folder / f"checkpoint-{STEPS}" / TEACHER) for folder in (whole, killed)]
    assert distance(*teachers) <= 1e-5
    base = load_file(LAB / "model.safetensors")
    layers = [name for name in base if ".layers." in name]
    moved = distance({name: teachers[0][name] for name in layers}, {name: base[name] for name in layers})
    assert moved > 1e-4


def test_a_step_that_was_said_but_not_saved_is_trained_again(four: tuple[TrainingProblem, ...], folder: Path) -> None:
    asked = plan(settings(steps=2), four, checkpoint_every=1)
    with pytest.raises(Killed):
        train(asked, folder, say=stopped_at(2, "step"))
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-1"]
    events = train(asked, folder)
    assert [event["step"] for event in of_kind(events, "step")] == [2]
    again = train(asked, folder)
    assert [event["k"] for event in again] == ["begin", "done"], "what is done is not done again"


def test_only_the_newest_checkpoint_can_be_gone_on_from(four: tuple[TrainingProblem, ...], folder: Path) -> None:
    train(plan(settings(steps=2), four), folder)
    assert not (folder / "checkpoint-1" / "optimizer.pt").exists(), "three times the size of the weights"
    assert (folder / "checkpoint-2" / "optimizer.pt").is_file()
    assert distance(weights(folder / "checkpoint-1"), weights(folder / "checkpoint-2")) > 0


def test_a_training_that_stops_making_sense_keeps_its_checkpoints(
    four: tuple[TrainingProblem, ...], folder: Path
) -> None:
    """A learning rate of 1 destroys the model at once."""
    asked = plan(settings(steps=12, learning_rate=1.0, clip_norm=1e6, max_tokens=8), four)
    with pytest.raises(UserError, match=r"diverged at step \d+: .*checkpoints before it are kept"):
        train(asked, folder)
    kept = sorted(folder.glob("checkpoint-*/whole.json"))
    assert kept and all(torch.isfinite(weight).all() for weight in weights(kept[0].parent).values())


def test_a_model_of_numbers_that_are_none_is_stopped_with_a_sentence(
    four: tuple[TrainingProblem, ...], tmp_path: Path
) -> None:
    import shutil

    from safetensors.torch import save_file

    asked = plan(settings(), four)
    folder = tmp_path / "training"
    folder.mkdir()
    train(plan(settings(steps=1), four), folder)
    good = weights(folder / "checkpoint-1")
    broken = {name: weight.clone() for name, weight in good.items()}
    broken["model.norm.weight"][0] = float("nan")
    shutil.copy(folder / "checkpoint-1" / "model.safetensors", tmp_path / "good.safetensors")
    save_file(broken, folder / "checkpoint-1" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="diverged at step 2: the loss is nan"):
        train(asked, folder)
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-1"]
