"""Translates training settings into the arguments of TRL's configurations.

Owns the argument names of TRL 1.16, and which of its defaults are not left alone. Loads no model library, so that what
a job would run with can be tested and shown anywhere.
"""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from backend.distill.settings import Method, Teacher, TrainingSettings
from backend.distill.train_plan import TrainPlan
from backend.domain import UserError, visible

_TEACHERS: Final = {Teacher.FIXED: "base", Teacher.EMA: "ema", Teacher.LIVE: "live"}
_SCHEDULES: Final = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
_SUCCESS: Final = 0.5  # the reward from which a rollout counts as correct; the paper's, TRL's default is 1
_NO_LIMIT: Final = 10**9
_COLOCATE: Final = "colocate"
_SERVER: Final = "server:"
_VLLM_MEMORY: Final = 0.3  # of the GPU; the rest is the trainer's
_MOST_WEIGHT: Final = 2.0  # the paper's cap of the importance weights


def arguments(plan: TrainPlan, folder: Path, *, cuda: bool = False, processes: int = 1) -> dict[str, Any]:
    """Keyword arguments for SFTConfig, SDFTConfig, SDPOConfig or GRPOConfig, by the plan's method.

    A step's rollouts are divided among `processes`; with `cuda` they run in bfloat16.
    """
    settings = plan.settings
    parts = rows_and_parts(settings, processes)[1]
    of_method = {Method.SFT: _sft, Method.SDFT: _self_distillation, Method.SDPO: _sdpo, Method.GRPO: _grpo}
    return _common(plan, folder, cuda, processes) | of_method[settings.method](settings, parts) | _vllm(plan)


def rows_and_parts(settings: TrainingSettings, processes: int = 1) -> tuple[int, int]:
    """Batch size of each process, and how many batches make an update (gradient accumulation)."""
    update = settings.rollouts // settings.updates
    rows = settings.micro_batch or -(-update // processes)
    return rows, max(1, update // (rows * processes))


def copies(settings: TrainingSettings, problems: int) -> int:
    """How often the data set has to be repeated for every step to be full."""
    if settings.method is Method.SFT:
        return max(1, -(-settings.rollouts // problems))
    # TRL drops what is left of a data set when it no longer fills a step: the same problems each time, which would
    # never be trained on. So it is repeated until nothing is left over, or until all steps have enough.
    even = settings.prompts // math.gcd(settings.prompts, problems)
    return min(even, -(-settings.prompts * max(1, settings.steps) // problems))


def save_steps(plan: TrainPlan) -> int:
    """Steps between checkpoints: whole batches of rollouts, because a resumed run samples its first batch anew."""
    updates = plan.settings.updates
    return max(1, -(-plan.checkpoint_every // updates)) * updates


def check_vllm(plan: TrainPlan) -> None:
    """Raise UserError where the plan asks for vLLM in a way that isn't possible here."""
    if not plan.vllm:
        return
    if plan.vllm != _COLOCATE and not plan.vllm.startswith((f"{_SERVER}http://", f"{_SERVER}https://")):
        raise UserError(
            f"Rollouts can't be drawn by {visible(plan.vllm)}: say “colocate” for an engine beside the training, or "
            "“server:” and the address of a server."
        )
    if find_spec("vllm") is None:
        raise UserError("vLLM isn't installed here: `make gpu` installs it. Or leave the rollouts to our own decoder.")


def _common(plan: TrainPlan, folder: Path, cuda: bool, processes: int) -> dict[str, Any]:
    settings = plan.settings
    rows, parts = rows_and_parts(settings, processes)
    return {
        "output_dir": str(folder),
        "seed": settings.seed,
        "max_steps": settings.steps,
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": parts,
        "learning_rate": settings.learning_rate,
        "warmup_steps": settings.warmup,
        "lr_scheduler_type": _SCHEDULES[settings.schedule.value],
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.clip_norm,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # a loss that is no number has to be seen, not replaced by the last average
        "save_strategy": "steps",
        "save_steps": save_steps(plan),
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not cuda,
        "bf16": cuda,
        "gradient_checkpointing": cuda,  # on by TRL's default; a small model on a CPU needn't save memory
        "dataloader_pin_memory": cuda,
        "push_to_hub": False,
    }


def _rollouts(settings: TrainingSettings, parts: int) -> dict[str, Any]:
    return {
        "num_generations": settings.samples,
        "steps_per_generation": parts * settings.updates,
        "max_completion_length": settings.max_tokens,
        "temperature": settings.temperature,
        "shuffle_dataset": False,  # arms of a comparison train on the same problems in the same order
    }


def _sft(settings: TrainingSettings, parts: int) -> dict[str, Any]:
    # Nothing is cut (the default is 1,024 tokens), and the rows are token ids already.
    return {"max_length": None, "packing": False, "dataset_kwargs": {"skip_prepare_dataset": True}}


def _self_distillation(settings: TrainingSettings, parts: int) -> dict[str, Any]:
    full = not settings.top_k
    return _rollouts(settings, parts) | {
        # Left at 512, TRL would cut the teacher's prompt from the left: a long solution would push the question out.
        "max_prompt_length": None,
        "distillation_mode": "full_logits" if full else "topk_logits",
        "distillation_topk": None if full else settings.top_k,
        "distillation_alpha": settings.alpha,
        "distillation_add_tail": settings.tail,
        "distillation_is_clip": settings.ratio_clip,
        "teacher_model_kind": _TEACHERS[settings.teacher],
        "teacher_update_rate": settings.teacher_rate,
    }


def _sdpo(settings: TrainingSettings, parts: int) -> dict[str, Any]:
    # Left alone, TRL's SDPO would look at the sampled token only, with a moving teacher; mode, alpha and teacher are
    # those of self-distillation above.
    return _self_distillation(settings, parts) | {
        "distillation_weight": 1.0,
        "success_reward_threshold": _SUCCESS,
        "dont_reprompt_on_self_success": True,
        "scale_rewards": "none",
        "solution_template": "{successful_previous_attempt}",  # our builder words the prompt, see trainers
        "max_reprompt_len": _NO_LIMIT,
    }


def _grpo(settings: TrainingSettings, parts: int) -> dict[str, Any]:
    return _rollouts(settings, parts) | {
        # The paper's GRPO: no KL term, and advantages that aren't divided by their standard deviation.
        "beta": 0.0,
        "scale_rewards": "none",
        "loss_type": "bnpo",
        "epsilon": settings.epsilon_low,
        "epsilon_high": settings.epsilon_high,
    }


def _vllm(plan: TrainPlan) -> dict[str, Any]:
    """Arguments for rollouts by vLLM, none where our own decoder samples them."""
    if not plan.vllm or plan.settings.method is Method.SFT:
        return {}
    given: dict[str, Any] = {"use_vllm": True, "vllm_mode": _COLOCATE, "vllm_gpu_memory_utilization": _VLLM_MEMORY}
    if plan.vllm != _COLOCATE:
        given = {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": plan.vllm.removeprefix(_SERVER)}
    # vLLM's probabilities aren't quite the trainer's: each token is weighted by their ratio, as in the paper. TRL has
    # such weights for GRPO, none for self-distillation.
    if plan.settings.method is Method.GRPO:
        given |= {
            "vllm_importance_sampling_correction": True,
            "vllm_importance_sampling_mode": "token_truncate",
            "vllm_importance_sampling_clip_max": _MOST_WEIGHT,
        }
    return given
