"""The traps of TRL 1.16 (each one met before), and that a training here doesn't fall into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from backend.distill import trainers, training_loop
from backend.distill.contexts import user_turn
from backend.distill.evaluator import Prompts
from backend.distill.reply_reader import Reader
from backend.distill.rollouts import ends
from backend.distill.settings import Method, Teacher
from backend.distill.train_plan import Evaluation, TrainingProblem, TrainPlan
from backend.domain import Context, UserError
from tests.distill.small import LAB, Event, distance, items, plan, settings


class Shown(TrainerCallback):
    """Keeps the first batch that student and teacher are shown, through TRL's own event."""

    def __init__(self) -> None:
        self.batch: dict[str, Any] = {}

    def on_self_distillation_batch_prepared(self, args: Any, state: Any, control: Any, **batch: Any) -> None:
        self.batch = self.batch or batch


def trainer_of(asked: TrainPlan, folder: Path) -> Any:
    """The trainer of a plan, as a training process makes it."""
    tokenizer = AutoTokenizer.from_pretrained(asked.base, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(asked.base, dtype=torch.float32)
    reader = Reader(tokenizer, ends(model, tokenizer), "")
    return trainers.build(asked, folder, model, tokenizer, reader, asked.items)


def prompt_texts(trainer: Any, ids: torch.Tensor, responses: torch.Tensor) -> list[str]:
    """The prompts before `responses`, without their padding."""
    tokenizer = trainer.processing_class
    rows = ids[:, : ids.shape[1] - responses.shape[1]].tolist()
    return [tokenizer.decode([t for t in row if t != tokenizer.pad_token_id]) for row in rows]


def base_weights() -> dict[str, torch.Tensor]:
    return load_file(LAB / "model.safetensors")


def weights_of(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in model.state_dict().items() if name != "lm_head.weight"}


def test_a_long_solution_reaches_the_teacher_whole_in_the_chat_template(folder: Path) -> None:
    """TRL would keep the last 512 tokens, and put its own words around what is shown."""
    short, long = items(2)
    assert long.solution
    long = replace(long, solution=" ".join([long.solution] * 8))
    asked = plan(settings(steps=1, prompts=2, max_tokens=8), (short, long))
    trainer, shown = trainer_of(asked, folder), Shown()
    trainer.add_callback(shown)
    before = weights_of(trainer.teacher_model)
    trainer.train()
    prompts = Prompts(trainer.processing_class)
    turns = [
        user_turn(item.question, Context.SOLUTION, solution=item.solution, template="teacher") for item in asked.items
    ]
    assert len(prompts.ids(turns[1])) > 512
    batch = shown.batch
    assert prompt_texts(trainer, batch["teacher_input_ids"], batch["completion_ids"]) == [
        trainer.processing_class.decode(prompts.ids(turn)) for turn in turns
    ]
    students = prompt_texts(
        trainer, torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1), batch["completion_ids"]
    )
    assert students == [prompts.text(item.question) for item in asked.items], "OPSD's students had no template"
    assert distance(before, base_weights()) == 0
    assert distance(weights_of(trainer.teacher_model), base_weights()) == 0, "the fixed teacher stays what it was"
    assert distance(weights_of(trainer.model), base_weights()) > 0
    assert not trainer.model.is_gradient_checkpointing


