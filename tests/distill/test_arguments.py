"""What TRL is told: every argument exists there, batches add up, and nothing of TRL's own is left to chance."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from backend.distill import arguments
from backend.distill.settings import Method, Remedy, Schedule, Teacher, TrainingSettings
from backend.distill.train_plan import Evaluation, TrainingProblem, TrainPlan
from backend.domain import Context, UserError

ITEM = TrainingProblem("Use 2, 3 to make 6.", "2 * 3", "<think>\n2 * 3 = 6\n</think>\n\n\\boxed{2 * 3}")


def plan(**settings: Any) -> TrainPlan:
    return TrainPlan("nowhere", TrainingSettings(**settings), (ITEM,))


def config_of(method: Method) -> Any:
    from trl import GRPOConfig, SFTConfig
    from trl.experimental.sdft import SDFTConfig
    from trl.experimental.sdpo import SDPOConfig

    return {Method.SFT: SFTConfig, Method.SDFT: SDFTConfig, Method.SDPO: SDPOConfig, Method.GRPO: GRPOConfig}[method]


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("schedule", [Schedule.CONSTANT, Schedule.COSINE])
def test_trl_takes_what_it_is_given(method: Method, schedule: Schedule, tmp_path: Path) -> None:
    asked = plan(method=method, prompts=8, samples=2, updates=2, micro_batch=4, schedule=schedule, warmup=3)
    given = arguments.arguments(asked, tmp_path)
    made = config_of(method)(**given)
    for name, value in given.items():
        got = getattr(made, name)
        wanted = [] if name == "report_to" else value
        assert (got.value if hasattr(got, "value") else got) == wanted, name
    assert made.per_device_train_batch_size * made.gradient_accumulation_steps == 8
    assert not made.gradient_checkpointing, "on a CPU it only costs"
    assert made.logging_steps == 1 and not made.logging_nan_inf_filter
    if method is not Method.SFT:
        assert made.generation_batch_size == 16 and made.num_generations == 2


@pytest.mark.parametrize("method", list(Method))
def test_a_gpu_gets_the_same_training_in_bfloat16(method: Method) -> None:
    here, there = (arguments.arguments(plan(method=method), Path("out"), cuda=cuda) for cuda in (False, True))
    changed = {name for name in here if here[name] != there[name]}
    assert changed == {"use_cpu", "bf16", "gradient_checkpointing", "dataloader_pin_memory"}
    config = {field.name for field in dataclasses.fields(config_of(method))}
    assert set(there) <= config


def test_the_traps_of_trl_are_turned_off() -> None:
    taught = arguments.arguments(plan(), Path("out"))
    assert taught["max_prompt_length"] is None, "512 would cut the question off a long solution"
    assert taught["distillation_mode"] == "topk_logits" and taught["distillation_add_tail"]
    assert arguments.arguments(plan(top_k=0), Path("out"))["distillation_mode"] == "full_logits"
    siblings = arguments.arguments(plan(method=Method.SDPO, samples=8), Path("out"))
    assert siblings["dont_reprompt_on_self_success"] and siblings["success_reward_threshold"] == 0.5
    assert siblings["distillation_weight"] == 1.0 and siblings["max_reprompt_len"] > 10**6
    assert siblings["distillation_mode"] == "topk_logits" and siblings["distillation_alpha"] == 0.5
    rewarded = arguments.arguments(plan(method=Method.GRPO, samples=8), Path("out"))
    assert rewarded["scale_rewards"] == "none" and rewarded["beta"] == 0.0
    assert rewarded["loss_type"] == "bnpo", "the mean over tokens"
    assert arguments.arguments(plan(method=Method.SFT), Path("out"))["max_length"] is None
    kinds = {kind: arguments.arguments(plan(teacher=kind), Path("out"))["teacher_model_kind"] for kind in Teacher}
    assert kinds == {Teacher.FIXED: "base", Teacher.EMA: "ema", Teacher.LIVE: "live"}


@pytest.mark.parametrize(
    ("changes", "processes", "wanted"),
    [
        ({"prompts": 32}, 1, (32, 1)),
        ({"prompts": 32, "updates": 4}, 1, (8, 1)),
        ({"prompts": 16, "samples": 8, "micro_batch": 4}, 1, (4, 32)),
        ({"prompts": 256, "samples": 8, "updates": 2, "micro_batch": 1}, 8, (1, 128)),
        ({"prompts": 32}, 4, (8, 1)),
    ],
)
def test_rows_and_parts_make_up_an_update(changes: dict[str, Any], processes: int, wanted: tuple[int, int]) -> None:
    asked = TrainingSettings(**changes)
    rows, parts = arguments.rows_and_parts(asked, processes)
    assert (rows, parts) == wanted
    assert rows * parts * processes * asked.updates == asked.rollouts


@pytest.mark.parametrize(
    ("problems", "prompts", "steps", "wanted"),
    [
        (32, 32, 50, 1),
        (512, 32, 50, 1),
        (8, 32, 50, 4),
        (1, 32, 50, 32),
        (48, 32, 50, 2),
        (2937, 32, 50, 1),
        (5, 8, 2, 4),
    ],
)
def test_no_problem_is_left_over(problems: int, prompts: int, steps: int, wanted: int) -> None:
    asked = TrainingSettings(prompts=prompts, steps=steps)
    found = arguments.copies(asked, problems)
    assert found == wanted
    rows = found * problems
    assert rows >= prompts and (rows % prompts == 0 or rows >= prompts * steps)


def test_copies_of_responses_fill_a_batch() -> None:
    assert arguments.copies(TrainingSettings(method=Method.SFT, prompts=32), 5) == 7
    assert arguments.copies(TrainingSettings(method=Method.SFT, prompts=32), 100) == 1


@pytest.mark.parametrize(("every", "updates", "wanted"), [(10, 1, 10), (10, 4, 12), (1, 2, 2), (8, 4, 8)])
def test_a_checkpoint_never_falls_between_updates_of_the_same_rollouts(every: int, updates: int, wanted: int) -> None:
    asked = TrainPlan("nowhere", TrainingSettings(updates=updates), (ITEM,), checkpoint_every=every)
    assert arguments.save_steps(asked) == wanted


@pytest.mark.parametrize("method", [Method.SDFT, Method.SDPO, Method.GRPO])
@pytest.mark.parametrize("vllm", ["colocate", "server:http://localhost:8000"])
def test_vllm_is_asked_for_by_its_own_names(method: Method, vllm: str) -> None:
    given = arguments.arguments(dataclasses.replace(plan(method=method, samples=2), vllm=vllm), Path("out"), cuda=True)
    assert given["use_vllm"]
    assert set(given) <= {field.name for field in dataclasses.fields(config_of(method))}
    if vllm == "colocate":
        assert (given["vllm_mode"], given["vllm_gpu_memory_utilization"]) == ("colocate", 0.3)
    else:
        assert (given["vllm_mode"], given["vllm_server_base_url"]) == ("server", "http://localhost:8000")
    assert given.get("vllm_importance_sampling_correction", False) is (method is Method.GRPO)


def test_without_vllm_nothing_of_it_is_said() -> None:
    for method in Method:
        assert not [name for name in arguments.arguments(plan(method=method), Path("out")) if "vllm" in name]
    responses = dataclasses.replace(plan(method=Method.SFT), vllm="colocate")
    assert "use_vllm" not in arguments.arguments(responses, Path("out"))


@pytest.mark.parametrize("vllm", ["yes", "server:", "server:ftp://here"])
def test_an_unknown_source_of_rollouts_is_refused(vllm: str) -> None:
    with pytest.raises(UserError, match="say “colocate”"):
        arguments.check_vllm(dataclasses.replace(plan(), vllm=vllm))


def test_vllm_is_refused_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = dataclasses.replace(plan(), vllm="colocate")
    monkeypatch.setattr(arguments, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="isn't installed here"):
        arguments.check_vllm(asked)
    monkeypatch.setattr(arguments, "find_spec", lambda name: object())
    arguments.check_vllm(asked)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora_rank": 8, "teacher": Teacher.EMA}, "moving teacher of an adapter"),
        ({"method": Method.SDPO, "samples": 8, "lora_rank": 8, "teacher": Teacher.EMA}, "moving teacher of an adapter"),
        ({"method": Method.GRPO}, "at least 2 samples"),
        ({"context": Context.NONE}, "teaches nothing"),
        ({"context": Context.REGENERATED}, "no regenerated response"),
        ({"method": Method.SDPO, "samples": 2, "context": Context.ANSWER}, "successful sibling"),
        ({"method": Method.SFT, "remedy": Remedy.CLIP}, "has none"),
        ({"prompts": 5, "updates": 2}, "can't be shared out evenly"),
        ({"prompts": 6, "micro_batch": 4}, "no multiple of the micro batch"),
        ({"learning_rate": float("nan")}, "learning rate can't be nan"),
        ({"temperature": 0.0}, "temperature can't be 0"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TrainingSettings(**changes).check()


@pytest.mark.parametrize("raw", [{"steps": "many"}, {"steps": None}, {"method": "DPO"}, {"teacher_forcing": 1}])
def test_settings_that_cannot_be_read_are_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="training setting"):
        TrainingSettings.from_json(raw)


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    asked = TrainPlan(
        "base",
        TrainingSettings(method=Method.SDPO, context=Context.SOLUTION_NO_THINK, samples=4, remedy=Remedy.CLIP),
        (ITEM, TrainingProblem("ü“\u2028?")),
        evaluations=(Evaluation("held out", (ITEM,), context=Context.PLACEBO, ends=True),),
        watched=(ITEM,),
        vllm="colocate",
    )
    asked.write(tmp_path)
    assert TrainPlan.read(tmp_path) == asked
