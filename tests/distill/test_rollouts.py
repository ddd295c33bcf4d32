"""Rollouts: the same for the same seed in any company, and those the engine and `generate()` would give."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from trl.trainer.utils import entropy_from_logits, selective_log_softmax

from backend.distill.batches import in_parts
from backend.distill.evaluator import Prompts
from backend.distill.rollouts import Sampler, ends, seed_of
from backend.distill.train_plan import TrainingProblem
from backend.domain import Model, ModelKind
from backend.engines.protocol import Decoding, Family, Piece, Request
from backend.engines.transformers.transformers_engine import TransformersEngine
from tests.distill.small import LAB, items

TOKENS = 20


@pytest.fixture(scope="module")
def questions() -> list[str]:
    """Questions of two lengths."""
    return [item.question for item in items(5)] + ["Use 1, 2, 3, 4 to make 10."]


@pytest.fixture(scope="module")
def prompts(lab: tuple[Any, Any], questions: list[str]) -> list[list[int]]:
    return [Prompts(lab[1]).ids(question) for question in questions]


def test_a_response_depends_on_its_seed_alone(lab: tuple[Any, Any], prompts: list[list[int]]) -> None:
    sampler, seeds = Sampler(*lab), [seed_of("rollout", n) for n in range(len(prompts))]
    together = sampler.draw(prompts, seeds, 1.0, TOKENS)
    alone = [sampler.draw([prompt], [seed], 1.0, TOKENS)[0] for prompt, seed in zip(prompts, seeds, strict=True)]
    backwards = sampler.draw(prompts[::-1], seeds[::-1], 1.0, TOKENS)[::-1]
    assert together == alone == backwards
    assert together != sampler.draw(prompts, [seed + 1 for seed in seeds], 1.0, TOKENS)
    assert all(0 < len(ids) <= TOKENS for ids in together)


def test_more_prompts_than_fit_at_once(lab: tuple[Any, Any], prompts: list[list[int]]) -> None:
    sampler, seeds = Sampler(*lab), list(range(70))
    many = [prompts[n % len(prompts)] for n in seeds]
    drawn = sampler.draw(many, seeds, 1.0, 6)
    assert drawn[66] == sampler.draw([many[66]], [66], 1.0, 6)[0]
    assert sampler.draw([], [], 1.0, 6) == []


def test_it_draws_what_the_engine_would(lab: tuple[Any, Any], questions: list[str], prompts: list[list[int]]) -> None:
    engine = TransformersEngine(Family(Model("m", "m", ModelKind.CHECKPOINT, str(LAB))), device="cpu")
    wanted: dict[str, list[int]] = {str(n): [] for n in range(len(questions))}
    asked = [Request(str(n), "m", q, Decoding(0.8, max_tokens=TOKENS, seed=n)) for n, q in enumerate(questions)]
    for event in engine.generate(asked):
        if isinstance(event, Piece):
            wanted[event.key] += [token.id for token in event.tokens if token.id is not None]
    drawn = Sampler(*lab).draw(prompts, list(range(len(prompts))), 0.8, TOKENS)
    end = ends(*lab)
    assert [[token for token in ids if token not in end] for ids in drawn] == [
        [token for token in ids if token not in end] for ids in wanted.values()
    ]


def test_without_chance_it_is_generate(lab: tuple[Any, Any], prompts: list[list[int]]) -> None:
    model, tokenizer = lab
    drawn = Sampler(model, tokenizer).draw(prompts[:2], [0, 0], 0.0, TOKENS)
    for prompt, ids in zip(prompts[:2], drawn, strict=True):
        out = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=TOKENS)[0, len(prompt) :]
        assert out.tolist()[: len(ids)] == ids


def test_an_adapter_draws_as_if_merged_and_is_left_alone(lab: tuple[Any, Any], prompts: list[list[int]]) -> None:
    model, tokenizer = copy.deepcopy(lab[0]), lab[1]
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    generator = torch.Generator().manual_seed(3)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            weight.data = torch.randn(weight.shape, generator=generator) * 0.1
    before = {name: weight.clone() for name, weight in adapted.state_dict().items()}
    seeds = list(range(len(prompts)))
    drawn = Sampler(adapted, tokenizer).draw(prompts, seeds, 1.0, TOKENS)
    assert all(torch.equal(weight, before[name]) for name, weight in adapted.state_dict().items())
    assert drawn == Sampler(adapted.merge_and_unload(), tokenizer).draw(prompts, seeds, 1.0, TOKENS)
    assert drawn != Sampler(*lab).draw(prompts, seeds, 1.0, TOKENS), "the adapter says something else"


def test_a_prompt_that_fills_the_context_gets_one_token(lab: tuple[Any, Any]) -> None:
    most = lab[0].config.max_position_embeddings
    assert [len(ids) for ids in Sampler(*lab).draw([[5] * (most - 3)], [0], 1.0, 50)] <= [3]


def test_parts_of_like_length_give_what_one_call_gives(lab: tuple[Any, Any], prompts: list[list[int]]) -> None:
    model, tokenizer = lab
    generator = torch.Generator().manual_seed(1)
    lengths = [3, 30, 1, 17, 30, 8, 22, 5, 12, 29, 2, 0]
    keep, before = max(lengths), max(map(len, prompts)) + 2
    ids = torch.full((len(lengths), before + keep), tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        prompt = prompts[row % len(prompts)]
        ids[row, before - len(prompt) : before] = torch.tensor(prompt)
        ids[row, before : before + length] = torch.randint(5, 200, (length,), generator=generator)
        mask[row, before - len(prompt) : before + length] = 1

    def forward(some: torch.Tensor, seen: torch.Tensor, kept: int) -> tuple[torch.Tensor, ...]:
        logits = model(input_ids=some, attention_mask=seen, use_cache=False).logits[:, :-1][:, -kept:]
        return logits, selective_log_softmax(logits, some[:, -kept:]), entropy_from_logits(logits)

    with torch.no_grad():
        parts, whole = in_parts(forward, ids, mask, keep), forward(ids, mask, keep)
    counted = mask[:, -keep:].bool()
    for got, wanted in zip(parts, whole, strict=True):
        assert got.shape == wanted.shape
        torch.testing.assert_close(got[counted], wanted[counted], atol=5e-5, rtol=1e-5)


def test_gradients_flow_through_parts(lab: tuple[Any, Any]) -> None:
    weight = torch.randn(7, generator=torch.Generator().manual_seed(0), requires_grad=True)
    ids = torch.arange(7).repeat(10, 3)[:, :12]
    mask = torch.ones_like(ids)
    for row in range(10):
        mask[row, 12 - row % 5 :] = 0

    def forward(some: torch.Tensor, seen: torch.Tensor, kept: int) -> tuple[torch.Tensor, ...]:
        return (weight[some[:, -kept:]] ** 2,)

    losses = [values * mask[:, -8:] for values in (in_parts(forward, ids, mask, 8)[0], forward(ids, mask, 8)[0])]
    got, wanted = (torch.autograd.grad(loss.sum(), weight, retain_graph=True)[0] for loss in losses)
    torch.testing.assert_close(got, wanted)


def test_names_make_seeds() -> None:
    assert seed_of("rollout", 1, 2, 3) == seed_of("rollout", 1, 2, 3)
    assert len({seed_of("rollout", 0, step, place) for step in range(20) for place in range(20)}) == 400
    assert seed_of("a", 12) != seed_of("a", 1, 2) and 0 <= seed_of("a") < 2**63


def test_items_have_what_the_process_needs(four: tuple[TrainingProblem, ...]) -> None:
    assert all(item.gold and item.solution and "</think>" in item.solution for item in four)
