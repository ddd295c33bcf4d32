"""Why a training taught nothing: told from its steps and from what its checkpoint says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.distill.settings import Method, TrainingSettings
from backend.distill.train_plan import WHOLE
from backend.services.training.untrained import sentence, why_untrained

FLAT: dict[str, Any] = {"grad_norm": 0.0, "score": 0.0, "finished": 0.0, "learning_rate": 1e-4}


@pytest.mark.parametrize(
    ("steps", "method", "says"),
    [
        ([FLAT, FLAT], Method.GRPO, "every rollout was cut off at 7 tokens and none was right"),
        ([FLAT | {"finished": 0.5}], Method.SDPO, "learned: none was right;"),
        ([FLAT | {"finished": 1.0, "score": 1.0}], Method.GRPO, "learned: all were right;"),
        ([FLAT | {"finished": 1.0, "score": 0.5}], Method.GRPO, "all rollouts of a problem had the same reward"),
        ([FLAT | {"learning_rate": 0.0}], Method.SFT, "learned: the learning rate was 0;"),
        ([{}], Method.SFT, "Nothing was learned; "),
    ],
)
def test_the_sentence_names_the_cause(steps: list[dict[str, Any]], method: Method, says: str) -> None:
    said = sentence("the gradient was 0 at every step", steps, TrainingSettings(method=method, max_tokens=7))
    assert says in said and "the gradient was 0 at every step. No model is entered." in said


@pytest.mark.parametrize(
    ("steps", "untrained"),
    [([FLAT], True), ([FLAT, FLAT | {"grad_norm": 0.1}], False), ([{"grad_norm": None}], False), ([], False)],
)
def test_a_gradient_of_zero_teaches_nothing_whatever_the_weights(
    steps: list[dict[str, Any]], untrained: bool, tmp_path: Path
) -> None:
    assert bool(why_untrained(tmp_path, steps)) is untrained
    (tmp_path / WHOLE).write_text('{"step": 1')
    assert bool(why_untrained(tmp_path, steps)) is untrained
    (tmp_path / WHOLE).write_text('{"step": 1, "untrained": "its weights are no numbers any more"}')
    assert why_untrained(tmp_path, steps) == "its weights are no numbers any more"
