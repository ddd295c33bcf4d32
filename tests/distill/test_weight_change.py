"""A checkpoint whose weights are those the training began with is known for that, with every method, also resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.distill.callbacks import TEACHER
from backend.distill.settings import Method, Teacher
from backend.distill.train_plan import WHOLE, TrainingProblem
from backend.distill.weight_change import NO_NUMBERS, UNCHANGED, why_untrained
from tests.distill.small import LAB, of_kind, plan, settings, train, weights

# Trainings without any signal, and some with one.
CUT: dict[str, Any] = {"max_tokens": 4}
SILENT: dict[str, dict[str, Any]] = {
    "GRPO, every rollout cut off": {"method": Method.GRPO, **CUT},
    "SDPO, no rollout right": {"method": Method.SDPO, **CUT},
    "SDFT, the rate is still 0": {"warmup": 9},
    "SFT, the rate is still 0": {"method": Method.SFT, "warmup": 9, "prompts": 2},
    "an adapter, every rollout cut off": {"method": Method.GRPO, "lora_rank": 2, **CUT},
    "a moving teacher, the rate is still 0": {"warmup": 9, "teacher": Teacher.EMA},
}
HEARD: dict[str, dict[str, Any]] = {"GRPO": {"method": Method.GRPO}, "an adapter": {"lora_rank": 2}}


def said(folder: Path, step: int) -> str:
    return str(json.loads((folder / f"checkpoint-{step}" / WHOLE).read_text()).get("untrained", ""))


@pytest.mark.parametrize("kind", [*SILENT, *HEARD])
def test_a_training_without_a_signal_is_known_by_its_weights(
    kind: str, four: tuple[TrainingProblem, ...], tmp_path: Path, shared: str
) -> None:
    asked = plan(settings(**(SILENT | HEARD)[kind], steps=2), four, shared=shared)
    train(asked, tmp_path)
    # A rate that warms up is 0 at the first step alone.
    second = UNCHANGED if kind in SILENT and "still" not in kind else ""
    assert [said(tmp_path, step) for step in (1, 2)] == [UNCHANGED if kind in SILENT else "", second]


def test_a_resumed_training_is_compared_with_its_base(four: tuple[TrainingProblem, ...], tmp_path: Path) -> None:
    """Not with the checkpoint it went on from: that may have been trained before, or not."""
    asked = plan(settings(Method.GRPO, steps=2, **CUT), four)
    train(asked, tmp_path, pausing=lambda: True)
    assert said(tmp_path, 1) == UNCHANGED
    events = train(asked, tmp_path)
    assert of_kind(events, "begin")[0]["step"] == 1 and said(tmp_path, 2) == UNCHANGED


def test_weights_are_compared_across_shards_and_precisions(tmp_path: Path) -> None:
    tensors = load_file(LAB / "model.safetensors")
    names = sorted(tensors)
    saved = tmp_path / "saved"
    saved.mkdir()
    for number, part in enumerate((names[::2], names[1::2])):
        save_file({name: tensors[name].float().contiguous() for name in part}, saved / f"model-{number}.safetensors")
    save_file({"other": torch.ones(2)}, saved / TEACHER)
    assert why_untrained(LAB, saved, TEACHER) == UNCHANGED
    for value, clause in ((1e-6, ""), (float("nan"), NO_NUMBERS)):
        changed = {name: tensors[name].float().clone() for name in names[1::2]}
        changed[names[1]].view(-1)[0] += value
        save_file(changed, saved / "model-1.safetensors")
        assert why_untrained(LAB, saved, TEACHER) == clause
    assert why_untrained(tmp_path, saved, TEACHER) == "", "nothing to compare with: nothing is held against it"
    assert weights(LAB).keys() == tensors.keys()