def test_a_moving_teacher_takes_its_share_of_the_student(four: tuple[TrainingProblem, ...], folder: Path) -> None:
    trainer = trainer_of(plan(settings(steps=1, teacher=Teacher.EMA, teacher_rate=0.25, max_tokens=8), four), folder)
    trainer.train()
    student, base = weights_of(trainer.model), base_weights()
    wanted = {name: 0.75 * base[name] + 0.25 * student[name] for name in base}
    assert distance(weights_of(trainer.teacher_model), wanted) < 1e-6
    assert distance(wanted, base) > 1e-5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": settings(max_tokens=900)}, r"Problem \d of the training set has .* and the 900 of a response"),
        ({"items": "long"}, "Problem 2 of the training set has .* tokens with what is shown"),
        ({"items": "long", "settings": settings(Method.SFT)}, "Problem 2 of the training set"),
        ({"evaluations": "long"}, "Problem 2 of the evaluation “held out” has"),
        ({"items": ()}, "no problem to train on"),
        ({"settings": settings(learning_rate=2.0)}, "learning rate can't be 2"),
        ({"items": (TrainingProblem("Use 2, 3 to make 6.", "2 * 3"),)}, "shows a correct solution"),
        ({"base": str(LAB / "nowhere")}, "can't be read"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_begun(
    changes: dict[str, Any], message: str, four: tuple[TrainingProblem, ...], folder: Path
) -> None:
    long = (four[0], replace(four[1], solution="Wait. " * 1100))
    known: dict[str, Any] = {"items": long, "evaluations": (Evaluation("held out", long, Context.SOLUTION),)}
    given = {name: known[name] if value == "long" else value for name, value in changes.items()}
    events: list[Event] = []
    with pytest.raises(UserError, match=message):
        training_loop.run(replace(plan(settings(), four), **given), folder, events.append, lambda: False)
    assert not events and not list(folder.iterdir())


@pytest.fixture(scope="module")
def siblings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An SDPO trainer that shows siblings without their thinking."""
    asked = plan(settings(Method.SDPO, prompts=1, context=Context.SOLUTION_NO_THINK), items(1))
    return trainer_of(asked, tmp_path_factory.mktemp("siblings"))


RESPONSES = (
    "First, 4 + 4 = 8.\n</think>\n\nFinal answer: \\boxed{8}",
    "<think>\nMaybe 11 - 4 = 7, 7 * 4 = 28.\n</think>\n\nFinal answer: \\boxed{(11 - 4) * 4}",
    "Wait. Then 11 - 4 = 7, 7 * 4 = 28.\n</think>\n\nFinal answer: \\boxed{(11 - 4) * 4}",
    "First, 4 * 4 = 16.",
)


def built(trainer: Any, rewards: Sequence[float]) -> tuple[list[str], list[float]]:
    """What each of four responses' teachers is shown, and whether it has a target."""
    tokenizer = trainer.processing_class
    batch = tokenizer(
        list(RESPONSES), return_tensors="pt", padding=True, padding_side="right", add_special_tokens=False
    )
    output = {"completion_ids": batch.input_ids, "completion_mask": batch.attention_mask}
    prompts = [[{"role": "user", "content": items(1)[0].question}]] * 4
    found = trainer.teacher_context_builder.build(output, prompts, torch.tensor(rewards))
    texts = prompt_texts(trainer, found["teacher_input_ids"], batch.input_ids)
    return texts, found["self_distillation_mask"].tolist()


def rendered(trainer: Any, hint: str) -> str:
    turn = f"{items(1)[0].question}\nCorrect solution:\n\n{hint}\n\nCorrectly solve the original question."
    prompts = Prompts(trainer.processing_class)
    return str(trainer.processing_class.decode(prompts.ids(turn)))


@pytest.mark.parametrize("right", [1, 2])
def test_a_sibling_loses_its_thinking_wherever_it_was_opened(siblings: Any, right: int) -> None:
    """TRL's rule misses thinking that the prompt has opened."""
    rewards = [float(place == right) for place in range(4)]
    texts, taught = built(siblings, rewards)
    others = [place for place in range(4) if place != right]
    assert [texts[place] for place in others] == [rendered(siblings, "Final answer: \\boxed{(11 - 4) * 4}")] * 3
    assert taught == [1 - reward for reward in rewards], "the only success of its group has no target"
    assert texts[right] == Prompts(siblings.processing_class).text(items(1)[0].question)


def test_a_sibling_shown_whole_keeps_its_marks_of_thinking(siblings: Any) -> None:
    siblings.settings = replace(siblings.settings, context=Context.SOLUTION)
    try:
        texts, taught = built(siblings, [0, 1, 1, 0])
    finally:
        siblings.settings = replace(siblings.settings, context=Context.SOLUTION_NO_THINK)
    assert taught == [1, 1, 1, 1]
    assert texts[1] == rendered(siblings, RESPONSES[2]), "a success is shown another one"
    assert texts[0] == texts[2] == texts[3] == rendered(siblings, RESPONSES[1])
    assert "<think>" in texts[0]


def test_without_a_success_nobody_has_a_target(siblings: Any) -> None:
    assert built(siblings, [0, 0, 0, 0])[1] == [0, 0, 0, 0]


def test_responses_without_a_teacher_do_not_thin_out_the_loss(siblings: Any) -> None:
    """TRL's mean counts them as responses with a loss of zero."""
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(4, 5, 30, generator=generator).requires_grad_()
    teacher = torch.randn(4, 5, 30, generator=generator)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0] * 5, [0] * 5])
    ids = torch.zeros(4, 5, dtype=torch.long)
    logits = SimpleNamespace(student_logits=student, teacher_logits=teacher, completion_ids=ids, loss_mask=mask)
    each = trainers.objective.divergence(siblings.settings, student, teacher).detach()
    assert float(siblings._compute_self_distillation_loss(None, {}, logits).detach()) == pytest.approx(
        float(each[mask > 0].mean())
    )
    values = siblings.take_facts().values()
    assert values["taught"] == 7 and values["divergence"] == pytest.approx(float(each[mask > 0].mean()))
    old = torch.full((4, 5), -30.0)
    doubled = siblings._compute_self_distillation_loss(None, {"old_per_token_logps": old}, logits)
    assert float(doubled.detach()) == pytest.approx(2 * float(each[mask > 0].mean())), "a ratio counts twice at most"
    logits.loss_mask = torch.zeros_like(mask)
    (nothing,) = torch.autograd.grad(siblings._compute_self_distillation_loss(None, {}, logits), student)
    assert torch.all(nothing == 0)


def test_advantages_are_not_divided_by_their_deviation(four: tuple[TrainingProblem, ...], folder: Path) -> None:
    trainer = trainer_of(plan(settings(Method.GRPO, steps=1), four), folder)
    seen: list[torch.Tensor] = []
    plain = trainer.compute_loss

    def compute_loss(model: Any, inputs: Any, *rest: Any, **options: Any) -> Any:
        seen.append(inputs["advantages"])
        return plain(model, inputs, *rest, **options)

    trainer.compute_loss = compute_loss
    trainer.train()
    rewards = torch.tensor([float(bool(reply.correct)) for reply in trainer.take_facts().replies]).view(2, 4)
    assert 0 < float(rewards.mean()) < 1
    wanted = (rewards - rewards.mean(1, keepdim=True)).flatten()
    # TRL shuffles the rows of a batch before it takes them apart
    torch.testing.assert_close(seen[0].sort().values, wanted.sort().values, atol=1e-3, rtol=0)


def test_rollouts_of_a_vllm_server_or_of_several_processes_are_left_to_trl() -> None:
    for use_vllm, processes, ours in ((False, 1, True), (True, 1, False), (False, 2, False)):
        trainer = SimpleNamespace(use_vllm=use_vllm, accelerator=SimpleNamespace(num_processes=processes))
        assert trainers.RolloutTrainer.own_decoder(trainer) is ours
