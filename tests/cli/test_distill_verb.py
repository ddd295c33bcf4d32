"""The verb `distill` as a person types it: what it refuses, and how trainings are listed. See tests/worker for a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.cli.main import main
from backend.config import Settings
from backend.services import build_services
from backend.services.training.training_specs import TrainingSpec

ASKED = ["distill", "--model", "lab-base", "--problems", "lab-cd3-train"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["distill"], "Name the model to teach with --model, or a --preset."),
        (["distill", "--model", "lab-base"], "Name the problem set to train on"),
        (["distill", "--preset", "nonesuch"], "no preset called 'nonesuch'; there are lose"),
        (["distill", "--model", "nobody", "--problems", "lab-cd3-train"], "no model 'nobody'"),
        (["distill", "--model", "lab-base", "--problems", "nowhere"], "no problem set 'nowhere'"),
        ([*ASKED, "--set", "speed=3"], "'speed=3' is none of method, context"),
        ([*ASKED, "--set", "prompts"], "--set takes NAME=VALUE"),
        ([*ASKED, "--set", "prompts=many"], "prompts is a number, not 'many'"),
        ([*ASKED, "--set", "tail=perhaps"], "tail is true or false, not 'perhaps'"),
        ([*ASKED, "--set", "teacher=kind"], "teacher is one of fixed, moving average, live, not 'kind'"),
        ([*ASKED, "--set", "learning-rate=2"], "learning rate can't be 2"),
        ([*ASKED, "--method", "GRPO"], "at least 2 samples"),
        ([*ASKED, "--size", "100000"], "has 2,937 problems"),
        ([*ASKED, "--evaluate", "lab-cd3-test", "lab-cd3-test"], "asked for twice"),
        (["distill", "--resume", "nothing"], "no training 'nothing'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--store", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert says in said.err and len(said.err.strip().splitlines()) == 1 and not said.out


def test_trainings_are_listed_paused_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with build_services(Settings(store=tmp_path)) as services:
        (spec, *_) = [preset.spec for preset in services.trainings.presets()]
        asked: TrainingSpec = spec
        services.trainings.start(asked)
        kept = services.trainings.submit(asked)
    assert main(["distill", "--list", "--json", "--store", str(tmp_path)]) == 0
    newest, oldest = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (oldest["state"], oldest["step"], oldest["steps"], oldest["base"]) == ("queued", 0, 50, "lab-base")
    assert TrainingSpec.from_json(newest["spec"]) == asked and newest["id"] == kept.spec["training"]
    assert main(["distill", "--pause", newest["name"], "--store", str(tmp_path)]) == 0
    assert main(["distill", "--remove", newest["id"][:8], "--store", str(tmp_path)]) == 2
    assert "cancel it first" in capsys.readouterr().err
    assert main(["distill", "--remove", oldest["name"], "--store", str(tmp_path)]) == 0
    assert main(["distill", "--list", "--store", str(tmp_path)]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].startswith("removed  lab-base") and len(listed) == 2 and "step 0 of 50" in listed[1]
